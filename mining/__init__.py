"""Reports → audited labels: sections, sentences, mentions, verdicts, labels, audit.

Loaded on first use, so that `import mining` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mining.judging import Judgement, SpanError, judge

__all__ = ["Judgement", "SpanError", "judge"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("mining.judging"), name)
    raise AttributeError(f"module 'mining' has no attribute {name!r}")
