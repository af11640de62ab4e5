"""What `cxrmine cache` prints."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from flows.cache_explain import Explanation
from flows.cache_prune import Pruned
from flows.cache_report import JUDGEMENTS, PARSES, Stored
from flows.store import Store

_SHOWN = 12  # characters of a hash
_LISTED = 8  # changed rules that are named


def print_stored(
    store: Store, everything: Sequence[Stored], others: dict[str, int], damaged: set[str] | None
) -> None:
    """Prints artifacts by stage, layers of the sentence store one by one, and other folders."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{store.root}")
    checked = [] if damaged is None else ["damaged"]
    table = _table("stage", "artifacts", "size", "unused for", *checked)
    artifacts = [one for one in everything if one.kind not in (PARSES, JUDGEMENTS)]
    for stage in dict.fromkeys(one.kind for one in artifacts):
        own = [one for one in artifacts if one.kind == stage]
        cells = [stage, f"{len(own):,}", decimal(sum(one.size for one in own)), _ages(own)]
        if damaged is not None:
            cells.append(f"{sum(one.key in damaged for one in own):,}")
        table.add_row(*cells)
    console.print(table)
    layers = _table("sentence store", "rows", "size", "unused for", "rests on")
    for one in everything:
        if one.kind in (PARSES, JUDGEMENTS):
            cells = [f"{one.kind} {one.key[:_SHOWN]}", f"{one.sentences:,}", decimal(one.size)]
            layers.add_row(*cells, _ages([one]), _rests_on(one))
    if layers.row_count:
        console.print(layers)
    total = sum(one.size for one in everything)
    console.print(f"{decimal(total)} that `cxrmine cache prune` looks after")
    for name, size in others.items():
        console.print(f"{decimal(size)} in {name}/, which it leaves alone")


def print_explanations(explanations: Iterable[Explanation], pieces: tuple[int, int] | None) -> None:
    """Prints for each stage whether it is a hit, and what the nearest has otherwise.

    `pieces`: how many pieces of the source are stored, and how many there are.
    """
    console = Console(highlight=False, soft_wrap=True)
    if pieces is not None:
        console.print(f"source: {pieces[0]:,} of {pieces[1]:,} pieces stored as they are now")
        if pieces[0] < pieces[1]:
            console.print("    the others are new: their stages are made, the rest is reused")
    for one in explanations:
        if one.hit:
            newest = max(one.matching, key=lambda match: match.made)
            count = f"{len(one.matching):,} stored, the newest {newest.key[:_SHOWN]} "
            console.print(f"[bold]{one.stage}[/] hit: {count}made {_ago(newest.made)} ago")
        elif one.nearest is None:
            console.print(f"[bold]{one.stage}[/] miss: nothing of this stage is stored")
        else:
            near = f"{one.nearest.key[:_SHOWN]}, made {_ago(one.nearest.made)} ago"
            console.print(f"[bold]{one.stage}[/] miss: the nearest stored is {near}; it differs in")
            for difference in one.differences:
                now, stored = _short(difference.now), _short(difference.stored)
                console.print(f"    {difference.part}: stored {stored}, now {now}", markup=False)
                for told in difference.told[:_LISTED]:
                    console.print(f"        {told}", markup=False)
                if len(difference.told) > _LISTED:
                    console.print(f"        and {len(difference.told) - _LISTED:,} more")


def print_watermark(told: Mapping[str, Any]) -> None:
    """Prints how far a source has been read by its watermark, and what is kept of it."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"watermark {told['column']}: read up to {told['upto']}, {told['rows']:,} rows of "
        f"{told['batches']:,} nights are kept",
        markup=False,
    )


def print_pruned(pruned: Pruned, *, look_only: bool) -> None:
    """Prints what was removed, or would be."""
    console = Console(highlight=False, soft_wrap=True)
    verb = "would remove" if look_only else "removed"
    for one in pruned.removed:
        console.print(
            f"{verb} {one.kind} {one.key[:_SHOWN]}, {decimal(one.size)}, unused for "
            f"{_ago(one.used)}"
        )
    for one in pruned.in_use:
        console.print(f"left {one.kind} {one.key[:_SHOWN]}, {decimal(one.size)}: a run uses it")
    freed = decimal(sum(one.size for one in pruned.removed))
    console.print(f"{verb} {len(pruned.removed):,}, {freed}; {decimal(pruned.left)} left")


def _rests_on(one: Stored) -> str:
    parser = one.parts.get("parser", "?")
    rules = one.parts.get("rules")
    return f"{parser[:40]}" + (f", rules {rules[:_SHOWN]}" if rules else "")


def _table(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        words = name in ("stage", "sentence store", "rests on")
        folds = name == "rests on"  # so that a narrow terminal cuts nothing
        table.add_column(name, justify="left" if words else "right", no_wrap=not folds)
    return table


def _ages(found: Sequence[Stored]) -> str:
    newest, oldest = max(one.used for one in found), min(one.used for one in found)
    return _ago(newest) if _ago(newest) == _ago(oldest) else f"{_ago(newest)} to {_ago(oldest)}"


def _ago(moment: float) -> str:
    """How long ago, in one unit."""
    seconds = max(0.0, time.time() - moment)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _short(value: str) -> str:
    """A hash cut short; anything else as it is.

    >>> _short("a" * 64), _short("both")
    ('aaaaaaaaaaaa', 'both')
    """
    hashed = len(value) >= 32 and all(c in "0123456789abcdef" for c in value)
    return value[:_SHOWN] if hashed else value
