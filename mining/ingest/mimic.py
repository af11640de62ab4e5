"""MIMIC-CXR: its archive of reports, and what its metadata say of a study.

files/p10/p10000032/s50414267.txt      patient p10000032, study s50414267, which is the report
mimic-cxr-reports.zip                  the same in an archive
mimic-cxr-2.0.0-metadata.csv(.gz)      a row per image; StudyDate, StudyTime and the procedure
                                       of its study are taken, where it lies in the folder
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.csv as csv

from .formats import METADATA
from .rows import MAX_TEXT_BYTES, RawReject, Reason, SourceError

OTHER_MEMBERS = "archive members that are no .txt"
_STUDY, _DATE, _TIME = "study_id", "StudyDate", "StudyTime"
_PROCEDURE = "PerformedProcedureStepDescription"
_ENCRYPTED = 1
# What the zipfile module raises of a damaged archive: also what its arithmetic meets.
_BROKEN = (
    zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, OSError, struct.error,
    ValueError, OverflowError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Study:
    """When a study was made, as DICOM writes it, and the procedure."""

    time: str | None
    procedure: str | None


def studies_in(folder: Path) -> dict[str, Study]:
    """The studies in the metadata that lie in the folder, by id (s50414267); none without them.

    Errors: SourceError when the metadata cannot be read.
    """
    found: dict[str, Study] = {}
    for path in sorted(folder.glob(METADATA)):
        columns = [_STUDY, _DATE, _TIME, _PROCEDURE]
        types = dict.fromkeys(columns, pa.string())
        options = csv.ConvertOptions(
            include_columns=columns, column_types=types, strings_can_be_null=True
        )
        try:
            with csv.open_csv(path, convert_options=options) as rows:
                for batch in rows:
                    _note(batch, found)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise SourceError(
                path, f"no metadata of MIMIC-CXR ({type(error).__name__})",
                f"Expected the columns {', '.join(columns)}; take the file away or fetch it again.",
            ) from error  # fmt: skip
    return found


def _note(batch: pa.RecordBatch, found: dict[str, Study]) -> None:
    columns = (batch.column(name).to_pylist() for name in (_STUDY, _DATE, _TIME, _PROCEDURE))
    for study, day, clock, procedure in zip(*columns, strict=True):
        time = None
        if day and len(day) == 8 and day.isdigit():  # 93123.5 is 09:31:23
            seconds = (clock or "0").partition(".")[0].zfill(6)
            time = day + seconds if seconds.isdigit() else day
        if study:
            found.setdefault(f"s{study.removeprefix('s')}", Study(time, procedure))


def texts_in(path: Path, notes: Counter[str]) -> Iterator[tuple[PurePosixPath, bytes | RawReject]]:
    """Place and bytes of each .txt in a zip archive, in the order of names, one at a time.

    Errors: SourceError for an archive that breaks off or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.infolist(), key=lambda one: one.filename):
                place = PurePosixPath(member.filename)
                if not member.filename:
                    yield place, RawReject("a member without a name", None, Reason.NOT_A_FILE)
                    continue
                if member.is_dir() or place.name.startswith("."):
                    continue
                if place.suffix.lower() != ".txt":
                    notes[OTHER_MEMBERS] += 1
                    continue
                yield place, _bytes(archive, member, place)
    except _BROKEN as error:
        raise SourceError(
            path, f"the archive breaks off ({type(error).__name__})", "Fetch it again."
        ) from error


def _bytes(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: PurePosixPath
) -> bytes | RawReject:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if place.is_absolute() or ".." in place.parts:
        return RawReject(place.name, None, Reason.OUTSIDE_ARCHIVE)
    if kind not in (0, stat.S_IFREG) or member.flag_bits & _ENCRYPTED:
        return RawReject(str(place), "text", Reason.NOT_A_FILE)
    most = 4 * MAX_TEXT_BYTES
    with archive.open(member) as file:  # what it says of its size may be a lie
        raw = file.read(most + 1)
    if len(raw) > most:
        return RawReject(str(place), "text", Reason.TOO_LONG, member.file_size)
    return raw
