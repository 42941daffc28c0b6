"""Runs one domain in Lava and keeps what its processes sent and held."""

import os
import sys
import threading

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.extractor import Extractor, PyLoihiExtractorModel, PyLoihiVarWireModel, VarWire

from .netlist import NEURONS
from .network import Run

REMEDY = "help: the netlist has what Lava does not expect; compile the model again"
UNTAGGED = {Extractor: PyLoihiExtractorModel, VarWire: PyLoihiVarWireModel}  # they carry numbers of any kind
CHUNK = 16  # ticks after which the recorders are emptied; they hold no more in shared memory


def run(part: Run, watched: list) -> tuple:
    """Spikes `[tick, neuron]` of every process of the domain that has some, and membranes `[tick, neuron]` of those watched."""
    processes = part.build()
    recorders, membranes = {}, {}
    for row in part.rows(*NEURONS):
        recorders[row["name"]] = Extractor(shape=tuple(row["shape"]), buffer_size=CHUNK)
        processes[row["name"]].s_out.connect(recorders[row["name"]].in_port)
    for name in watched:
        if name in processes:
            membranes[name] = VarWire(buffer_size=CHUNK)
            membranes[name].connect_var(processes[name].v)
    ticks = part.ticks
    widths = {row["name"]: row["shape"][0] for row in part.rows(*NEURONS)}
    spikes = {name: np.zeros((ticks, widths[name]), dtype=bool) for name in recorders}
    held = {name: np.zeros((ticks, widths[name]), dtype=np.int32) for name in membranes}
    # Lava runs what is connected; parts of a network that are not connected run one after the other.
    roots = []
    for process in processes.values():
        if process.runtime is None:
            roots.append(process)
            process.create_runtime(run_cfg=Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=UNTAGGED))
    with Watch([actor for root in roots for actor in root.runtime._messaging_infrastructure.actors]):
        for done in range(0, ticks, CHUNK):
            now = min(CHUNK, ticks - done)
            for root in roots:
                root.run(condition=RunSteps(num_steps=now))
            for kept, taken in ((spikes, recorders), (held, membranes)):
                for name, recorder in taken.items():
                    for tick in range(done, done + now):
                        kept[name][tick] = recorder.receive()
    for root in roots:
        root.stop()
    return spikes, held


class Watch(threading.Thread):
    """Ends the program when a process of Lava fails meanwhile. Lava itself would wait for it for ever, and say nothing."""

    def __init__(self, actors: list) -> None:
        super().__init__(daemon=True)
        self.actors, self.over = actors, threading.Event()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_) -> None:
        self.over.set()  # from here on Lava reads the pipes itself
        self.join()

    def run(self) -> None:
        while not self.over.wait(0.2):
            for actor in self.actors:
                if actor.exception:
                    sys.stderr.write(f"{actor.exception[1]}error[E124]: a process of Lava failed, with the words above\n{REMEDY}\n")
                    sys.stderr.flush()
                    os._exit(2)
