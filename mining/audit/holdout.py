"""Which reports an audit may look at: OpenI's published test split stays out unless named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

_SPLIT_FILE = "test_split.txt"


@dataclass(frozen=True)
class Selection:
    """The reports an audit looks at, in the order given, and how many it left out and why.

    `left_out_counts` has `test_split` (OpenI's published test split), `excluded` (named by
    `exclude_ids`) and `not_named` (`ids` were given and this is none of them). `unknown_ids` were
    asked for by `ids` and are nowhere in the data.
    """

    kept: tuple[str, ...]
    left_out_counts: dict[str, int]
    unknown_ids: tuple[str, ...] = ()

    @property
    def left_out(self) -> int:
        """How many reports were left out in all."""
        return sum(self.left_out_counts.values())


@cache
def held_out_ids() -> frozenset[str]:
    """The 771 report ids of OpenI's published test split (ChestX-ray8 v5 and NegBio, NCBI)."""
    text = resources.files("mining.audit").joinpath(_SPLIT_FILE).read_text(encoding="utf-8")
    return frozenset(text.split())


def select_ids(
    all_ids: Iterable[str],
    ids: Iterable[str] | None = None,
    exclude_ids: Iterable[str] | None = None,
    leave_out_test_split: bool = True,
) -> Selection:
    """The ids that may be looked at, and how many were left out for which reason.

    `ids` names the reports wanted: only these are kept, and naming a report of the test split is
    what lets it in. `exclude_ids` always wins. Repeated ids count once.

    >>> select_ids(["CXR1", "CXR10", "CXR1001"]).left_out_counts["test_split"]
    1
    >>> select_ids(["CXR1", "CXR10", "CXR1001"], ids=["CXR10"]).kept
    ('CXR10',)
    """
    known = dict.fromkeys(all_ids)
    named = None if ids is None else dict.fromkeys(ids)
    excluded = frozenset(exclude_ids or ())
    held_out = held_out_ids() if leave_out_test_split and named is None else frozenset[str]()
    counts = {"test_split": 0, "excluded": 0, "not_named": 0}
    kept = []
    for report_id in known:
        if report_id in excluded:
            counts["excluded"] += 1
        elif named is not None and report_id not in named:
            counts["not_named"] += 1
        elif report_id in held_out:
            counts["test_split"] += 1
        else:
            kept.append(report_id)
    unknown = tuple(i for i in named if i not in known) if named is not None else ()
    return Selection(tuple(kept), counts, unknown)
