"""Reads a netlist's files, and refuses what no compiler wrote."""

import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import RunnerError

FORMAT, VERSION = "lif-netlist/spinnaker", 1
RING_MAX = 65535
WHOLE = "compile the model again; a netlist is its six files as fsvae-compile wrote them"
TABLES = ("populations", "projections", "vertices", "edges", "slices")
ROLES = ("neurons", "clock", "picks", "given")


@dataclass
class Synapses:
    """The synapses of an edge as arrays: source, target, and weight as it stands in a row, negative for inhibitory ones."""

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray


@dataclass
class Netlist:
    """A netlist whose tables fit each other."""

    rows: dict  # as the file has it
    folder: Path
    arrays: dict  # by name
    vertices: dict  # rows by name
    synapses: dict  # by name of an edge

    @property
    def steps(self) -> int:
        return self.rows["schedule"]["steps"]

    @property
    def ticks_per_step(self) -> int:
        return self.rows["schedule"]["ticks_per_step"]

    @property
    def ticks_per_image(self) -> int:
        return self.rows["schedule"]["ticks_per_image"]

    def neurons(self) -> list:
        """The rows of the vertices that compute."""
        return [row for row in self.rows["vertices"] if row["role"] == "neurons"]

    def ticks_of(self, row: dict) -> np.ndarray:
        """The ticks of a vertex's steps, counted from 1."""
        return row["first_tick"] + np.arange(self.steps) * self.ticks_per_step

    def members(self, piece: dict) -> np.ndarray:
        """The vertex's neurons of a slice, in the slice's order."""
        _, height, width = self.vertices[piece["vertex"]]["layout"]
        c, y, x = (np.arange(*piece[axis]) for axis in ("channels", "rows", "columns"))
        return ((c[:, None, None] * height + y[:, None]) * width + x).ravel()

    def placements(self) -> dict:
        """Chip and core by label of a slice."""
        return {row["vertex_label"]: (row["x"], row["y"], row["p"]) for row in read_json(self.folder / "placements.json")}


def leak(row: dict) -> float:
    """What remains of a membrane of this vertex after a tick, in real numbers."""
    root = row["leak"]
    decay = root["multiplier"] / 2.0 ** root["shift"]
    return decay ** (1.0 / root["ticks"])


def time_constant(row: dict) -> float:
    """In ticks, in real numbers."""
    return -1.0 / math.log(leak(row)) if leak(row) > 0.0 else 1.0 / 64.0


def read(folder: Path) -> Netlist:
    """Reads and checks a netlist."""
    rows = read_json(folder / "netlist.json")
    if not isinstance(rows, dict) or rows.get("format") != FORMAT:
        raise RunnerError("E161", f"{folder / 'netlist.json'} is no netlist for SpiNNaker", WHOLE)
    if rows.get("version") != VERSION:
        cause = f"{folder / 'netlist.json'} has version {rows.get('version')!r}, and this runner reads version {VERSION}"
        raise RunnerError("E161", cause, "compile the model with the fsvae-compile that this runner came with")
    try:
        netlist = Netlist(rows, folder.resolve(), read_arrays(folder / "arrays.npz"), {row["name"]: row for row in rows["vertices"]}, {})
        if min(netlist.steps, netlist.ticks_per_step, netlist.ticks_per_image, *(row["first_tick"] for row in rows["vertices"])) < 1:
            raise broken("steps and ticks are counted from 1")
        for row in rows["vertices"]:
            if row["role"] not in ROLES:
                raise broken(f"nobody knows what {row['name']} is: {row['role']!r}")
            if row["role"] == "neurons" and not 0.0 <= leak(row) < 1.0:
                raise broken(f"{row['name']} keeps {leak(row)} of its membranes")
        synapses = read_arrays(folder / "synapses.npz")
        for edge in rows["edges"]:
            netlist.synapses[edge["name"]] = synapses_of(netlist, edge, synapses)
        for row in netlist.neurons():
            worst = row["worst_ring"]
            if max(worst["excitatory"], worst["inhibitory"]) > RING_MAX:
                raise RunnerError("E161", f"the ring buffers of {row['name']} may saturate", WHOLE)
            if netlist.arrays[row["thresholds"]].shape != (row["neurons"],):
                raise broken(f"the thresholds of {row['name']} have another length")
        return netlist
    except (KeyError, TypeError, ValueError) as error:
        raise broken(f"{type(error).__name__}: {error}") from None


def synapses_of(netlist: Netlist, edge: dict, arrays: dict) -> Synapses:
    starts, post, weight = (arrays[f"{edge['synapses']}/{part}"] for part in ("starts", "post", "weight"))
    sources, targets = (netlist.vertices[edge[end]]["neurons"] for end in ("source", "target"))
    counts = np.diff(starts.astype(np.int64))
    if len(counts) != sources or (counts < 0).any() or len(post) != len(weight) or starts[0] != 0 or starts[-1] != len(post):
        raise broken(f"the rows of {edge['name']} do not fit")
    if len(post) and (post.max() >= targets or np.abs(weight).max() > RING_MAX) or edge["delay"] < 1:
        raise broken(f"a synapse of {edge['name']} does not exist")
    return Synapses(np.repeat(np.arange(sources), counts), post.astype(np.int64), weight.astype(np.int64))


def broken(cause: str) -> RunnerError:
    return RunnerError("E161", f"the netlist is not as it was written: {cause}", WHOLE)


def read_json(path: Path):
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise RunnerError("E001", f"cannot read {path}: {error.strerror}", WHOLE) from None
    except ValueError as error:
        raise RunnerError("E161", f"{path} is no JSON: {error}", WHOLE) from None


def read_arrays(path: Path) -> dict:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except OSError as error:
        raise RunnerError("E001", f"cannot read {path}: {error.strerror or error}", WHOLE) from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RunnerError("E161", f"{path} holds no arrays: {error}", WHOLE) from None
