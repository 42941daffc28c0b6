"""What a run leaves: events, membranes, pictures, and the fingerprint that fsvae-sim prints for the same spikes and pictures."""

import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np

from .netlist import NEURONS, Netlist
from .network import Run

OFF_BEAT = 0xFFFF_FFFF  # the step of a spike at a tick at which its population has no step


@dataclass
class Results:
    """All images of a command, as their domains are run."""

    netlist: Netlist
    images: int
    events: list = field(default_factory=list)  # `[event, (image, tick, process, neuron)]` of each run
    membranes: dict = field(default_factory=dict)  # by process, `[tick, neuron]` of each image
    kept: dict = field(default_factory=dict)  # by population, `[step, neuron]` of each image

    def __post_init__(self) -> None:
        self.names = [row["name"] for row in self.netlist.of_type(*NEURONS)]

    def add(self, run: Run, spikes: dict, membranes: dict) -> None:
        """Takes what `record.run` gives; `membranes` has those of the outputs.

        Where images follow each other, ticks are counted from the beginning of each: step s of a population is always
        `first_tick + s * ticks_per_step`.
        """
        clock, steps = self.netlist.domains[run.domain], self.netlist.steps
        interval = steps if clock["streams"] else clock["ticks_per_image"]
        for name, fired in spikes.items():
            first = self.netlist.processes[name]["first_tick"]
            tick, neuron = np.nonzero(fired)
            number = np.clip((tick + 1 - first) // steps, 0, run.images - 1) if clock["streams"] else np.zeros_like(tick)
            process = np.full_like(tick, self.names.index(name))
            self.events.append(np.stack([run.image + number, tick + 1 - number * interval, process, neuron], axis=1))
        windows = [slice(number * interval, number * interval + clock["ticks_per_image"]) for number in range(run.images)]
        for name, held in membranes.items():
            self.membranes.setdefault(name, []).extend(held[window] for window in windows)
        for row in self.netlist.rows["populations"]:
            if row["domain"] == run.domain:
                at = row["first_tick"] - 1 + clock["ticks_per_step"] * np.arange(steps)
                self.kept.setdefault(row["name"], []).extend(spikes[row["name"]][window][at] for window in windows)

    def all_events(self) -> np.ndarray:
        """In the order of image, tick, process, neuron."""
        events = np.concatenate(self.events)
        return events[np.lexsort(events.T[::-1])]

    def of_graph(self, rows: np.ndarray) -> np.ndarray:
        """The spikes of the graph's populations in the image's steps, `[spike, (image, step, population, neuron)]` in that order.

        What follows a population's last step is left out: the first layers run on while the last ones still do theirs. So is what comes
        before its first step where neurons are updated at every tick: their membranes are cleared before it.
        """
        populations = np.full(len(self.names), -1)
        first, beat = np.zeros(len(self.names), dtype=np.int64), np.ones(len(self.names), dtype=np.int64)
        streams = np.zeros(len(self.names), dtype=bool)
        for index, row in enumerate(self.netlist.rows["populations"]):
            place, clock = self.names.index(row["name"]), self.netlist.clock(row)
            populations[place], first[place] = index, row["first_tick"]
            beat[place], streams[place] = clock["ticks_per_step"], clock["streams"]
        rows = rows[populations[rows[:, 2]] >= 0]
        behind, beat, streams = rows[:, 1] - first[rows[:, 2]], beat[rows[:, 2]], streams[rows[:, 2]]
        step = np.where((behind >= 0) & (behind % beat == 0), behind // beat, OFF_BEAT)
        spikes = np.stack([rows[:, 0], step, populations[rows[:, 2]], rows[:, 3]], axis=1)
        spikes = spikes[(behind < self.netlist.steps * beat) & ((behind >= 0) | ~streams)]
        return spikes[np.lexsort(spikes.T[::-1])]

    def pixels(self) -> dict:
        """By process, `[image][channel, row, column]`: its membranes after the last step."""
        pictures = {}
        for output in self.netlist.rows["outputs"]:
            row, levels = self.netlist.processes[output["process"]], self.netlist.arrays[output["levels"]]
            done = row["first_tick"] + self.netlist.clock(row)["ticks_per_step"] * (self.netlist.steps - 1)
            drawn = [np.searchsorted(levels, held[done - 1], side="right") for held in self.membranes[output["process"]]]
            pictures[output["process"]] = np.stack(drawn).astype(np.uint8).reshape(-1, *output["layout"])
        return pictures

    def summary(self) -> tuple:
        """How many spikes the graph's populations fired, and the fingerprint of `fsvae-sim generate` for the same images."""
        spikes, pictures = self.of_graph(self.all_events()), self.pixels()
        first = next(iter(pictures.values()), None)
        digests = []
        for image in range(self.images):
            of_image = spikes[spikes[:, 0] == image]
            picture = b"" if first is None else first[image].tobytes()
            hashed = struct.pack("<QQ", image, len(of_image)) + of_image[:, 1:].astype("<u4").tobytes() + picture
            digests.append(hashlib.sha256(hashed).digest())
        return len(spikes), hashlib.sha256(b"".join(digests)).hexdigest()

    def arrays(self) -> dict:
        """The arrays of the file of results, by name."""
        events = self.all_events()
        columns = {"image": "u8", "tick": "u4", "process": "u4", "neuron": "u4"}
        arrays = {name: events[:, column].astype(kind) for column, (name, kind) in enumerate(columns.items())}
        arrays["process_names"] = np.array(self.names)
        arrays.update({f"membranes/{name}": np.stack(held) for name, held in self.membranes.items()})
        arrays.update({f"pixels/{name}": pictures for name, pictures in self.pixels().items()})
        return arrays
