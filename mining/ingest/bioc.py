"""Reports of BioC collections (XML and JSON), the format of NegBio and other text miners.

A document is a report: report_id is its `id`; its text is that of its passages, or of their
sentences, each at the offset that it has in the document, so that annotations of others fit.
`infons` of the document named as columns of reports (study_id, patient_id, status, ...) are taken.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from .encoding import decode, open_bytes, read_json
from .mapping import ColumnMapping
from .rows import (
    MAX_RECORD_BYTES,
    MAX_TEXT_BYTES,
    Batch,
    Layout,
    RawReject,
    Reason,
    Row,
    SourceError,
    batched,
    broken_off,
)
from .text_folder import walk

_INFONS = (
    "version", "status", "study_id", "patient_id", "received_at", "procedure_code", "modality",
    "body_part", "language",
)  # fmt: skip
_COLUMNS = ("report_id", *_INFONS, "source", "text")
_LAYOUT = Layout(tuple((name, (name,)) for name in _COLUMNS))
_MAX_JSON_BYTES = 512_000_000  # a collection in JSON is one value, held in memory whole


def read_bioc(path: Path, mapping: ColumnMapping, notes: Counter[str]) -> Iterator[Batch]:
    """The documents of a BioC collection (.xml as a stream, .json), or of a folder of them.

    Nothing is mapped by column, so `mapping` is not used. SourceError where a collection breaks
    off or holds what XML must not (entities).
    """
    files = [path]
    if path.is_dir():
        files = [file for end in (".xml", ".json") for file in walk(path, end)]
    for file in files:
        place = file.relative_to(path).as_posix() if path.is_dir() else file.name
        documents = _from_json(file, notes) if ".json" in file.name.lower() else _from_xml(file)
        with broken_off(file):
            yield from batched(_rows(documents, place), _LAYOUT, place)


def _rows(documents: Iterator[Mapping[str, Any]], source: str) -> Iterator[Row | RawReject]:
    for number, document in enumerate(documents, start=1):
        place = f"{source} document {number}"
        infons = document.get("infons")
        known = infons if isinstance(infons, dict) else {}
        text = _text(document)
        if text is None:
            yield RawReject(place, "text", Reason.BAD_ROW)
            continue
        infon = [str(known[name]) if known.get(name) is not None else None for name in _INFONS]
        identifier = document.get("id")
        yield Row(place, [None if identifier is None else str(identifier), *infon, source, text])


def _text(document: Mapping[str, Any]) -> str | None:
    """The pieces at their offsets, spaces or line ends between; None where offsets cannot be."""
    text = ""
    for piece in _pieces(document):
        try:
            offset, content = int(piece.get("offset") or 0), piece["text"]
        except (ValueError, TypeError):
            return None
        if not isinstance(content, str) or not 0 <= offset <= MAX_TEXT_BYTES:
            return None
        gap = offset - len(text)
        if gap < 0:  # offsets counted in bytes, or none given: the order still holds
            gap = 1 if text else 0
        text += " " * (gap - 1) + ("\n" if gap and text else " " * bool(gap)) + content
    return text


def _pieces(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for passage in document.get("passages") or ():
        if isinstance(passage.get("text"), str) and passage["text"]:
            yield passage
            continue
        for sentence in passage.get("sentences") or ():
            if isinstance(sentence.get("text"), str):
                yield sentence


def _from_json(file: Path, notes: Counter[str]) -> Iterator[Mapping[str, Any]]:
    raw = read_json(file, _MAX_JSON_BYTES)
    if raw is None:
        raise SourceError(
            file, f"a collection of more than {_MAX_JSON_BYTES // 1_000_000} MB, or made to fill "
            "the memory", "Give it as XML, which is read as a stream.",
        )  # fmt: skip
    text = decode(raw, notes)
    try:
        collection = json.loads(text or "")
        documents = collection["documents"]
        if not all(isinstance(document, dict) for document in documents):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(
            file, "no BioC collection in JSON", 'Expected an object with a list "documents".'
        ) from error
    yield from documents


def _from_xml(file: Path) -> Iterator[Mapping[str, Any]]:
    """The documents one after the other, without holding those that have been passed."""
    try:
        with open_bytes(file) as opened:
            stream = _Bounded(file, opened)
            for _, node in iterparse(stream, events=("end",)):
                if node.tag == "document":
                    yield _document(node)
                    node.clear()
                    stream.passed = 0
    except SourceError:
        raise
    except DefusedXmlException as error:
        raise SourceError(
            file, "XML with entities or a document type of its own", "Export it without them."
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise SourceError(file, "the XML breaks off or is broken", "Fetch it again.") from error


class _Bounded:
    """The bytes of a collection, for a parser that would hold a document of any size."""

    def __init__(self, file: Path, stream: IO[bytes]) -> None:
        self._file, self._stream, self.passed = file, stream, 0

    def read(self, size: int) -> bytes:
        """The next bytes. SourceError when they are too many for a document."""
        data = self._stream.read(size)
        self.passed += len(data)
        if self.passed > MAX_RECORD_BYTES:
            raise SourceError(
                self._file,
                f"more than {MAX_RECORD_BYTES // 1_000_000} MB without an end of a document",
                "Take that document out.",
            )
        return data


def _document(node: Element) -> dict[str, Any]:
    return {
        "id": node.findtext("id"),
        "infons": {infon.get("key"): infon.text for infon in node.findall("infon")},
        "passages": [
            {**_piece(passage), "sentences": [_piece(s) for s in passage.findall("sentence")]}
            for passage in node.findall("passage")
        ],
    }


def _piece(node: Element) -> dict[str, Any]:
    return {"offset": node.findtext("offset") or "0", "text": node.findtext("text")}
