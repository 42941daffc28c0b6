"""The work itself, in a process group of its own that `__main__` ends when its time is up."""

import json
import sys
import time
from pathlib import Path

from . import versions
from .command_line import parse
from .errors import RunnerError


def main() -> int:
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    try:
        return work(parse(words), folder)
    except RunnerError as error:
        print(error, file=sys.stderr)
    except Exception as error:  # Lava's own
        cause = f"Lava failed: {type(error).__name__}: {error}"
        print(RunnerError("E124", cause, "try again; if it fails again, look for the process that Lava names in netlist.json"), file=sys.stderr)
    return 2


def work(options, folder: Path) -> int:
    versions.check()
    versions.prepare_import()
    import numpy as np  # only now: whatever needs Lava's packages comes after the check

    from . import compare, given, netlist, record, results
    from .network import Run

    graph = netlist.read(options.netlist)
    expected = compare.read_events(options.compare, graph) if options.compare else None
    spikes_given = given.read(options.given, graph, options.images)
    outputs = [row["process"] for row in graph.rows["outputs"]]
    watched = given.watched(options.membranes, graph, outputs)
    found, started = results.Results(graph, options.images), time.monotonic()
    ticks = 0
    for domain, clock in enumerate(graph.domains):
        # one image follows the other, or each has Lava for itself
        runs = [(0, options.images)] if clock["streams"] else [(image, 1) for image in range(options.images)]
        for image, images in runs:
            run = Run(graph, domain, options.seed, image, images, spikes_given, found.kept)
            found.add(run, *record.run(run, watched))
            ticks += run.ticks
    seconds = time.monotonic() - started
    differences, where = compare.first_difference(found, expected, options.images) if options.compare else (None, None)
    np.savez_compressed(folder / "spikes.npz", **found.arrays())
    spikes, fingerprint = found.summary()
    summary = {
        "netlist": graph.rows["fingerprint"],
        "seed": options.seed,
        "images": options.images,
        "schedule": graph.rows["schedule"].get("mode"),
        "ticks": ticks,
        "spikes": spikes,
        "fingerprint": fingerprint,
        "seconds": round(seconds, 1),
        "lava": versions.LAVA,
        "differences": differences,
        "first_difference": where,
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
