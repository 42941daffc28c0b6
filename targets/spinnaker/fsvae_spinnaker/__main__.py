"""`python run_pynn.py NETLIST --engine nest|virtual|board --events events.npz --out spikes.npz`."""

import contextlib
import json
import os
import sys
import time

import numpy as np

from . import netlist as netlists
from . import readout, stimulus
from .command_line import parse
from .errors import RunnerError


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return run(options)
    except RunnerError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
    except Exception as error:  # the engine's own
        cause = f"{options.engine} failed: {type(error).__name__}: {error}"
        print(RunnerError("E166", cause, "compile the model again, or draw the events again; if it fails again, the netlist does not fit this engine"), file=sys.stderr)
    return 2


def run(options) -> int:
    if options.out and (options.out.is_dir() or not options.out.resolve().parent.is_dir()):
        raise RunnerError("E001", f"cannot write {options.out}: no such file can be there", "name a file in a folder that exists")
    netlist = netlists.read(options.netlist)
    events = stimulus.read_events(options.events, netlist, options.images) if options.events else None
    compares = options.compare or options.engine != "nest"
    started, differences, images, report = time.monotonic(), [], [], None
    for image in range(options.images):
        given = stimulus.of_image(netlist, events, options.seed, image)
        with talk_to_stderr():
            spikes, report = engine(options, netlist, given)
        differences += (report or {}).get("differences", [])
        if options.engine != "virtual":
            images.append(of_image(netlist, spikes, image))
            if options.compare:
                differences += compare(netlist, spikes, events, image)
    arrays = gathered(images)
    if options.out:
        write(options.out, arrays)
    counts = {row["name"]: int((arrays["vertex"] == index).sum()) for index, row in enumerate(netlist.neurons())}
    summary = {
        "netlist": netlist.rows["fingerprint"],
        "engine": options.engine,
        "seed": options.seed,
        "images": options.images,
        "ticks": netlist.ticks_per_image * options.images,
        "spikes": sum(counts.values()),
        "spikes_by_vertex": counts,
        "seconds": round(time.monotonic() - started, 1),
        "compared": {name: value for name, value in (report or {}).items() if name != "differences"} or None,
        "differences": len(differences) if compares else None,
        "first_differences": differences[:5],
    }
    print(json.dumps(summary) if options.json else text(summary))
    return 1 if differences else 0


@contextlib.contextmanager
def talk_to_stderr():
    """Both engines speak on standard output, which is for the summary."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def engine(options, netlist, spikes: dict) -> tuple:
    if options.engine == "nest":
        os.environ.setdefault("PYNEST_QUIET", "1")
        try:
            from . import nest_engine
            import nest  # noqa: F401
        except ModuleNotFoundError:
            raise RunnerError("E165", "NEST is not installed", "run `cargo xtask setup`, which installs it under target/nest") from None
        if nest.NumProcesses() > 1 and options.compare:
            raise RunnerError("E166", "each process has the spikes of its own neurons, so none can compare", "leave out --compare under MPI")
        return nest_engine.run(netlist, spikes, options.threads), None
    from . import spynnaker_engine

    return spynnaker_engine.run(netlist, spikes, options.engine == "virtual")


def of_image(netlist, spikes: dict, image: int) -> dict:
    """The steps' spikes of one image as columns, and the pictures."""
    columns, rows = {"image": [], "tick": [], "vertex": [], "neuron": []}, netlist.neurons()
    for index, row in enumerate(rows):
        ticks, neurons = of_steps(netlist, row, spikes)
        for name, values in zip(columns, (np.full_like(ticks, image), ticks, np.full_like(ticks, index), neurons)):
            columns[name].append(values)
    arrays = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.lexsort((arrays["neuron"], arrays["vertex"], arrays["tick"]))
    arrays = {name: values[order] for name, values in arrays.items()}
    if process():
        return arrays  # the pictures need the spikes of all processes
    by_step = {row["name"]: steps(netlist, row, spikes) for row in rows}
    return {**arrays, **{f"pixels/{name}": picture for name, picture in readout.pictures(netlist, by_step).items()}}


def of_steps(netlist, row: dict, spikes: dict) -> tuple:
    """Ticks and neurons of a vertex's steps; a first layer runs on while the last ones do their last step."""
    ticks, neurons = spikes[row["name"]]
    behind = ticks - row["first_tick"]
    wanted = (behind >= 0) & (behind < netlist.steps * netlist.ticks_per_step)
    return ticks[wanted], neurons[wanted]


def steps(netlist, row: dict, spikes: dict) -> np.ndarray:
    """`[step, neuron]` of the graph's population: of a select stage's gates one a channel."""
    ticks, neurons = of_steps(netlist, row, spikes)
    table = np.zeros((netlist.steps, row["neurons"]), bool)
    behind = ticks - row["first_tick"]
    on_beat = behind % netlist.ticks_per_step == 0
    table[behind[on_beat] // netlist.ticks_per_step, neurons[on_beat]] = True
    population = next(other for other in netlist.rows["populations"] if other["name"] == row["name"])
    return table.reshape(netlist.steps, -1, population["ways"]).any(axis=2) if population["model"] == "select" else table


def compare(netlist, spikes: dict, events: np.ndarray, image: int) -> list:
    """Where the simulator's events and these spikes differ, in words."""
    differences, names = [], [row["name"] for row in netlist.rows["populations"]]
    for row in netlist.neurons():
        ours = steps(netlist, row, spikes)
        mine = events[(events[:, 0] == image) & (events[:, 2] == names.index(row["name"]))]
        theirs = np.zeros_like(ours)
        theirs[mine[:, 1], mine[:, 3]] = True
        for step, neuron in np.argwhere(ours != theirs):
            who = "here alone" if ours[step, neuron] else "in the simulator alone"
            differences.append(f"image {image}, step {step}: neuron {neuron} of {row['name']} fires {who}")
        ticks, _ = of_steps(netlist, row, spikes)
        off = int(((ticks - row["first_tick"]) % netlist.ticks_per_step != 0).sum())
        if off:
            differences.append(f"image {image}: {row['name']} fires {off} times between its steps")
    return differences


def gathered(images: list) -> dict:
    columns = {name: [] for name in ("image", "tick", "vertex", "neuron")}
    arrays = {name: np.concatenate([image[name] for image in images]) if images else np.zeros(0, int) for name in columns}
    for name in images[0] if images else []:
        if name.startswith("pixels/"):
            arrays[name] = np.stack([image[name] for image in images])
    return arrays


def process() -> str:
    """This process' number if NEST runs in several, or nothing."""
    nest = sys.modules.get("nest")
    return str(nest.Rank()) if nest and nest.NumProcesses() > 1 else ""


def write(path, arrays: dict) -> None:
    """Whole or not at all. Under MPI every process has the spikes of its own neurons, and a file of its own."""
    path = path.with_name(f"{path.stem}.{process()}{path.suffix}") if process() else path
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RunnerError("E001", f"cannot write {path}: {error.strerror}", "free some space, or name another file") from None


def text(summary: dict) -> str:
    lines = [f"{summary['images']} image{'' if summary['images'] == 1 else 's'} of seed {summary['seed']}, engine {summary['engine']}: {summary['ticks']} ticks in {summary['seconds']} s"]
    if summary["engine"] != "virtual":
        lines.append(f"spikes       {summary['spikes']}")
    if summary["compared"]:
        lines.append("compared     " + ", ".join(f"{value} {name}" for name, value in summary["compared"].items()))
    if summary["differences"] is not None:
        lines.append(f"differences  {summary['differences']}")
    return "\n".join(lines + [f"  {words}" for words in summary["first_differences"]])


if __name__ == "__main__":
    sys.exit(main())
