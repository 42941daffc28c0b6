"""What sPyNNaker would load onto the board, read back from its data base: synaptic rows, neuron parameters, cores, binaries.

    region of a core      what is decoded                                             from (sPyNNaker)
    neuron builder        v, v_rest, cm, tau_m, i_offset, v_reset, ..., v_thresh       pyNN/utilities/struct.py
    core parameters       shifts of the ring buffers                                  population_machine_neurons.py
    population table, synaptic matrix   one row a source neuron: weight, delay, sign, target        master_pop_table.py, synapse_io.py
"""

import os
import sqlite3

import numpy as np

from .netlist import Netlist

CORE_PARAMS, NEURON_PARAMETERS, POPULATION_TABLE, SYNAPTIC_MATRIX, NEURON_BUILDER = 1, 2, 5, 6, 13  # PopulationMachineVertex.REGIONS
HEADER = 12  # words of neuron_builder before the first structure
V, V_REST, CM, TAU_M, I_OFFSET, V_RESET, TAU_REFRAC, REFRACT_TIMER, TIMESTEP = range(9)
ADDRESS_SCALE = 16  # bytes


def compare(netlist: Netlist) -> dict:
    """What differs from the netlist, in words, and how much was compared. Called after `run`, before `end`."""
    from spinn_front_end_common.data import FecDataView

    view, differences = FecDataView, []
    placements = {placement.vertex.label: placement for placement in view.iterate_placemements()}
    labels = {}  # the tools add (0:n) to a population's label
    for piece in netlist.rows["slices"]:
        count = piece["neurons"][1] - piece["neurons"][0]
        found = [label for label in placements if label.rsplit("(", 1)[0].split("_of_")[-1] == piece["label"] or label.startswith(piece["label"] + "(")]
        labels[piece["label"]] = found[0] if found else None
        if not found:
            differences.append(f"{piece['label']} ({count + 1} neurons) is placed nowhere: {sorted(placements)[:5]}")
    if differences:
        return {"differences": differences}
    keys = {}
    for label, theirs in labels.items():
        key = view.get_routing_infos().get_single_key_from(placements[theirs].vertex)
        if key is not None:
            keys[key] = label
    ours, compared = netlist.placements(), {"placements": 0, "parameters": 0, "synapses": 0, "binaries": 0}
    with sqlite3.connect(view.get_ds_database_path()) as connection:
        regions = connection.execute("SELECT x, y, p, region_num, content FROM region WHERE content IS NOT NULL").fetchall()
    memory = {(x, y, p, region): np.frombuffer(content, "<u4") for x, y, p, region, content in regions if len(content) % 4 == 0}
    rows = expected_rows(netlist)
    for piece in netlist.rows["slices"]:
        placement = placements[labels[piece["label"]]]
        place = (placement.x, placement.y, placement.p)
        compared["placements"] += 1
        if place != ours[piece["label"]]:
            differences.append(f"{piece['label']} is on {place}, and {ours[piece['label']]} was asked for")
        binary = view.get_executable_path(placement.vertex.get_binary_file_name())
        compared["binaries"] += 1
        if not os.path.isfile(binary):
            differences.append(f"{piece['label']} needs {binary}, which does not exist")
        row = netlist.vertices[piece["vertex"]]
        if row["role"] == "neurons":
            core = {region: words for (x, y, p, region), words in memory.items() if (x, y, p) == place}
            differences += parameters(netlist, row, piece, core, compared)
            differences += synapses(piece["label"], core, keys, rows[piece["label"]], compared)
    return {"differences": differences, **compared}


def parameters(netlist: Netlist, row: dict, piece: dict, core: dict, compared: dict) -> list:
    """Every parameter of every neuron, and the shifts."""
    label, members = piece["label"], netlist.members(piece)
    if NEURON_BUILDER in core:  # made on the core, from ranges of equal values
        found = structures(core[NEURON_BUILDER], len(members))
    else:
        found = laid_out(core[NEURON_PARAMETERS], len(members))
    globals_, neurons, inputs, thresholds = found[:4]
    want = {V: 0, V_REST: 0, CM: row["cm"], TAU_M: row["tau_m"], I_OFFSET: 0, V_RESET: 0, TAU_REFRAC: 0, REFRACT_TIMER: 0, TIMESTEP: 1 << 15}
    differences = [f"{label}: parameter {field} is {neurons[field]}" for field, value in want.items() if (neurons[field] != value).any()]
    if (thresholds[0] != netlist.arrays[row["thresholds"]][members]).any():
        differences.append(f"{label}: other thresholds")
    if (globals_[0] != 1).any() or (inputs[0] != 1 << 15).any():
        differences.append(f"{label}: other ticks")
    words = core[CORE_PARAMS]
    shifts = words[5 : 5 + words[4]].tolist()
    if shifts != [row["ring_shift"]] * 2:
        differences.append(f"{label}: shifts {shifts}")
    compared["parameters"] += (len(want) + 1) * len(members) + 2
    return differences


def laid_out(words: np.ndarray, atoms: int) -> list:
    """By structure and field the values of all neurons, from the memory that the core would read."""
    found, at = [], 0
    for fields, count in ((1, 1), (9, atoms), (1, atoms), (1, atoms), (2, atoms)):  # ticks, neuron, input, threshold, synapse
        found.append(list(words[at : at + fields * count].astype(np.int32).reshape(count, fields).T))
        at += fields * count
    assert at == len(words), "the parameters of a neuron are 13 words"
    return found


def structures(words: np.ndarray, atoms: int) -> list:
    """By structure and field the values of all neurons, from what generates them on the core."""
    found, at = [], HEADER
    for _ in range(words[HEADER - 2]):
        _size, repeats, size, fields = words[at : at + 4]
        count = atoms if repeats == 0xFFFF_FFFF else repeats
        meta, values = at + 4, at + size // 4
        structure = []
        for _ in range(fields):
            items, meta, field = words[meta + 1], meta + 2, []
            for _ in range(items):
                times, generator = words[meta], words[meta + 1]
                assert generator == 0, "only constants are expected"
                field.append(np.full(count if times == 0xFFFF_FFFF else times, words[values].astype(np.int32)))
                meta, values = meta + 2, values + 1
            structure.append(np.concatenate(field))
        found.append(structure)
        at = values
    return found


def expected_rows(netlist: Netlist) -> dict:
    """By target slice, then source slice: `[synapse, (source, weight, delay, sign, target)]`, sorted, numbered within the slices."""
    slice_of, place_of, labels = {}, {}, [piece["label"] for piece in netlist.rows["slices"]]
    for index, piece in enumerate(netlist.rows["slices"]):
        members = netlist.members(piece)
        for table, values in ((slice_of, index), (place_of, np.arange(len(members)))):
            table.setdefault(piece["vertex"], np.zeros(netlist.vertices[piece["vertex"]]["neurons"], int))[members] = values
    found = {label: {} for label in labels}
    for edge in netlist.rows["edges"]:
        these, source, target = netlist.synapses[edge["name"]], edge["source"], edge["target"]
        delays, signs = np.full(len(these.pre), edge["delay"]), (these.weight < 0).astype(int)
        table = np.column_stack([place_of[source][these.pre], np.abs(these.weight), delays, signs, place_of[target][these.post]])
        pairs = slice_of[source][these.pre] * len(labels) + slice_of[target][these.post]
        for pair in np.unique(pairs):
            found[labels[pair % len(labels)]].setdefault(labels[pair // len(labels)], []).append(table[pairs == pair])
    return {label: {source: ordered(np.concatenate(tables)) for source, tables in sources.items()} for label, sources in found.items()}


def ordered(table: np.ndarray) -> np.ndarray:
    return table[np.lexsort(table.T[::-1])]


def synapses(label: str, core: dict, keys: dict, expected: dict, compared: dict) -> list:
    """Every row of every source: the 32 bits of each synapse."""
    table, blocks = core[POPULATION_TABLE], core[SYNAPTIC_MATRIX]
    atoms, types = int(core[CORE_PARAMS][2]), int(core[CORE_PARAMS][4])
    id_bits, type_bits = (atoms - 1).bit_length(), (types - 1).bit_length()
    entries, addresses = int(table[0]), 2 + int(table[0]) * 5
    found, differences = {}, []
    for entry in range(entries):
        key, _mask, word, _core, neurons = (int(value) for value in table[2 + entry * 5 : 7 + entry * 5])
        source, start, count, neurons = keys[key], word & 0x1FFF, word >> 16, neurons & 0xFFFF
        for address in table[addresses + start : addresses + start + count]:
            length, offset = int(address) & 0xFF, (int(address) >> 8) * ADDRESS_SCALE // 4
            if int(address) >> 8 != 0xFF_FFFF:
                found.setdefault(source, []).append(decoded(blocks, offset, length + 1, neurons, id_bits, type_bits))
    for source in sorted({*expected, *found}):
        theirs = ordered(np.concatenate(found.get(source, [np.zeros((0, 5), int)])))
        ours = expected.get(source, np.zeros((0, 5), int))
        compared["synapses"] += len(ours)
        if not np.array_equal(theirs, ours):
            differences.append(f"{source} to {label}: {len(theirs)} synapses, and {len(ours)} are ours; not the same bits")
    return differences


def decoded(blocks: np.ndarray, offset: int, length: int, neurons: int, id_bits: int, type_bits: int) -> np.ndarray:
    """The rows of one projection: 3 words before the synapses of each source neuron, the second of which counts them."""
    rows = blocks[offset : offset + neurons * (length + 3)].reshape(neurons, length + 3)
    source, place = np.nonzero(np.arange(length) < rows[:, 1, None])
    words = rows[source, place + 3].astype(np.int64)
    target, kind = words & (1 << id_bits) - 1, words >> id_bits & (1 << type_bits) - 1
    delay = words >> id_bits + type_bits & (1 << 16 - id_bits - type_bits) - 1
    return np.column_stack([source, words >> 16, delay, kind, target])
