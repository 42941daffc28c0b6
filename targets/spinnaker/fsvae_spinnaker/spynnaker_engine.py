"""sPyNNaker 1!7.4.1 through PyNN: every slice of the netlist is a population of its own, forced onto the core that the netlist names.

On a virtual board nothing runs, but everything is made as for a real one: placements, keys, routing tables, and each byte of each core's
memory. `database` reads those back and compares.
"""

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np

from .errors import RunnerError
from .netlist import Netlist

ONE = 1 << 15
MOST_SPIKES = 4096  # that wait for a core: 16 KB of its 64, beside ring buffers and parameters
VERSION = "1!7.4.1"
INSTALL = "run `cargo xtask setup`, which installs spynnaker==1!7.4.1 under target/spynnaker"
VIRTUAL = """[Machine]
version = 5
virtual_board = True
width = {columns}
height = {rows}
[Mode]
mode = Debug
[Reports]
write_network_graph = False
[Mapping]
validate_routes_uncompressed = True
"""


@contextlib.contextmanager
def home(virtual: bool, system: dict):
    """The tools read `~/.spynnaker.cfg`, and write reports where they are started: both happen in a folder that goes away."""
    before, old_home = Path.cwd(), os.environ.get("HOME")
    with tempfile.TemporaryDirectory(prefix="fsvae_spinnaker-") as folder:
        config = Path(old_home or "~", ".spynnaker.cfg").expanduser()
        if virtual:
            # a single board is 8 x 8 with missing corners
            text = VIRTUAL.format(columns=system["columns"], rows=system["rows"])
        elif config.exists():
            text = config.read_text()
        else:
            raise RunnerError("E164", f"there is no {config}, which names the board", "write one, as sPyNNaker's documentation says, or use --engine virtual")
        Path(folder, ".spynnaker.cfg").write_text(text)
        os.environ["HOME"] = folder
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            forget_reports()
            os.chdir(before)
            if old_home:
                os.environ["HOME"] = old_home


def forget_reports() -> None:
    """At its end the program would write into the folder of reports, which is gone then."""
    import atexit

    from spinn_utilities.data.utils_data_writer import UtilsDataWriter

    atexit.unregister(UtilsDataWriter.write_errored_file)


def check_version() -> None:
    from importlib import metadata

    try:
        found = metadata.version("sPyNNaker")
    except metadata.PackageNotFoundError:
        raise RunnerError("E164", "sPyNNaker is not installed", INSTALL) from None
    if found != VERSION:
        raise RunnerError("E164", f"sPyNNaker is {found}, and only {VERSION} is known to compute as the netlist demands", INSTALL)


def build(netlist: Netlist, stimulus: dict):
    """Sets PyNN up and makes populations and projections; by label of a slice its population."""
    import pyNN.spiNNaker as sim

    sim.setup(timestep=netlist.rows["schedule"]["milliseconds"], min_delay=1)
    placements, populations = netlist.placements(), {}
    members = {piece["label"]: netlist.members(piece) for piece in netlist.rows["slices"]}
    spikes_at_once = {label: 0 for label in members}
    for piece in netlist.rows["slices"]:
        for target in piece["targets"]:
            spikes_at_once[target] += len(members[piece["label"]])
    for piece in netlist.rows["slices"]:
        row, mine = netlist.vertices[piece["vertex"]], members[piece["label"]]
        if row["role"] == "neurons":
            population = neurons(sim, netlist, row, mine, piece["label"], spikes_at_once[piece["label"]])
            population.record("spikes")
        else:
            ticks, fired = stimulus[row["name"]]
            trains = [np.sort(ticks[fired == neuron]).tolist() for neuron in mine]
            population = sim.Population(len(mine), sim.SpikeSourceArray(spike_times=trains), label=piece["label"])
        population.add_placement_constraint(*placements[piece["label"]])
        populations[piece["label"]] = population
    for edge in netlist.rows["edges"]:
        project(sim, netlist, edge, populations, members)
    return sim, populations


def neurons(sim, netlist: Netlist, row: dict, members: np.ndarray, label: str, spikes_at_once: int):
    thresholds = netlist.arrays[row["thresholds"]][members] / ONE
    constants = {"tau_m": row["tau_m"] / ONE, "cm": row["cm"] / ONE, "v_thresh": thresholds.tolist()}
    rest = {"v_rest": 0.0, "v_reset": 0.0, "tau_refrac": 0.0, "i_offset": 0.0, "v": 0.0}
    # this fixes the shift of the ring buffers, which would be guessed from firing rates otherwise
    largest = 2.0 ** row["ring_shift"] * 0.97
    room = min(max(256, 1 << int(spikes_at_once).bit_length()), MOST_SPIKES)
    more = {"max_expected_summed_weight": [largest, largest], "incoming_spike_buffer_size": room}
    return sim.Population(len(members), sim.IF_curr_delta(**constants, **rest), label=label, additional_parameters=more)


def project(sim, netlist: Netlist, edge: dict, populations: dict, members: dict) -> None:
    """The synapses of an edge, cut at the slices' borders and parted by sign: weights of the machine have none."""
    synapses = netlist.synapses[edge["name"]]
    ends = {}
    for end in ("source", "target"):
        count = netlist.vertices[edge[end]]["neurons"]
        slice_of, place_of = np.zeros(count, int), np.zeros(count, int)
        pieces = [piece["label"] for piece in netlist.rows["slices"] if piece["vertex"] == edge[end]]
        for index, label in enumerate(pieces):
            slice_of[members[label]], place_of[members[label]] = index, np.arange(len(members[label]))
        ends[end] = (pieces, slice_of, place_of)
    (sources, source_slice, source_place), (targets, target_slice, target_place) = ends["source"], ends["target"]
    scale = 2.0 ** netlist.vertices[edge["target"]]["ring_shift"] / ONE
    which = (source_slice[synapses.pre] * len(targets) + target_slice[synapses.post]) * 2 + (synapses.weight < 0)
    order = np.argsort(which, kind="stable")
    borders = np.flatnonzero(np.diff(which[order], prepend=-1, append=-1))
    for begin, end in zip(borders[:-1], borders[1:]):
        chosen = order[begin:end]
        pair, negative = divmod(int(which[chosen[0]]), 2)
        source, target = sources[pair // len(targets)], targets[pair % len(targets)]
        weights = np.abs(synapses.weight[chosen]) * scale
        rows = np.column_stack([source_place[synapses.pre[chosen]], target_place[synapses.post[chosen]], weights, np.full(len(chosen), edge["delay"])])
        kind = "inhibitory" if negative else "excitatory"
        sim.Projection(populations[source], populations[target], sim.FromListConnector(rows), receptor_type=kind)


def run(netlist: Netlist, stimulus: dict, virtual: bool) -> tuple:
    """One image from membranes of 0: by vertex ticks and neurons of its spikes (none on a virtual board), and what `database` found."""
    check_version()
    with home(virtual, netlist.rows["system"]):
        from . import database

        sim, populations = build(netlist, stimulus)
        try:
            sim.run(netlist.ticks_per_image + 1)
            report = database.compare(netlist)
            spikes = {} if virtual else recorded(netlist, populations)
        finally:
            sim.end()
    return spikes, report


def recorded(netlist: Netlist, populations: dict) -> dict:
    """The spikes that a board recorded, in the vertices' numbering."""
    spikes = {row["name"]: ([], []) for row in netlist.neurons()}
    for piece in netlist.rows["slices"]:
        if piece["vertex"] in spikes:
            members, trains = netlist.members(piece), populations[piece["label"]].get_data("spikes").segments[0].spiketrains
            for neuron, train in zip(members, trains):
                ticks = np.rint(train.magnitude).astype(int)
                spikes[piece["vertex"]][0].extend(ticks.tolist())
                spikes[piece["vertex"]][1].extend([int(neuron)] * len(ticks))
    return {name: (np.array(ticks, int), np.array(neurons, int)) for name, (ticks, neurons) in spikes.items()}
