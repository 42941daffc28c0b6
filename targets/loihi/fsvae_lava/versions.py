"""Lava as it was measured: version 0.10.0 on Python 3.10 or 3.11."""

import dataclasses
import sys
from importlib import metadata

from .errors import RunnerError

LAVA = "0.10.0"
INSTALL = "run `cargo xtask setup`, or follow the two lines in targets/loihi/requirements.txt"


def check() -> None:
    """Refuses a Python or a Lava whose arithmetic nobody has compared with ours."""
    if sys.version_info[:2] not in ((3, 10), (3, 11)):
        found = ".".join(map(str, sys.version_info[:2]))
        raise RunnerError("E120", f"Lava {LAVA} runs on Python 3.10 and 3.11, and this is {found}", INSTALL)
    try:
        found = metadata.version("lava-nc")
    except metadata.PackageNotFoundError:
        raise RunnerError("E120", "lava-nc is not installed", INSTALL) from None
    if found != LAVA:
        raise RunnerError("E120", f"lava-nc is {found}, and only {LAVA} is known to compute as the netlist demands", INSTALL)


def prepare_import() -> None:
    """Makes Lava 0.10.0 importable on Python 3.11.

    A data class of `var_model` has another one as its default value, which 3.11 demands to be hashable.
    """
    original = dataclasses.dataclass

    def hashable(cls=None, /, **options):
        def decorate(cls):
            extra = {"unsafe_hash": True} if cls.__module__ == "lava.magma.compiler.var_model" else {}
            return original(**{**options, **extra})(cls)

        return decorate if cls is None else decorate(cls)

    dataclasses.dataclass = hashable
    try:
        import lava.magma.compiler.var_model  # noqa: F401
    finally:
        dataclasses.dataclass = original
