"""Keeping torch out of a process that has no use for it."""

from __future__ import annotations

import sys

__all__ = ["leave_torch_out"]


def leave_torch_out(parser: str) -> None:
    """Returns when spaCy's machinery will not load torch, unless the parser may need it.

    thinc imports torch wherever it is installed: seconds and some 200 MB that the embedded parser
    has no use for.
    """
    if parser == "embedded" and not {"torch", "thinc.compat"} & sys.modules.keys():
        sys.modules["torch"] = None  # type: ignore[assignment]  # an import of it fails
        try:
            import thinc.compat  # noqa: F401  asks once, and remembers
        finally:
            del sys.modules["torch"]
