"""OpenI's own human MeSH headings as the reference of an audit: never an input to mining."""

from __future__ import annotations

import importlib.util
import logging
import tarfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import pyarrow as pa
from defusedxml.ElementTree import fromstring

from data_contracts import CHESTXRAY14

from .gold import build_gold, mark_unjudged

ANNOTATOR = "openi-mesh"
_OPENI_FILE = Path("data") / "NLMCXR_reports.tgz"
_LOG = logging.getLogger(__name__)


class MeshError(ValueError):
    """MeSH headings cannot be read: `source`, what was `found` and what `to_do`."""

    def __init__(self, source: str, found: str, to_do: str) -> None:
        self.source, self.found, self.to_do = source, found, to_do
        super().__init__(f"{source}: {found}. {to_do}")


@dataclass(frozen=True)
class Indexing:
    """The human headings of one report (`<major>` as written) and how many images it has."""

    report_id: str
    headings: tuple[str, ...]
    images: int


def mesh_gold(
    source: str | Path = "openi",
    *,
    findings: Sequence[str] = CHESTXRAY14,
    with_image_only: bool = True,
) -> pa.Table:
    """The gold table that OpenI's indexers wrote; reports marked "No Indexing" are not judged.

    `source` is a folder of XML files, a .tgz of them, or "openi": the copy inside the
    torchxrayvision package. The published gold covers the 3,851 reports that have an image; the
    other 104 come with `with_image_only=False`. A file that is no readable XML is logged and left
    out. MeshError when there is nothing to read or a report comes twice.
    """
    rules = _mapping()
    columns: dict[str, list[Any]] = {name: [] for name in ("report_id", "normal", "judged")}
    columns.update({finding: [] for finding in findings})
    for indexing in _unique(source, read_indexings(source)):
        if with_image_only and not indexing.images:
            continue
        heads = heading_names(indexing.headings)
        columns["report_id"].append(indexing.report_id)
        columns["judged"].append(_is_judged(indexing))
        columns["normal"].append(bool(heads & frozenset(rules["normal"])))
        for finding in findings:
            columns[finding].append(bool(heads & frozenset(rules["findings"].get(finding, ()))))
    if not columns["report_id"]:
        raise MeshError(str(source), "no OpenI report in it", "Give the folder or .tgz of the XML.")
    return build_gold(columns, annotator=ANNOTATOR, findings=findings)


def unindexed_ids(source: str | Path = "openi") -> frozenset[str]:
    """The reports that nobody indexed ("No Indexing"): zeros of theirs in a gold mean nothing."""
    return frozenset(i.report_id for i in read_indexings(source) if not _is_judged(i))


def mark_unindexed(gold: pa.Table, source: str | Path = "openi") -> pa.Table:
    """The gold with `judged` false where OpenI's indexers marked "No Indexing".

    The gold released for OpenI has these reports as rows of zeros and cannot say so itself. A gold
    with any report that is not OpenI's comes back as it is. MeshError when `source` is missing.
    """
    indexings = list(read_indexings(source))
    if not set(gold["report_id"].to_pylist()) <= {found.report_id for found in indexings}:
        return gold
    return mark_unjudged(gold, (i.report_id for i in indexings if not _is_judged(i)))


def heading_names(headings: Iterable[str]) -> frozenset[str]:
    """The first component of each heading, without its qualifiers.

    >>> sorted(heading_names(["Opacity/lung/base/left", "Nodule"]))
    ['Nodule', 'Opacity']
    """
    return frozenset(heading.split("/", 1)[0].strip() for heading in headings)


def read_indexings(source: str | Path) -> Iterator[Indexing]:
    """One `Indexing` per readable OpenI file of a folder, a .tgz, or "openi".

    No text of the report is read from the files, only `<uId>`, `<major>` and the images' number.
    """
    for name, content in _files(source):
        try:
            yield _read_indexing(fromstring(content))
        except (ParseError, ValueError, LookupError) as error:
            # Broken XML, a forbidden entity, an unknown encoding, no uId: ingestion counts such a
            # file as a reject; here it only has no gold.
            _LOG.warning("no MeSH read from %s: %s", name, type(error).__name__)


def _is_judged(indexing: Indexing) -> bool:
    heads = heading_names(indexing.headings)
    return bool(heads) and not heads & frozenset(_mapping()["unjudged"])


def _read_indexing(root: Element) -> Indexing:
    uid = root.find("uId")
    if uid is None:
        raise KeyError("uId")
    headings = tuple((major.text or "").strip() for major in root.iterfind("MeSH/major"))
    return Indexing(
        uid.attrib["id"], tuple(filter(None, headings)), len(root.findall("parentImage"))
    )


def _unique(source: str | Path, indexings: Iterable[Indexing]) -> Iterator[Indexing]:
    seen: set[str] = set()
    for indexing in indexings:
        if indexing.report_id in seen:
            raise MeshError(
                str(source), f"report {indexing.report_id} twice", "Remove one of the two files."
            )
        seen.add(indexing.report_id)
        yield indexing


def _files(source: str | Path) -> Iterator[tuple[str, bytes]]:
    path = _openi_archive() if str(source) == "openi" else Path(source)
    if path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            yield file.name, file.read_bytes()
    elif path.is_file() and tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".xml"):
                    extracted = archive.extractfile(member)
                    yield member.name, extracted.read() if extracted else b""
    elif path.is_file() and path.suffix == ".xml":
        yield path.name, path.read_bytes()
    else:
        raise MeshError(
            str(source),
            "neither a folder, nor a .tgz, nor an .xml file",
            'Give OpenI\'s reports as one of these, or "openi" for the installed copy.',
        )


def _openi_archive() -> Path:
    # The package imports torch; its data are found without importing it.
    spec = importlib.util.find_spec("torchxrayvision")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (archive := Path(folder) / _OPENI_FILE).is_file():
            return archive
    raise MeshError(
        "openi",
        "the OpenI reports are not installed",
        "Install their carrier: pip install --no-deps torchxrayvision.",
    )


@cache
def _mapping() -> dict[str, Any]:
    text = resources.files("mining.audit").joinpath("mesh.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
