"""What `forget` prints: counts before and after, file by file where something is left."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from flows.forget import Forgotten
from flows.forget_search import Found, Target, files_below

# What anybody can ask with pyarrow alone, beside our own search.
_QUERY = """python -c "import glob, pyarrow.dataset as d
ids = open('IDS').read().split()
files = [d.dataset(f) for f in glob.glob('PLACE/**/*.parquet', recursive=True)]
tables = [f for f in files if 'report_id' in f.schema.names]
print(sum(t.filter(d.field('report_id').isin(ids)).count_rows() for t in tables), 'rows')\""""


def print_forgotten(done: Forgotten, places: Sequence[Path]) -> None:
    """Prints what was removed and that nothing is left, or what is."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("table", "rows before", "rows left"):
        table.add_column(name, justify="left" if name == "table" else "right")
    before, left = _by_table(done.before), _by_table(done.left)
    for name in sorted(before | left):
        table.add_row(name, f"{before[name]:,}", f"{left[name]:,}")
    console.print(
        f"{len(done.target.reports):,} reports, {len(done.target.sentences):,} sentences that only "
        f"they used: {done.artifacts:,} artifacts removed, "
        f"{done.stored_sentences:,} entries of the sentence store removed"
    )
    if done.copies:
        console.print(f"copies of what lies at addresses removed: {done.copies:,}")
    console.print(table)
    _say_left(console, done.left, places)


def print_search(target: Target, places: Sequence[Path], left: Sequence[Found]) -> None:
    """Prints whether anything of the target is below these places, and where."""
    console = Console(highlight=False, soft_wrap=True)
    searched = sum(1 for _ in files_below(places))
    console.print(
        f"searched {searched:,} files for {len(target.reports):,} reports and "
        f"{len(target.sentences):,} sentences"
    )
    _say_left(console, left, places)


def print_addresses(addresses: Sequence[str], copies: int) -> None:
    """Prints where label sets lie that were not looked at, and what to do about them.

    `copies`: how many of what lies at addresses are in the cache, in whatever format.
    """
    console = Console(highlight=False, soft_wrap=True)
    if copies:
        console.print(
            f"not looked at in every format: {copies:,} copies of what lies at addresses, in "
            "artifacts/copies of the cache; `cxrmine forget` removes them"
        )
    for address in addresses:
        console.print(
            f"not looked at: {address}, where label sets were written from this cache. Take the "
            "reports out of the source and run twice: the second run removes the last set that "
            "has them, or delete the sets there",
            markup=False,
        )


def _say_left(console: Console, left: Sequence[Found], places: Sequence[Path]) -> None:
    if not left:
        console.print("nothing is left")
        console.print("to ask without cxrmine, for each place:", style="dim")
        console.print(_QUERY, style="dim", markup=False)
        for place in places:
            console.print(f"  PLACE = {place}", style="dim")
        return
    console.print(f"left, in {len(left):,} files (make them anew, or delete them):")
    for found in left:
        rows = f"{found.rows:,} rows" if found.path.suffix == ".parquet" else "names a report"
        console.print(f"  {found.path}: {rows}")


def _by_table(found: Iterable[Found]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in found:
        counts[_table_of(one.path)] += one.rows
    return counts


def _table_of(path: Path) -> str:
    """The table that a file is, or is a part of.

    >>> _table_of(Path("run/labels.parquet/part-00001.parquet")), _table_of(Path("audit.json"))
    ('labels', 'audit.json')
    """
    if path.suffix != ".parquet":
        return path.name
    if len(path.parent.name) == 1 and len(path.stem) == 64:  # a bucket of the sentence store
        return f"sentence store, {path.parents[2].name}"
    return (path.parent if path.parent.suffix == ".parquet" else path).stem
