"""Lava's spikes beside those of `fsvae-sim generate --events events.npz`: are they the same, and where is the first that is not?"""

from pathlib import Path

import numpy as np

from .errors import RunnerError
from .results import OFF_BEAT, Results

COLUMNS = ("image", "step", "population", "neuron")


def read_events(path: Path, netlist) -> np.ndarray:
    """`[event, (image, step, population, neuron)]`, populations in the order of the netlist's."""
    remedy = "write it with `fsvae-sim generate MODEL.lif --events events.npz`, with the .lif file from beside the netlist"
    try:
        with np.load(path, allow_pickle=False) as archive:
            events = np.stack([archive[name].astype(np.int64) for name in COLUMNS], axis=1)
            names = archive["population_names"].tolist()
            model = archive["model"].tolist() if "model" in archive else [netlist.rows["fingerprint"]]
    except OSError as error:
        raise RunnerError("E001", f"cannot read {path}: {error.strerror or error}", remedy) from None
    except Exception as error:  # numpy and zipfile have many words for one thing
        raise RunnerError("E123", f"{path} holds no events: {error}", remedy) from None
    if names != [row["name"] for row in netlist.rows["populations"]] or model != [netlist.rows["fingerprint"]]:
        raise RunnerError("E123", f"the events of {path} are those of another network", remedy)
    return events


def first_difference(results: Results, expected: np.ndarray, images: int) -> tuple:
    """How many spikes only one side has, and the first of them in words."""
    ours = set(map(tuple, expected[expected[:, 0] < images].tolist()))
    lavas = set(map(tuple, results.of_graph(results.all_events()).tolist()))
    rows = results.netlist.rows["populations"]

    def in_time(spike: tuple) -> tuple:
        image, step, population, neuron = spike
        row = rows[population]
        return image, row["domain"], step * results.netlist.clock(row)["ticks_per_step"] + row["first_tick"], population, neuron

    different = ours ^ lavas
    if not different:
        return 0, None
    first = min(different, key=in_time)
    image, _, tick, population, neuron = in_time(first)
    who = "the simulator and not in Lava" if first in ours else "Lava and not in the simulator"
    when = f"tick {tick} (step {first[1]})" if first[1] != OFF_BEAT else "a tick that belongs to no step"
    return len(different), f"image {image}, {when}: neuron {neuron} of {rows[population]['name']} fires in {who}"
