"""Reads `netlist.json` and `arrays.npz`, and refuses what Lava would misread or hang on.

Lava checks no widths: weights, biases and thresholds that the chip does not have would be clipped or run silently.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from .errors import RunnerError

FORMAT, VERSION = "lif-netlist/loihi", 1
NETLIST_FILE = "netlist.json"
MOST = 1 << 31  # neurons, ticks: what no netlist that fits a chip has
WHOLE = "compile the model again; a netlist is its two files as fsvae-compile wrote them"

# The argument that a process must have, with its least and its largest value. Shapes and arrays are checked apart.
INTEGERS = {
    "PhasedLIF": {"du": (0, 4095), "dv": (0, 4095), "vth": (0, 131071), "first_tick": (1, MOST)},
    "LIF": {"du": (0, 4095), "dv": (0, 4095), "vth": (0, 131071)},
    "Dense": {"delay": (0, 63)},
    "Sparse": {"delay": (0, 63)},
    "RingBuffer": {"first_tick": (1, MOST)},
}
NEURONS = ("PhasedLIF", "LIF", "RingBuffer")
SYNAPSES = ("Dense", "Sparse")


@dataclass
class Netlist:
    """A netlist whose every name, shape and width is right."""

    rows: dict  # as the file has it
    arrays: dict  # by name
    processes: dict  # rows by name
    weights: dict  # by name of a Dense (array) or Sparse (csr_matrix), integers

    @property
    def ticks_per_step(self) -> int:
        return self.rows["schedule"]["ticks_per_step"]

    @property
    def ticks_per_image(self) -> int:
        return self.rows["schedule"]["ticks_per_image"]

    @property
    def steps(self) -> int:
        return self.rows["schedule"]["steps"]

    def of_type(self, *types: str) -> list:
        """The rows of these types."""
        return [row for row in self.rows["processes"] if row["type"] in types]


def read(folder: Path) -> Netlist:
    """Reads and checks a netlist."""
    rows = read_json(folder / NETLIST_FILE)
    if not isinstance(rows, dict) or rows.get("format") != FORMAT:
        raise RunnerError("E121", f"{folder / NETLIST_FILE} is no netlist for Loihi", WHOLE)
    if rows.get("version") != VERSION:
        cause = f"{folder / NETLIST_FILE} has version {rows.get('version')!r}, and this runner reads version {VERSION}"
        raise RunnerError("E121", cause, "compile the model with the fsvae-compile that this runner came with")
    arrays_file = rows.get("arrays")
    if not isinstance(arrays_file, str) or Path(arrays_file).name != arrays_file:
        raise broken("`arrays` is no file name")
    check_integers("schedule", rows.get("schedule"), {key: (1, MOST) for key in ("steps", "ticks_per_step", "ticks_per_image")})
    arrays = read_arrays(folder / arrays_file)
    for table in ("processes", "connections", "outputs", "populations", "projections"):
        if not isinstance(rows.get(table), list) or not all(isinstance(row, dict) for row in rows[table]):
            raise broken(f"`{table}` is no table")
    processes = {}
    for row in rows["processes"]:
        if not isinstance(row.get("name"), str) or row["name"] in processes:
            raise broken(f"a process has no name of its own: {row.get('name')!r}")
        processes[row["name"]] = row
        check_process(row)
    netlist = Netlist(rows, arrays, processes, {})
    for row in rows["processes"]:
        check_arrays(netlist, row)
    check_connections(netlist)
    check_tables(netlist)
    return netlist


def broken(cause: str) -> RunnerError:
    return RunnerError("E122", f"the netlist is damaged: {cause}", WHOLE)


def read_json(path: Path):
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise RunnerError("E001", f"cannot read {path}: {error.strerror}", "name the folder that fsvae-compile wrote") from None
    except (ValueError, RecursionError) as error:
        raise RunnerError("E121", f"{path} is no netlist: {error}", WHOLE) from None


def read_arrays(path: Path) -> dict:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except OSError as error:
        raise RunnerError("E001", f"cannot read {path}: {error.strerror or error}", WHOLE) from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, MemoryError, TypeError, AttributeError) as error:
        raise RunnerError("E121", f"{path} holds no arrays: {error}", WHOLE) from None


def check_integers(name: str, row, ranges: dict) -> None:
    for key, (least, most) in ranges.items():
        value = row.get(key) if isinstance(row, dict) else None
        if type(value) is not int or not least <= value <= most:
            raise broken(f"`{key}` of {name} is {value!r}, and {least} to {most} are possible")


def check_process(row: dict) -> None:
    name, kind = row["name"], row.get("type")
    if kind not in INTEGERS:
        raise broken(f"{name} is of the type {kind!r}, which does not exist")
    check_integers(name, row, INTEGERS[kind])
    shape, length = row.get("shape"), 1 if kind in NEURONS else 2
    if not isinstance(shape, list) or len(shape) != length or not all(type(size) is int and 1 <= size < MOST for size in shape):
        raise broken(f"{name} has the shape {shape!r}")
    if kind == "RingBuffer":
        spikes = row.get("spikes")
        kind = spikes.get("kind") if isinstance(spikes, dict) else None
        if kind == "picks":
            check_integers(f"{name}'s spikes", spikes, {"channels": (1, MOST), "ways": (1, MOST)})
            if spikes["channels"] * spikes["ways"] != shape[0]:
                raise broken(f"{name} does not have channels * ways neurons")
        elif kind == "draw":
            check_integers(f"{name}'s spikes", spikes, {"channel": (0, MOST)})
        elif kind != "given" or not isinstance(spikes.get("population"), str):
            raise broken(f"{name} gets its spikes from nowhere")


def array(netlist: Netlist, row: dict, key: str, shape=None) -> np.ndarray:
    values = netlist.arrays.get(row.get(key)) if isinstance(row.get(key), str) else None
    if values is None or values.dtype.kind not in "iu" or (values.shape != shape if shape else values.ndim != 1):
        raise broken(f"`{key}` of {row.get('name', 'an output')} is no array of integers of the shape {shape or '(n,)'}")
    return values


def check_arrays(netlist: Netlist, row: dict) -> None:
    kind, name, shape = row["type"], row["name"], tuple(row["shape"])
    if kind == "PhasedLIF":
        mantissas, exponents = array(netlist, row, "bias_mant", shape), array(netlist, row, "bias_exp", shape)
        if not within(mantissas, -4096, 4095) or not within(exponents, 0, 7):
            raise broken(f"{name} has a bias that is no 13-bit mantissa with an exponent of 0 to 7")
    elif kind == "Dense":
        netlist.weights[name] = array(netlist, row, "weights", shape).astype(np.int32)
        check_weights(name, netlist.weights[name])
    elif kind == "Sparse":
        data, indices, starts = (array(netlist, row, key) for key in ("data", "indices", "indptr"))
        fits = len(starts) == shape[0] + 1 and starts[0] == 0 and starts[-1] == len(data) == len(indices)
        if not fits or not (np.diff(starts) >= 0).all() or not within(indices, 0, shape[1] - 1):
            raise broken(f"the synapses of {name} do not fit its shape")
        check_weights(name, data)
        netlist.weights[name] = csr_matrix((data.astype(np.int32), indices, starts), shape)


def check_weights(name: str, weights: np.ndarray) -> None:
    if not within(weights, -256, 254) or (weights % 2 != 0).any():
        raise broken(f"{name} has a weight that is not an even number of -256 to 254, which the chip would round")


def within(values: np.ndarray, least: int, most: int) -> bool:
    return values.size == 0 or bool(values.min() >= least and values.max() <= most)


def check_connections(netlist: Netlist) -> None:
    for row in netlist.rows["connections"]:
        ends = [port(netlist, row.get(end), outgoing) for end, outgoing in (("from", True), ("to", False))]
        if ends[0] != ends[1]:
            raise broken(f"{row['from']} sends {ends[0]} numbers, and {row['to']} hears {ends[1]}")


def split(name: str) -> list:
    """Process and port."""
    return name.rsplit(".", 1)


def port(netlist: Netlist, name, outgoing: bool) -> int:
    """How wide a port is."""
    process, end = split(name) if isinstance(name, str) and "." in name else (None, None)
    row = netlist.processes.get(process)
    if row is not None and row["type"] in SYNAPSES and end == ("a_out" if outgoing else "s_in"):
        return row["shape"][0 if outgoing else 1]
    if row is not None and row["type"] in NEURONS and (end == "s_out" if outgoing else end == "a_in" and row["type"] != "RingBuffer"):
        return row["shape"][0]
    raise broken(f"{name!r} is no port to connect {'from' if outgoing else 'to'}")


def check_tables(netlist: Netlist) -> None:
    for row in netlist.rows["populations"]:
        process = netlist.processes.get(row.get("name")) if isinstance(row.get("name"), str) else None
        if process is None or process["type"] not in NEURONS:
            raise broken(f"no process stands for the population {row.get('name')!r}")
        last = netlist.ticks_per_image - netlist.ticks_per_step * (netlist.steps - 1)
        check_integers(row["name"], row, {"first_tick": (1, last)})
    populations = {row["name"] for row in netlist.rows["populations"]}
    for row in netlist.rows["outputs"]:
        process = netlist.processes.get(row.get("process")) if isinstance(row.get("process"), str) else None
        layout = row.get("layout")
        sides = isinstance(layout, list) and len(layout) == 3 and all(type(side) is int and side > 0 for side in layout)
        if process is None or process["type"] != "PhasedLIF" or process["name"] not in populations or row.get("var") != "v" or not sides:
            raise broken(f"there is no output {row.get('process')!r}")
        if int(np.prod(layout, dtype=object)) != process["shape"][0] or (np.diff(array(netlist, row, "levels", (255,))) < 0).any():
            raise broken(f"the picture of {row['process']} does not fit it")
