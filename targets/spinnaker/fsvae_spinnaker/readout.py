"""The read-out, integrated where the spikes of the layer before it are read: the graph's integers, so the graph's bytes."""

import numpy as np

from .netlist import Netlist


def pictures(netlist: Netlist, spikes: dict) -> dict:
    """By read-out its bytes, `[channel, row, column]`; `spikes[population][step, neuron]`. Read-outs of others than vertices are left out."""
    found = {}
    for row in netlist.rows["populations"]:
        inputs = [other for other in netlist.rows["projections"] if other["target"] == row["name"]]
        if row["model"] == "readout" and all(projection["source"] in spikes for projection in inputs):
            found[row["name"]] = picture(netlist, row, inputs, spikes)
    return found


def picture(netlist: Netlist, row: dict, inputs: list, spikes: dict) -> np.ndarray:
    shape = tuple(row["layout"])
    layouts = {other["name"]: tuple(other["layout"]) for other in netlist.rows["populations"]}
    bias = spread(netlist.arrays[row["biases"]].astype(np.int64), shape)
    v = np.zeros(shape, np.int64)
    for step in range(netlist.steps):
        sums = np.zeros(shape, np.int64)
        for projection in inputs:
            heard = step - projection["delay"]
            if heard >= 0:
                sums += delivered(netlist, projection, spikes[projection["source"]][heard].reshape(layouts[projection["source"]]), shape)
        v = decayed(v, row["decay"]) + (sums << row["input_shift"]) + bias
    return np.searchsorted(netlist.arrays[row["levels"]], v, side="right").astype(np.uint8)


def decayed(v: np.ndarray, decay: dict) -> np.ndarray:
    product, low_bits = v * decay["multiplier"], (1 << decay["shift"]) - 1
    more = {"Floor": 0, "Ceiling": low_bits, "TowardZero": np.where(product < 0, low_bits, 0)}[decay["rounding"]]
    return (product + more) >> decay["shift"]


def spread(values: np.ndarray, shape: tuple) -> np.ndarray:
    """One value for all, for each channel or for each neuron."""
    if len(values) == shape[0]:
        values = np.repeat(values, shape[1] * shape[2])
    return np.broadcast_to(values, np.prod(shape)).reshape(shape)


def delivered(netlist: Netlist, projection: dict, fired: np.ndarray, shape: tuple) -> np.ndarray:
    """The sums of weights that the spikes of one step bring."""
    weights, sums = netlist.arrays[projection["weights"]].astype(np.int64), np.zeros(shape, np.int64)
    if projection["connectivity"] == "dense":
        return weights.reshape(-1, fired.size)[:, fired.ravel()].sum(axis=1).reshape(shape)
    size, stride, padding = projection["size"], projection["stride"], projection["padding"]
    transposed = projection["connectivity"] == "conv-transpose2d"
    pairs = (len(fired), shape[0]) if transposed else (shape[0], len(fired))
    kernel = weights.reshape(*pairs, size, size)
    kernel = kernel if transposed else kernel.swapaxes(0, 1)  # source, target, ky, kx
    for channel, y, x in np.argwhere(fired):
        for ky in range(size):
            for kx in range(size):
                place = target(y, ky, stride, padding, transposed), target(x, kx, stride, padding, transposed)
                if None not in place and place[0] < shape[1] and place[1] < shape[2]:
                    sums[:, place[0], place[1]] += kernel[channel, :, ky, kx]
    return sums


def target(source: int, tap: int, stride: int, padding: int, transposed: bool):
    """Where a source is heard through a tap, in one direction."""
    if transposed:
        place = source * stride + tap - padding
        return place if place >= 0 else None
    place, rest = divmod(source + padding - tap, stride)
    return place if rest == 0 and place >= 0 else None
