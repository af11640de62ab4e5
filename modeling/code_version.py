"""Which code made a checkpoint: the released version, and a hash of the sources themselves."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = ("torch", "torchvision", "lightning", "numpy")


@cache
def code_version() -> dict[str, str]:
    """cxrmine's version, a hash of the sources of modeling/, and the libraries' versions."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    found = {"modeling": digest.hexdigest()}
    for name in ("cxrmine", *_LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a checkout that is not installed
            found[name] = "not installed"
    return found
