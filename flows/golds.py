"""What the command line may name as gold: which files it is, and a hash of what they hold."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from data_contracts import SAMPLES, read_table
from flows.files import digest_file, digest_tree
from flows.tables import NotFound
from mining.audit import mesh_gold, read_gold
from mining.audit.gold import GoldError
from mining.sampling.filled import is_filled, is_sheet, read_sheet
from mining.sampling.label_studio import read_export

OPENI = "openi"
SAMPLE = "sample.parquet"
_TASKS = "label_studio.json"  # to import; an export has another name


@dataclass(frozen=True)
class Golds:
    """Golds by name, the sample that they were drawn by, and the sheet that settles disputes."""

    names: tuple[str, ...]
    sample: Path | None = None
    adjudicated: Path | None = None


def gather(
    golds: Sequence[str], *, sample: Path | None = None, adjudicated: Path | None = None
) -> Golds:
    """The golds named; for the folder of a sample its filled sheets, exports and `adjudicated`.

    Errors: GoldError when nothing in such a folder is filled in, or a sheet is in both formats.
    """
    if len(golds) != 1 or not is_sample(Path(golds[0])):
        return Golds(tuple(golds), sample, adjudicated)
    folder = Path(golds[0])
    settling = {p for p in folder.iterdir() if p.stem == "adjudicated" and is_sheet(p)}
    files = sorted(p for p in folder.iterdir() if p.is_file() and p not in settling)
    found = [p for p in files if p.suffix == ".json" and p.name != _TASKS]
    found += [
        p for p in files if is_sheet(p) and not p.stem.startswith("disputed") and is_filled(p)
    ]
    if not found:
        raise GoldError(
            folder, "the folder", "no sheet with a row that is marked as judged",
            "a filled sheet, or an export of Label Studio (.json)",
            "Fill in sheet.xlsx, or name your files one by one with --sample.",
        )  # fmt: skip
    settled = adjudicated or max(settling, default=None)
    return Golds(tuple(map(str, found)), sample or folder, settled)


def is_sample(path: Path) -> bool:
    """Whether this is a folder that `cxrmine sample` has left."""
    return (path / SAMPLE).is_file()


def is_indexing(gold: str) -> bool:
    """Whether the gold is the human indexing in OpenI's XML."""
    path = Path(gold)
    if is_sample(path):
        return False
    return gold == OPENI or path.is_dir() or path.suffix in (".tgz", ".gz", ".xml")


def read_golds(name: str, findings: Sequence[str], key: str | None = None) -> list[pa.Table]:
    """The gold tables of one name, one per annotator.

    Errors: GoldError, MeshError, FileNotFoundError.
    """
    path = Path(name)
    if is_indexing(name):
        return [mesh_gold(name, findings=findings)]
    if path.suffix.lower() == ".json":
        return read_export(path, findings=findings)
    if is_sheet(path):
        return [read_sheet(path, findings=findings)]
    return [read_gold(name, findings=findings, key=key)]


def read_sample(folder: Path) -> pa.Table:
    """The table of the sample in a folder, or in a file. Errors: NotFound, ContractError."""
    path = folder / SAMPLE if folder.is_dir() else folder
    if not path.is_file():
        raise NotFound(SAMPLE, folder, "Give the folder that `cxrmine sample` has written.")
    return read_table(path, SAMPLES)


def gold_hash(gold: str) -> str:
    """The hash of what a gold's name stands for. Errors: OSError."""
    from mining.fingerprints import source_fingerprint  # loads the parser; not every audit wants it

    if is_indexing(gold):
        return source_fingerprint(gold)
    if is_sample(Path(gold)):
        return hashlib.sha256(repr(sorted(digest_tree(Path(gold)).items())).encode()).hexdigest()
    return digest_file(Path(gold))
