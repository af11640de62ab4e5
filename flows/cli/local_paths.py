"""Verbs whose options for paths refuse addresses (s3://…), all in the same words."""

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from flows.remote.address import local_path, shown

# As pathlib writes it: one of the slashes is gone.
_ADDRESS = re.compile(r"((?:[a-z][a-z0-9+.\-]*::)*[a-z][a-z0-9+.\-]*):/(.*)", re.I | re.S)


def local_paths(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb, which refuses an address where it takes a path.

    Options that read addresses have a parser of their own, and hand a local path on. Errors:
    typer.BadParameter.
    """

    @wraps(verb)
    def checked(**given: Any) -> Any:
        return verb(**{name: local(value, verb.__name__) for name, value in given.items()})

    return checked


def local(value: Any, verb: str) -> Any:
    """The value of an option, when it is no path at an address. Errors: typer.BadParameter."""
    if isinstance(value, list):
        return [local(one, verb) for one in value]
    found = _ADDRESS.fullmatch(str(value)) if isinstance(value, Path) else None
    if found is None or value.exists():
        return value
    address = f"{found[1]}://{found[2]}"
    path = local_path(address)
    if path is None:
        raise typer.BadParameter(
            f"{shown(address)}: found an address, but `{verb}` takes a local path here: "
            "mount it, or copy it"
        )
    return Path(path)
