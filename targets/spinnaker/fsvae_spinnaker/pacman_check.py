"""Asks PACMAN 1!7.4.1, the mapper of sPyNNaker, what it thinks of our placements and routing tables.

    placements.json, routing_tables.json   against PACMAN's schemas
    placements                             on a virtual machine of the same boards: `Placements`, chips that exist, and (our question to
                                           SpiNNMachine) whether the cores are free for applications
    routing_tables.json                    `_search_route`: every key of every slice comes to its targets, and to nobody else
    compressed_tables.json                 `compare_tables`: they do the same; `pair_compressor` of PACMAN's own finds room, too

The search is private to PACMAN, and the version is pinned for that.
"""

import json
import sys
from pathlib import Path

from .__main__ import talk_to_stderr

COLOUR_BITS = 4


def check(folder: Path) -> dict:
    """What PACMAN rejects, each with the name of the check and PACMAN's words."""
    netlist, placements, tables, compressed = (
        json.loads((folder / name).read_text())
        for name in ("netlist.json", "placements.json", "routing_tables.json", "compressed_tables.json")
    )
    writer = machine(netlist["system"])
    problems = []

    def ask(name: str, question, *words):
        try:
            return question(*words)
        except Exception as error:  # PACMAN's, jsonschema's, SpiNNMachine's
            problems.append({"check": name, "words": f"{type(error).__name__}: {error}"})

    from pacman.utilities.file_format_schemas import validate

    ask("schema of placements", validate, placements, "placements.json")
    ask("schema of routing tables", validate, tables, "routing_tables.json")
    ask("schema of routing tables", validate, compressed, "routing_tables.json")
    if problems:
        return {"problems": problems}
    placed = ask("placements", place, netlist["slices"], placements)
    ask("cores that SpiNNMachine has", cores, placements)
    complete = ask("routing tables", routing_tables, tables)
    if placed and complete:
        # a hundred of a kind say no more than the first
        for row in netlist["slices"]:
            if "key" in row and len(problems) < 100:
                ask("routes", search, row, placed, complete)
    if complete and not problems:
        loaded = ask("compressed tables", routing_tables, compressed)
        if loaded:
            ask("compressed tables", compare, complete, loaded)
        ask("PACMAN's compressor", compress, writer, complete)
    slices, entries = len(netlist["slices"]), sum(len(table["entries"]) for table in tables)
    return {"problems": problems, "slices": slices, "entries": entries, "compressed": sum(len(table["entries"]) for table in compressed)}


def machine(system: dict):
    """A virtual machine of these boards, where PACMAN looks for it."""
    from pacman.config_setup import unittest_setup
    from pacman.data.pacman_data_writer import PacmanDataWriter
    from spinn_machine import virtual_machine
    from spinn_utilities.config_holder import set_config

    unittest_setup()
    set_config("Machine", "version", "5")
    writer = PacmanDataWriter.mock()
    writer.set_machine(virtual_machine(system["columns"], system["rows"]))
    return writer


def place(slices: list, rows: list) -> dict:
    """PACMAN's placements by label."""
    from pacman.data import PacmanDataView
    from pacman.model.graphs.common import Slice
    from pacman.model.graphs.machine import SimpleMachineVertex
    from pacman.model.placements import Placement, Placements
    from pacman.model.resources import ConstantSDRAM

    placements, placed = Placements(), {}
    vertices = {row["label"]: SimpleMachineVertex(ConstantSDRAM(0), row["label"], None, Slice(*row["neurons"])) for row in slices}
    for row in rows:
        placement = Placement(vertices[row["vertex_label"]], row["x"], row["y"], row["p"])
        PacmanDataView.get_chip_at(placement.x, placement.y)
        placements.add_placement(placement)
        placed[row["vertex_label"]] = placement
    missing = [label for label in vertices if label not in placed]
    if missing:
        raise KeyError(f"{missing[0]} is not placed")
    return placed


def cores(rows: list) -> None:
    """PACMAN takes the number of a core as it is given; SpiNNMachine knows which ones applications may have."""
    from pacman.data import PacmanDataView

    for row in rows:
        chip = PacmanDataView.get_chip_at(row["x"], row["y"])
        # the first of them run the tools' own monitors: one a chip, and one more where the host is connected
        monitors = 2 if (chip.x, chip.y) == (chip.nearest_ethernet_x, chip.nearest_ethernet_y) else 1
        if row["p"] not in chip.placable_processors_ids[monitors:]:
            raise ValueError(f"{row['vertex_label']} is on core {row['p']}, and applications may have {chip.placable_processors_ids[monitors:]}")


def routing_tables(rows: list):
    from pacman.data import PacmanDataView
    from pacman.model.routing_tables import multicast_routing_tables

    for row in rows:
        PacmanDataView.get_chip_at(row["x"], row["y"])
    return multicast_routing_tables.from_json(rows)


def search(row: dict, placed: dict, tables) -> None:
    from pacman.model.routing_info import BaseKeyAndMask
    from pacman.operations.multi_cast_router_check_functionality.valid_routes_checker import PlacementTuple, _search_route

    targets = [placed[label] for label in row["targets"]]
    # keys from the first neuron's to the last one's; the search counts them one by one
    atoms = (row["neurons"][1] - row["neurons"][0] << COLOUR_BITS) + 1
    goals = [PlacementTuple(target.x, target.y, target.p) for target in targets]
    _search_route(placed[row["label"]], goals, BaseKeyAndMask(row["key"], row["mask"]), tables, atoms)


def compare(complete, loaded) -> None:
    from pacman.model.routing_tables import UnCompressedMulticastRoutingTable
    from pacman.operations.router_compressors.routing_compression_checker import compare_tables

    for table in complete:
        other = loaded.get_routing_table_for_chip(table.x, table.y) or UnCompressedMulticastRoutingTable(table.x, table.y)
        compare_tables(table, other)
        if other.number_of_entries > 1023:
            raise ValueError(f"{other.number_of_entries} entries at ({table.x}, {table.y})")


def compress(writer, complete) -> None:
    """PACMAN's own compressor, which verifies what it made."""
    from pacman.operations.router_compressors import pair_compressor
    from spinn_utilities.config_holder import set_config

    set_config("Mapping", "router_table_compress_as_far_as_possible", "True")
    writer.set_uncompressed(complete)
    writer.set_precompressed(complete)
    pair_compressor(ordered=True, accept_overflow=False, verify=True)


def main() -> int:
    with talk_to_stderr():
        reports = [check(Path(folder)) for folder in sys.argv[1:]]
    print(json.dumps(reports))
    return 0


if __name__ == "__main__":
    sys.exit(main())
