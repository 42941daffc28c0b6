"""Maps a netlist with sPyNNaker, then changes the netlist and compares it again: every change must be seen.

    python altered.py NETLIST EVENTS        prints by change what the comparison says
"""

import copy
import json
import sys
from pathlib import Path

from fsvae_spinnaker import database, netlist, spynnaker_engine, stimulus
from fsvae_spinnaker.__main__ import talk_to_stderr

compare, words = database.compare, {}


def weight(changed) -> None:
    next(iter(changed.synapses.values())).weight[0] += 4


def target(changed) -> None:
    synapses = next(iter(changed.synapses.values()))
    synapses.post[0] = (synapses.post[0] + 1) % (synapses.post.max() + 1)


def threshold(changed) -> None:
    changed.arrays[changed.neurons()[0]["thresholds"]][0] += 1


def placement(changed) -> None:
    placements = changed.placements()
    label = changed.rows["slices"][0]["label"]
    x, y, p = placements[label]
    changed.placements = lambda: {**placements, label: (x, y, p + 1)}


def compare_with_changes(mapped) -> dict:
    words["nothing"] = compare(mapped)["differences"]
    for change in (weight, target, threshold, placement):
        changed = copy.deepcopy(mapped)
        change(changed)
        words[change.__name__] = compare(changed)["differences"]
    return {"differences": []}


with talk_to_stderr():
    database.compare = compare_with_changes
    mapped = netlist.read(Path(sys.argv[1]))
    given = stimulus.of_image(mapped, stimulus.read_events(Path(sys.argv[2]), mapped, 1), 1, 0)
    spynnaker_engine.run(mapped, given, virtual=True)
print(json.dumps(words))
