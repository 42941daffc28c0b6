"""What spike sources send: spikes from outside, the specified random picks, clocks."""

from pathlib import Path

import numpy as np

from .errors import RunnerError
from .netlist import Netlist

LOW = np.uint64(0xFFFF_FFFF)
HALF = np.uint64(32)
REMEDY = "write it with `fsvae-sim generate MODEL.lif --events events.npz`, with the .lif file from beside the netlist"


def read_events(path: Path, netlist: Netlist, images: int) -> np.ndarray:
    """`[event, (image, step, population, neuron)]` of `fsvae-sim generate --events`, populations in the netlist's order."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            events = np.stack([archive[name].astype(np.int64) for name in ("image", "step", "population", "neuron")], axis=1)
            names = archive["population_names"].tolist()
            model = archive["model"].tolist() if "model" in archive else [netlist.rows["fingerprint"]]
    except OSError as error:
        raise RunnerError("E001", f"cannot read {path}: {error.strerror or error}", REMEDY) from None
    except Exception as error:  # numpy and zipfile have many words for one thing
        raise RunnerError("E162", f"{path} holds no events: {error}", REMEDY) from None
    if names != [row["name"] for row in netlist.rows["populations"]] or model != [netlist.rows["fingerprint"]]:
        raise RunnerError("E162", f"the events of {path} are those of another network", REMEDY)
    if events.ndim != 2:
        raise RunnerError("E162", f"{path} holds no events: its columns are tables", REMEDY)
    neurons = np.array([int(np.prod(row["layout"])) for row in netlist.rows["populations"]])
    known = (events >= 0).all() and (events[:, 1] < netlist.steps).all() and (events[:, 2] < len(neurons)).all()
    if not known or (events[:, 3] >= neurons[events[:, 2]]).any():
        raise RunnerError("E162", f"{path} has spikes of steps or neurons that the network does not have", REMEDY)
    drawn = int(events[:, 0].max(initial=-1)) + 1
    if images > drawn:
        raise RunnerError("E162", f"{path} has spikes of {drawn} images, and {images} are asked for", f"ask for fewer --images, or {REMEDY}")
    return events


def of_image(netlist: Netlist, events, seed: int, image: int) -> dict:
    """By spike source the ticks and neurons of its spikes."""
    spikes = {}
    for row in netlist.rows["vertices"]:
        ticks = netlist.ticks_of(row)
        if row["role"] == "clock":
            spikes[row["name"]] = (ticks, np.zeros_like(ticks))
        elif row["role"] == "picks":
            step, neuron = np.nonzero(one_hot(seed, image, netlist.steps, row["neurons"] // row["ways"], row["ways"]))
            spikes[row["name"]] = (ticks[step], neuron)
        elif row["role"] == "given":
            if events is None:
                raise RunnerError("E162", f"{row['name']} waits for spikes, and none are given", f"give them with --events; {REMEDY}")
            population = [other["name"] for other in netlist.rows["populations"]].index(row["population"])
            mine = events[(events[:, 0] == image) & (events[:, 2] == population)]
            spikes[row["name"]] = (ticks[mine[:, 1]], mine[:, 3])
    return spikes


def one_hot(seed: int, image: int, steps: int, channels: int, ways: int) -> np.ndarray:
    """The picks of an image as spikes, `[step][channel * ways + way]`: in each group of `ways` exactly one."""
    step, channel = np.meshgrid(np.arange(steps, dtype=np.uint64), np.arange(channels, dtype=np.uint64), indexing="ij")
    words = [np.full_like(step, word) for word in (image & 0xFFFF_FFFF, image >> 32)]
    first = philox4x32_10([channel, step, *words], [seed & 0xFFFF_FFFF, seed >> 32])[0]
    spikes = np.zeros((steps, channels, ways), dtype=bool)
    pick = (first * np.uint64(ways)) >> HALF
    spikes[step.astype(int), channel.astype(int), pick.astype(int)] = True
    return spikes.reshape(steps, channels * ways)


def philox4x32_10(counter: list, key: list) -> list:
    """One block of Philox4x32-10 (Salmon et al., SC 2011) for arrays of counters, in `uint64` that hold 32 bits."""
    for turn in range(10):
        if turn > 0:
            key = [(key[0] + 0x9E37_79B9) & 0xFFFF_FFFF, (key[1] + 0xBB67_AE85) & 0xFFFF_FFFF]
        left = counter[0] * np.uint64(0xD251_1F53)
        right = counter[2] * np.uint64(0xCD9E_8D57)
        counter = [
            (right >> HALF) ^ counter[1] ^ np.uint64(key[0]),
            right & LOW,
            (left >> HALF) ^ counter[3] ^ np.uint64(key[1]),
            left & LOW,
        ]
    return counter
