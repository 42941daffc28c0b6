"""The words of the command."""

import argparse
from pathlib import Path


def parse(words: list):
    parser = argparse.ArgumentParser(
        prog="run_pynn.py",
        description="Run a SpiNNaker netlist of fsvae-compile in NEST, or map it with sPyNNaker onto a virtual or a real board.",
        epilog="Exit code 0: done; 1: something differs; 2: it could not be done.",
    )
    parser.add_argument("netlist", type=Path, help="folder with netlist.json and its five companions")
    parser.add_argument(
        "--engine",
        choices=("nest", "virtual", "board"),
        default="nest",
        help="nest: run, with a leak in doubles; virtual: map with sPyNNaker and compare what would be loaded; board: run on SpiNNaker [nest]",
    )
    parser.add_argument("--events", type=Path, metavar="FILE", help="npz file of `fsvae-sim generate --events`: spikes for what waits for some")
    parser.add_argument("--compare", action="store_true", help="compare all spikes with those of --events")
    parser.add_argument("--images", type=number(1, 1 << 32), default=1, help="how many to draw, from image 0 on [1]")
    parser.add_argument("--seed", type=number(0, (1 << 64) - 1), default=1, help="of the random picks [1]")
    parser.add_argument("--threads", type=number(1, 1024), default=1, help="of NEST, in each process [1]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write spikes and pictures as an npz file")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args(words)
    if options.compare and not options.events:
        parser.error("--compare needs --events, which it compares with")
    if options.engine == "virtual" and (options.compare or options.out):
        parser.error("nothing runs on a virtual board: leave out --compare and --out")
    return options


def number(least: int, most: int):
    """A whole number of this range."""

    def whole(word: str) -> int:
        value = int(word)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{word} is not within {least} to {most}")
        return value

    return whole
