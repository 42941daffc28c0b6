"""The words of the command."""

import argparse
from pathlib import Path


def parse(words: list):
    parser = argparse.ArgumentParser(
        prog="python -m fsvae_lava",
        description="Run a Loihi netlist of fsvae-compile in Lava and record every spike of every process at every tick.",
        epilog="Exit code 0: done; 1: Lava and the simulator differ; 2: it could not be done.",
    )
    parser.add_argument("netlist", type=Path, help="folder with netlist.json and arrays.npz")
    parser.add_argument("--images", type=number(1, 1 << 32), default=1, help="how many to draw, from image 0 on [1]")
    parser.add_argument("--seed", type=number(0, (1 << 64) - 1), default=1, help="of the random picks [1]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write events, membranes and pictures as an npz file")
    parser.add_argument("--membranes", default="outputs", metavar="WHICH", help="kept at every tick: all, outputs, or names with commas [outputs]")
    parser.add_argument("--given", type=Path, metavar="FILE", help="npz file with the spikes of populations that come from outside")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="npz file of `fsvae-sim generate --events` for the same seed")
    parser.add_argument("--timeout", type=number(1, 1 << 31), default=3600, metavar="SECONDS", help="end the run after so long [3600]")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return parser.parse_args(words)


def number(least: int, most: int):
    """A whole number of this range."""

    def whole(word: str) -> int:
        value = int(word)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{word} is not within {least} to {most}")
        return value

    return whole
