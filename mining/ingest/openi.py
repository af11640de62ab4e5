"""Reports of Open-i's Indiana University collection: XML files, loose or in a tar archive."""

from __future__ import annotations

import importlib.util
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from .encoding import open_bytes
from .mapping import ColumnMapping
from .rows import MAX_RECORD_BYTES, Batch, Layout, RawReject, Reason, Row, SourceError, batched
from .text_folder import walk

_CORPUS = Path("data") / "NLMCXR_reports.tgz"
_COLUMNS = ("report_id", "study_id", "language", "source", "text")
_LAYOUT = Layout(tuple((name, (name,)) for name in _COLUMNS))
_LANGUAGES = {"eng": "en"}  # MEDLINE writes ISO 639-2, the table 639-1


def openi_corpus() -> Path:
    """The archive of reports inside the installed torchxrayvision package, which is not imported.

    SourceError when it is not installed.
    """
    spec = importlib.util.find_spec("torchxrayvision")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / _CORPUS).is_file():
            return Path(folder) / _CORPUS
    raise SourceError(
        "openi",
        "the reports that come with torchxrayvision are not installed",
        "Run: pip install --no-deps 'torchxrayvision>=1.5.7', or give a folder or .tgz of XML.",
    )


def read_openi(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The reports of a folder of .xml files, of a .tar / .tgz of them, or of one .xml file.

    There are no columns, so `mapping` is not used; human MeSH indexing in the files is not read.
    A file that cannot be read is a reject; SourceError for an archive that breaks off.
    """
    items: Iterator[Row | RawReject]
    if path.is_dir():
        items = (_from_file(file, path) for file in walk(path, ".xml"))
    elif path.suffix.lower() == ".xml":
        items = (_from_file(file, path.parent) for file in [path])
    else:
        items = _members(path, notes)
    yield from batched(items, _LAYOUT, path.name)


def report_text(article: Element) -> str:
    """The sections of a report with text in them, in order, as lines "LABEL: text"."""
    lines = []
    for node in article.iter("AbstractText"):
        text = "".join(node.itertext()).strip()
        label = (node.get("Label") or "").strip()
        if text:
            lines.append(f"{label}: {text}" if label else text)
    return "\n".join(lines)


def _from_file(file: Path, root: Path) -> Row | RawReject:
    place = file.relative_to(root).as_posix()
    try:
        if not file.is_file():
            return RawReject(place, None, Reason.NOT_A_FILE)
        if file.stat().st_size > MAX_RECORD_BYTES:
            return RawReject(place, None, Reason.TOO_LONG, file.stat().st_size)
        return _report(file.read_bytes(), place)
    except OSError:
        return RawReject(place, None, Reason.NOT_A_FILE)


def _members(path: Path, notes: Counter[str]) -> Iterator[Row | RawReject]:
    try:
        with open_bytes(path) as file:
            for archive, member in _walk_tar(_Watched(file)):
                place = PurePosixPath(member.name)
                if member.isdir() or place.name.startswith("."):
                    continue
                if member.isreg() and place.suffix.lower() != ".xml":
                    notes["archive members that are no .xml"] += 1
                    continue
                yield _member(archive, member, place)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise SourceError(
            path, f"the archive breaks off ({type(error).__name__})", "Fetch it again."
        ) from error


def _walk_tar(file: _Watched) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    with tarfile.open(fileobj=cast(IO[bytes], file), mode="r|") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps all it has passed
            yield archive, member
    file.check_end()


class _Watched:
    """An archive's bytes for tarfile, which takes one that breaks off for a whole one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._last = file, b""

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._last = (self._last + data)[-tarfile.BLOCKSIZE :]
        return data

    def check_end(self) -> None:
        """Nothing, if the bytes end with a block of zeros as they must. ReadError otherwise."""
        while self.read(1 << 20):
            pass
        if self._last != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("no block of zeros at the end")


def _member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, place: PurePosixPath
) -> Row | RawReject:
    if place.is_absolute() or ".." in place.parts:
        return RawReject(place.name, None, Reason.OUTSIDE_ARCHIVE)
    if not member.isreg():
        return RawReject(str(place), None, Reason.NOT_A_FILE)
    if member.size > MAX_RECORD_BYTES:
        return RawReject(str(place), None, Reason.TOO_LONG, member.size)
    file = archive.extractfile(member)
    return _report(file.read() if file else b"", str(place))


def _report(raw: bytes, place: str) -> Row | RawReject:
    try:
        root: Element = fromstring(raw)
    except DefusedXmlException:
        return RawReject.of(place, Reason.FORBIDDEN_XML, None, raw)
    except (ParseError, ValueError, LookupError):
        return RawReject.of(place, Reason.BROKEN_XML, None, raw)
    identifier = root.find(".//uId")
    report_id = None if identifier is None else identifier.get("id")
    language = (root.findtext(".//Language") or "").strip().lower()
    text = report_text(root)
    return Row(place, (report_id, report_id, _LANGUAGES.get(language, language), place, text))


def image_ids(xml: bytes) -> list[str]:
    """The ids of the images of one report, in order; none when the XML cannot be read.

    >>> image_ids(b'<r><parentImage id="CXR0_IM-1"/></r>')
    ['CXR0_IM-1']
    """
    try:
        root: Element = fromstring(xml)
    except (ParseError, ValueError, LookupError):
        return []
    return [image.get("id", "") for image in root.iter("parentImage") if image.get("id")]
