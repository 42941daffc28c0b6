"""Runs one image in Lava and keeps what its processes sent and held."""

import os
import sys
import threading
import time

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.extractor import Extractor, PyLoihiExtractorModel, PyLoihiVarWireModel, VarWire

from .netlist import NEURONS, Netlist
from .network import build

UNTAGGED = {Extractor: PyLoihiExtractorModel, VarWire: PyLoihiVarWireModel}  # they carry numbers of any kind
CHUNK = 16  # ticks after which the recorders are emptied; they hold no more in shared memory


def run(netlist: Netlist, seed: int, image: int, given: dict, watched: list) -> tuple:
    """One image: spikes `[tick, neuron]` of every process that has some, and membranes `[tick, neuron]` of those watched."""
    processes = build(netlist, seed, image, given)
    recorders, membranes = {}, {}
    for row in netlist.of_type(*NEURONS):
        recorders[row["name"]] = Extractor(shape=tuple(row["shape"]), buffer_size=CHUNK)
        processes[row["name"]].s_out.connect(recorders[row["name"]].in_port)
    for name in watched:
        membranes[name] = VarWire(buffer_size=CHUNK)
        membranes[name].connect_var(processes[name].v)
    ticks = netlist.ticks_per_image
    widths = {name: netlist.processes[name]["shape"][0] for name in recorders}
    spikes = {name: np.zeros((ticks, widths[name]), dtype=bool) for name in recorders}
    held = {name: np.zeros((ticks, widths[name]), dtype=np.int32) for name in membranes}
    # Lava runs what is connected; parts of a network that are not connected run one after the other.
    roots = []
    for done in range(0, ticks, CHUNK):
        now = min(CHUNK, ticks - done)
        if done == 0:
            for process in processes.values():
                if process.runtime is None:
                    roots.append(process)
                    process.create_runtime(run_cfg=Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=UNTAGGED))
                    watch(process.runtime)
        for root in roots:
            root.run(condition=RunSteps(num_steps=now))
        for kept, taken in ((spikes, recorders), (held, membranes)):
            for name, recorder in taken.items():
                for tick in range(done, done + now):
                    kept[name][tick] = recorder.receive()
    for root in roots:
        root.stop()
    return spikes, held


def watch(runtime) -> None:
    """Ends the program when a process of Lava fails. Lava itself would wait for it for ever, and say nothing."""
    actors = list(runtime._messaging_infrastructure.actors)

    def look() -> None:
        while not all(actor._is_done for actor in actors):
            for actor in actors:
                if not actor._is_done and actor.exception:
                    sys.stderr.write(f"error[E094]: a process of Lava failed:\n{actor.exception[1]}")
                    sys.stderr.flush()
                    os._exit(3)
            time.sleep(0.2)

    threading.Thread(target=look, daemon=True).start()
