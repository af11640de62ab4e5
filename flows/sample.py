"""A sample to annotate: drawn from a label set, left as a folder with weights and sheets."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import (
    MENTIONS,
    SAMPLES,
    content_hash,
    findings_in,
    iter_tables,
    write_table,
)
from flows.files import swap_in
from flows.golds import SAMPLE
from flows.label_sets import LabelSet
from flows.output import OutputRefused, work_beside
from flows.tables import NotFound
from mining.audit.holdout import Selection, select_ids
from mining.sampling import Plan, cells_of, draw_sample, plan_sample, positive_reports
from mining.sampling.label_studio import interface, tasks
from mining.sampling.sheet import SheetRow, header_of, write_csv, write_xlsx

_PRIVATE = 0o600


@dataclass(frozen=True)
class Drawn:
    """A sample and how it came about; `files` are in the folder, in order."""

    table: pa.Table
    plan: Plan
    selection: Selection
    files: tuple[str, ...]


def write_sample(
    labels: LabelSet,
    out: Path,
    *,
    size: int | None = None,
    width: float | None = None,
    seed: int = 0,
    annotators: Sequence[str] = (),
    exclude_ids: Collection[str] = (),
) -> Drawn:
    """The sample, written to the new folder `out`, which only you can enter: it holds reports.

    OpenI's published test split is never drawn. Errors: SampleError; OutputRefused when the folder
    holds something, since sheets that people filled in are not to be lost; NotFound for a label
    set without its reports; ProfileError.
    """
    out = out.expanduser().resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputRefused(out, "something there already, and sheets are never written over")
    selection = select_ids(labels.table["report_id"].to_pylist(), exclude_ids=exclude_ids)
    table = labels.table.filter(
        pc.is_in(labels.table["report_id"], value_set=pa.array(selection.kept, pa.string()))
    )
    findings = findings_in(table.schema)
    plan = plan_sample(
        _cells(labels, table, findings), positive_reports(table, findings), size=size, width=width
    )
    sample = draw_sample(plan.strata, plan.drawn, seed=seed)
    rows = _rows(labels, sample)
    provenance = {"labels": content_hash(labels.path), "seed": str(seed)}
    with work_beside(out) as work:
        new = work / "new"
        new.mkdir(mode=0o700)
        write_table(new / SAMPLE, sample, SAMPLES, provenance)
        header = header_of(findings)
        for name in [f"sheet_{who}" for who in annotators] or ["sheet"]:
            write_csv(new / f"{name}.csv", rows, header)
            write_xlsx(new / f"{name}.xlsx", rows, header)
        _write_label_studio(new, rows, findings)
        for path in new.iterdir():
            path.chmod(_PRIVATE)
        swap_in(new, out)
    return Drawn(sample, plan, selection, tuple(sorted(path.name for path in out.iterdir())))


def write_sheet(path: Path, rows: Sequence[SheetRow], header: Sequence[str]) -> None:
    """Writes one sheet, CSV or XLSX by its name; only you can read it. Errors: OSError."""
    from flows.pages import replacing

    write: Callable[..., None] = write_csv if path.suffix.lower() == ".csv" else write_xlsx
    with replacing(path, private=True) as inside:
        write(inside, rows, header)


def _cells(
    labels: LabelSet, table: pa.Table, findings: Sequence[str]
) -> dict[str, list[tuple[str, ...]]]:
    from mining.profiles import load_profile
    from mining.sampling.cells import MENTION_COLUMNS

    if labels.mentions is None or labels.run is None:
        return cells_of(table, findings)
    profile = load_profile(labels.run["settings"]["profile"])
    pieces = iter_tables(labels.mentions, MENTIONS, columns=list(MENTION_COLUMNS))
    return cells_of(table, findings, pieces, profile)


def _rows(labels: LabelSet, sample: pa.Table) -> list[SheetRow]:
    ids = sample["report_id"].to_pylist()
    texts = labels.texts(ids)
    missing = [report for report in ids if report not in texts]
    if missing:
        raise NotFound(
            f"{len(missing)} of the reports drawn", labels.path.with_name("reports.parquet"),
            "Give a label set and the reports it was made from.",
        )  # fmt: skip
    return [SheetRow(number, one, texts[one]) for number, one in enumerate(ids, start=1)]


def _write_label_studio(folder: Path, rows: Sequence[SheetRow], findings: Sequence[str]) -> None:
    content = json.dumps(tasks(rows), ensure_ascii=False, indent=1)
    (folder / "label_studio.json").write_text(content + "\n", encoding="utf-8")
    (folder / "label_studio.xml").write_text(interface(findings), encoding="utf-8")
