"""`python -m fsvae_lava NETLIST --images N --out spikes.npz`."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
    return 2


def run(options) -> int:
    if options.out and options.out.is_dir():
        raise RunnerError("E002", f"cannot write {options.out}: it is a folder, not a file", "name a file, for example one inside that folder")
    try:  # beside the result, so that giving it its name at the end is one step
        folder = tempfile.TemporaryDirectory(prefix=".fsvae_lava-", dir=options.out.parent if options.out else None)
    except OSError as error:
        raise RunnerError("E001", f"cannot write {options.out}: {error.strerror}", "name a file in a folder that exists and may be written") from None
    with folder:
        code = wait(options, [sys.executable, "-m", "fsvae_lava.worker", folder.name, *sys.argv[1:]])
        if code not in (0, 1) or not Path(folder.name, "summary.json").exists():
            if code < 0:
                raise RunnerError("E124", f"the run was ended by signal {-code}", "free some memory, or draw fewer images")
            return 2
        summary = json.loads(Path(folder.name, "summary.json").read_text())
        if options.out:
            os.replace(Path(folder.name, "spikes.npz"), options.out)
    print(json.dumps(summary) if options.json else text(summary))
    return code


def wait(options, command: list) -> int:
    """The worker's exit code. It leads a process group, which is ended as a whole: Lava has a process for each of its own."""
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore::UserWarning"}  # the tracker counts the shared memory that an ended run leaves to it
    worker = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, env=quiet)
    try:
        return worker.wait(options.timeout)
    except subprocess.TimeoutExpired:
        cause = f"the run took longer than {options.timeout} seconds"
        raise RunnerError("E125", cause, "give it more time with --timeout, or draw fewer images with --images") from None
    finally:
        end(worker.pid, finished=worker.returncode in (0, 1, 2))


def end(group: int, finished: bool) -> None:
    """Asks first: on SIGTERM Python's resource tracker stays for a moment, to give shared memory back."""
    try:
        os.killpg(group, signal.SIGTERM)
        if not finished:
            for _ in range(100):
                time.sleep(0.1)
                os.killpg(group, 0)  # an error as soon as nobody is left
            os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def text(summary: dict) -> str:
    lines = [
        f"{summary['images']} image{'' if summary['images'] == 1 else 's'} of seed {summary['seed']} in Lava {summary['lava']}, {summary['schedule']}: {summary['ticks']} ticks in {summary['seconds']} s",
        f"spikes       {summary['spikes']}",
        f"fingerprint  {summary['fingerprint']} (of spikes and pictures, as fsvae-sim prints it)",
    ]
    if summary["differences"] is not None:
        lines.append(f"differences  {summary['differences']}" + (f"; the first: {summary['first_difference']}" if summary["differences"] else ""))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
