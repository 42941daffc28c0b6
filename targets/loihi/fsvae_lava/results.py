"""What a run leaves: events, membranes, pictures, and the fingerprint that fsvae-sim prints for the same spikes and pictures."""

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np

from .netlist import NEURONS, Netlist

OFF_BEAT = 0xFFFF_FFFF  # the step of a spike at a tick at which its population is not updated


@dataclass
class Results:
    """All images of a run."""

    netlist: Netlist
    events: list = field(default_factory=list)  # `[event, (image, tick, process, neuron)]` of each image
    membranes: dict = field(default_factory=dict)  # by process, `[tick, neuron]` of each image
    pixels: dict = field(default_factory=dict)  # by process, `[channel, row, column]` of each image
    spikes: int = 0  # of the graph's populations in all images
    digests: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = [row["name"] for row in self.netlist.of_type(*NEURONS)]
        behind = self.netlist.ticks_per_step * (self.netlist.steps - 1)
        self.last_ticks = {row["name"]: row["first_tick"] + behind for row in self.netlist.rows["populations"]}

    def add(self, image: int, spikes: dict, membranes: dict) -> None:
        """Takes what `record.run` gives; `membranes` has those of the outputs."""
        rows = []
        for index, name in enumerate(self.names):
            tick, neuron = np.nonzero(spikes[name])
            rows.append(np.stack([np.full_like(tick, image), tick + 1, np.full_like(tick, index), neuron], axis=1))
        rows = np.concatenate(rows)
        rows = rows[np.lexsort((rows[:, 3], rows[:, 2], rows[:, 1]))]
        self.events.append(rows)
        for name, held in membranes.items():
            self.membranes.setdefault(name, []).append(held)
        for output in self.netlist.rows["outputs"]:
            levels = self.netlist.arrays[output["levels"]]
            done = self.last_ticks[output["process"]]
            picture = np.searchsorted(levels, membranes[output["process"]][done - 1], side="right")
            self.pixels.setdefault(output["process"], []).append(picture.astype(np.uint8).reshape(output["layout"]))
        spikes = self.of_graph(rows)
        self.spikes += len(spikes)
        self.digests.append(self.digest(image, spikes))

    def of_graph(self, rows: np.ndarray) -> np.ndarray:
        """The spikes of the graph's populations in the image's steps, `[spike, (image, step, population, neuron)]` in that order.

        What follows a population's last step is left out: the first layers run on while the last ones still do theirs.
        """
        populations = np.full(len(self.names), -1)
        first = np.zeros(len(self.names), dtype=np.int64)
        for index, row in enumerate(self.netlist.rows["populations"]):
            populations[self.names.index(row["name"])] = index
            first[self.names.index(row["name"])] = row["first_tick"]
        rows = rows[populations[rows[:, 2]] >= 0]
        behind, beat = rows[:, 1] - first[rows[:, 2]], self.netlist.ticks_per_step
        step = np.where((behind >= 0) & (behind % beat == 0), behind // beat, OFF_BEAT)
        spikes = np.stack([rows[:, 0], step, populations[rows[:, 2]], rows[:, 3]], axis=1)
        spikes = spikes[(behind < self.netlist.steps * beat)]
        return spikes[np.lexsort(spikes.T[::-1])]

    def digest(self, image: int, spikes: np.ndarray) -> bytes:
        """The hash of one image: its number, its spikes, its first picture."""
        outputs = self.netlist.rows["outputs"]
        picture = self.pixels[outputs[0]["process"]][-1].tobytes() if outputs else b""
        return hashlib.sha256(struct.pack("<QQ", image, len(spikes)) + spikes[:, 1:].astype("<u4").tobytes() + picture).digest()

    def fingerprint(self) -> str:
        """Equal to the one of `fsvae-sim generate` for the same images."""
        return hashlib.sha256(b"".join(self.digests)).hexdigest()

    def all_events(self) -> np.ndarray:
        return np.concatenate(self.events)

    def arrays(self) -> dict:
        """The arrays of the file of results, by name."""
        events = self.all_events()
        columns = {"image": "u8", "tick": "u4", "process": "u4", "neuron": "u4"}
        arrays = {name: events[:, column].astype(kind) for column, (name, kind) in enumerate(columns.items())}
        arrays["process_names"] = np.array(self.names)
        arrays.update({f"membranes/{name}": np.stack(held) for name, held in self.membranes.items()})
        arrays.update({f"pixels/{name}": np.stack(pictures) for name, pictures in self.pixels.items()})
        return arrays
