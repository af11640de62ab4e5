"""Where reports stand in tables and other files, and the sentences that only they used."""

import hashlib
import html
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.output import RUN_FILE
from flows.store import MANIFEST

_TEXT_SUFFIXES = {".csv", ".tsv", ".json", ".jsonl", ".html", ".md", ".txt", ".xml"}
_NOT_SEARCHED = {MANIFEST, RUN_FILE, "about.json"}  # hold settings, counts and checksums only
_ROWS = 65_536
_TAG = re.compile("<[^>]*>")


@dataclass(frozen=True)
class Target:
    """What is to be gone: reports by id, and sentences by their hash."""

    reports: frozenset[str]
    sentences: frozenset[str] = frozenset()

    def rows(self, table: pa.Table) -> pa.ChunkedArray:
        """True where a row of the table tells of one of them."""
        found = pa.chunked_array([pa.repeat(False, table.num_rows)])
        for name, wanted in (("report_id", self.reports), ("sentence_id", self.sentences)):
            if name in table.column_names:
                values = pa.array(sorted(wanted), pa.string())
                found = pc.or_(found, pc.is_in(table[name].cast(pa.string()), value_set=values))
        if {"stage", "reason", "key"} <= set(table.column_names):  # rejects
            keys = (self._is_key(key) for key in table["key"].to_pylist())
            found = pc.or_(found, pa.chunked_array([pa.array(keys, pa.bool_())]))
        return found

    def _is_key(self, key: str) -> bool:
        """Whether the key of a reject is that of a report, alone or with its version behind."""
        return (
            key in self.reports
            or any(key.startswith(f"{report}/") for report in _beginnings(key) & self.reports)
            or (key.startswith("sha256:") and key[7:] in self._hashed())
        )

    def _hashed(self) -> set[str]:
        return {hashlib.sha256(report.encode()).hexdigest() for report in self.reports}


@dataclass(frozen=True)
class Found:
    """How many rows of a table tell of the target; of another kind of file, 1 if it names it."""

    path: Path
    rows: int


def files_below(places: Iterable[Path]) -> Iterator[Path]:
    """All files at these places, each once, hidden ones as well; in a fixed order."""
    seen: set[Path] = set()
    for place in places:
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in files:
            if path.is_file() and not path.is_symlink() and path not in seen:
                seen.add(path)
                yield path


def find_in(path: Path, target: Target) -> Found | None:
    """What of the target a file holds, or None. A table that cannot be read may hold it."""
    if path.suffix == ".parquet":
        try:
            rows = sum(pc.sum(target.rows(piece)).as_py() or 0 for piece in pieces(path))
        except (pa.ArrowException, OSError):
            return Found(path, 1)
        return Found(path, rows) if rows else None
    if path.suffix == ".xlsx":
        return Found(path, 1) if _in_workbook(path, target) else None
    if path.suffix in _TEXT_SUFFIXES and path.name not in _NOT_SEARCHED and target.reports:
        named = _pattern(target.reports).search(path.read_text("utf-8", errors="replace"))
        return Found(path, 1) if named else None
    return None


def _in_workbook(path: Path, target: Target) -> bool:
    """Whether a workbook names a report; one that cannot be read may."""
    if not target.reports:
        return False
    pattern = _pattern(target.reports)
    try:
        with zipfile.ZipFile(path) as parts:
            texts = (parts.read(n).decode("utf-8", "replace") for n in parts.namelist())
            # Tags name cells, and F2 may be a report as well.
            return any(pattern.search(html.unescape(_TAG.sub(" ", text))) for text in texts)
    except (OSError, zipfile.BadZipFile):
        return True


def pieces(path: Path) -> Iterator[pa.Table]:
    """The rows of a Parquet file, in pieces."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS):
            yield pa.Table.from_batches([batch])


def is_readable(path: Path) -> bool:
    """Whether the Parquet file can be read at all."""
    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return False
    return True


def only_theirs(files: Collection[Path], reports: frozenset[str]) -> frozenset[str]:
    """The sentences that these reports use and, as far as the tables tell, no other does.

    A report whose table of sentences is no longer there is cut anew, as it was cut then.
    """
    ids = pa.array(sorted(reports), pa.string())
    tables = [path for path in files if path.suffix == ".parquet" and is_readable(path)]
    own: set[str] = set()
    for path in tables:
        columns = set(pq.read_schema(path).names)
        if {"report_id", "sentence_id"} <= columns:
            for piece in pieces(path):
                theirs = pc.is_in(piece["report_id"], value_set=ids)
                own.update(piece.filter(theirs)["sentence_id"].to_pylist())
        elif {"report_id", "text"} <= columns:
            for piece in pieces(path):
                theirs = pc.is_in(piece["report_id"], value_set=ids)
                for text in piece.filter(theirs)["text"].to_pylist():
                    own |= _sentences_of(text)
    for path in tables:
        if own and {"report_id", "sentence_id"} <= set(pq.read_schema(path).names):
            for piece in pieces(path):
                others = piece.filter(pc.invert(pc.is_in(piece["report_id"], value_set=ids)))
                used = pc.is_in(others["sentence_id"], value_set=pa.array(sorted(own), pa.string()))
                own.difference_update(others.filter(used)["sentence_id"].to_pylist())
    return frozenset(own)


def _sentences_of(text: str) -> set[str]:
    """The ids of a report's sentences, with and without the abbreviations that it defines."""
    from mining.concepts.abbreviations import ReportAbbreviations, keyed_sentence
    from mining.sections import mined_sections
    from mining.sentences import sentence_key, split_sentences

    found = set()
    defined = ReportAbbreviations()
    for section in mined_sections(text):
        for start, end in split_sentences(text, section.start, section.end):
            sentence = text[start:end]
            found.add(sentence_key(sentence)[0])
            found.add(keyed_sentence(sentence, defined.used_in(sentence))[0])
    return found


def _beginnings(key: str) -> set[str]:
    """What stands in front of each stroke.

    >>> sorted(_beginnings("R1/2/final"))
    ['R1', 'R1/2']
    """
    return {key[: match.start()] for match in re.finditer("/", key)}


def _pattern(reports: Collection[str]) -> re.Pattern[str]:
    names = "|".join(re.escape(report) for report in sorted(reports, key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])(?:{names})(?![\w-])")
