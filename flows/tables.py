"""Tables as the command line names them: a file, or the folder of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import (
    CHESTXRAY14,
    REPORTS,
    findings_in,
    iter_tables,
    labels_contract,
    part_paths,
    read_table,
)
from flows.output import RUN_FILE, read_run

if TYPE_CHECKING:
    from mining.settings import MiningSettings


class NotFound(Exception):
    """What the command line names is not there: `name` and where it was `looked` for."""

    def __init__(self, name: str, looked: Path, to_do: str) -> None:
        self.name, self.looked = name, looked
        super().__init__(f"{looked}: {name} not found. {to_do}")


def find_labels(path: Path) -> Path:
    """The path of a label table, given it or the folder that it is in. Errors: NotFound."""
    inside = path / "labels.parquet"
    if (path / RUN_FILE).is_file() or inside.exists():
        path = inside
    if not path.exists() or (path.is_dir() and not any(path.glob("*.parquet"))):
        raise NotFound("labels", path, "Give labels.parquet or the folder of a cxrmine run.")
    return path


def find_run(path: Path) -> Path:
    """The folder of a run, given it or its label table. Errors: NotFound."""
    folder = path if path.is_dir() and path.suffix != ".parquet" else path.parent
    if not (folder / RUN_FILE).is_file():
        raise NotFound(RUN_FILE, folder, "Give the folder of a cxrmine run.")
    return folder


def read_labels(path: Path) -> pa.Table:
    """The label table, under the contract for the findings that it has columns for.

    Errors: ContractError, which says which column of which file breaks it.
    """
    try:
        findings = findings_in(pq.read_schema(part_paths(path)[0]))
    except pa.ArrowInvalid:
        findings = CHESTXRAY14  # no Parquet: reading it under its contract says so
    return read_table(path, labels_contract(findings))


def read_report(folder: Path, report_id: str) -> str:
    """The text of a report in the folder of a run. Errors: NotFound."""
    path = folder / "reports.parquet"
    for table in iter_tables(path, REPORTS, columns=["report_id", "text"]):
        found = table.filter(pc.field("report_id") == report_id)
        if found.num_rows:
            text: str = found.column("text")[0].as_py()
            return text
    raise NotFound(f"report {report_id!r}", path, "Check the id; it is the report_id of labels.")


def read_ids(path: Path) -> list[str]:
    """The ids in a text file, one per line; blank lines do not count. Errors: OSError."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [line.strip() for line in lines if line.strip()]


def run_settings(folder: Path) -> "MiningSettings":
    """The settings that the run in this folder was made with. Errors: OutputRefused."""
    from mining.settings import MiningSettings

    return MiningSettings(**read_run(folder)["settings"])
