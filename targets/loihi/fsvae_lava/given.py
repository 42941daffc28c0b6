"""What the user gives besides the netlist: spikes from outside, and whose membranes to keep."""

from pathlib import Path
from typing import Optional

import numpy as np

from .errors import RunnerError
from .netlist import MEMBRANES, Netlist


def read(path: Optional[Path], netlist: Netlist, images: int) -> dict:
    """By population `[image][step, neuron]`, from an npz file of arrays `[step, neuron]` or `[image, step, neuron]`."""
    sources = {row["spikes"]["population"]: row["shape"][0] for row in netlist.of_type("RingBuffer") if row["spikes"]["kind"] == "given"}
    if path is None:
        return {}
    known = f"its arrays are called after these populations: {', '.join(sources) or '(the network has none)'}"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except OSError as error:
        raise RunnerError("E001", f"cannot read {path}: {error.strerror or error}", known) from None
    except Exception as error:  # numpy and zipfile have many words for one thing
        raise RunnerError("E123", f"{path} holds no arrays: {error}", known) from None
    trains = {}
    for name, spikes in arrays.items():
        if name not in sources:
            raise RunnerError("E123", f"{path}: no population {name!r} waits for spikes", known)
        spikes = np.broadcast_to(spikes, (images, *spikes.shape)) if spikes.ndim == 2 else spikes
        if spikes.ndim != 3 or len(spikes) < images or spikes.shape[1] > netlist.steps or spikes.shape[2] != sources[name]:
            shape = f"[{images} images, at most {netlist.steps} steps, {sources[name]} neurons]"
            raise RunnerError("E123", f"{path}: {name} has the shape {list(spikes.shape)}, and {shape} are wanted", known)
        trains[name] = spikes != 0
    return trains


def watched(words: str, netlist: Netlist, outputs: list) -> list:
    """The processes whose membranes are kept: `all`, `outputs`, or names with commas; outputs are always among them."""
    possible = [row["name"] for row in netlist.of_type(*MEMBRANES)]
    if words == "all":
        return possible
    names = outputs if words == "outputs" else outputs + [name for name in words.split(",") if name not in outputs]
    for name in names:
        if name not in possible:
            raise RunnerError("E123", f"{name!r} has no membranes", f"these processes have: {', '.join(possible)}")
    return names
