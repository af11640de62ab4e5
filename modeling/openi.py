"""OpenI's images: report, patient and view told from their names and the metadata."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .image_joins import NO_STUDY, Row, filled
from .images import ImageSet
from .views import FRONTAL, FRONTAL_VIEWS, LATERAL, view_of

_METADATA = Path("data") / "nlmcxr_dicom_metadata.csv.gz"
_TSNE = Path("data") / "nlmcxr_tsne_pa.csv.gz"
# CXR1_1_IM-0001-3001 in the reports and file names is CXR1_IM-0001-3001 in the metadata.
_NAME = re.compile(r"(CXR\d+)(?:_\d+)?_(IM-\d+(?:-\d+)*)")


class OpenIError(ValueError):
    """The metadata of OpenI's images is not where it should be, or not what it should be."""


@dataclass(frozen=True)
class OpenIName:
    """An image's name taken apart: the report's id, and the key of the metadata."""

    report_id: str
    key: str


def parse_name(name: str) -> OpenIName | None:
    """The report and the metadata's key of an image's file name; None for another kind of name.

    The name says what the reports' XML says: in all 7,470 `parentImage` ids of the corpus the part
    before the first "_" is the report's uId. So no XML need be read, and an image cannot get
    between two reports.

    >>> parse_name("CXR1_1_IM-0001-3001.png")
    OpenIName(report_id='CXR1', key='CXR1_IM-0001-3001')
    >>> parse_name("00000001_000.png") is None
    True
    """
    match = _NAME.fullmatch(name.rsplit("/", 1)[-1].split(".", 1)[0])
    return OpenIName(match[1], f"{match[1]}_{match[2]}") if match else None


def openi_views(folder: str | Path | None = None) -> dict[str, str]:
    """The view of each OpenI image where it is known, by the metadata's key.

    DICOM's View Position; where it is blank (2,586 of 7,469) the view that torchxrayvision's
    authors derived from the pixels (PA stands for frontal there). Where the two contradict each
    other in frontal against lateral the view is unknown. `folder` is that of torchxrayvision, which
    is found but not imported. OpenIError when it is not installed.
    """
    root = _package() if folder is None else Path(folder)
    derived = {
        _key(row["imageid"]): FRONTAL if row["tsne-view"] == "PA" else LATERAL
        for row in _rows(root / _TSNE, ("imageid", "tsne-view"))
    }
    views = dict(derived)
    for row in _rows(root / _METADATA, ("imageid", "View Position")):
        key, stated = _key(row["imageid"]), view_of(row["View Position"])
        if stated is None:
            continue
        guess = derived.get(key)
        if guess is not None and (guess == FRONTAL) != (stated in FRONTAL_VIEWS):
            del views[key]
        else:
            views[key] = stated
    return views


def join_openi(found: ImageSet, views: Mapping[str, str] | None = None) -> ImageSet:
    """The images with OpenI's names, with study and patient (the report's id) and view.

    One report is one patient there. `views` as from `openi_views`, the default. Images of other
    names are rejects.
    """
    known = openi_views() if views is None else views

    def settle(row: Row) -> str | None:
        name = parse_name(row["image_id"])
        if name is None:
            return NO_STUDY
        row["study_id"] = row["patient_id"] = name.report_id
        row["view"] = known.get(name.key, row["view"])
        return None

    return filled(found, settle)


def _key(image_id: str) -> str:
    name = parse_name(image_id)
    return name.key if name else image_id


def _package() -> Path:
    spec = importlib.util.find_spec("torchxrayvision")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / _METADATA).is_file():
            return Path(folder)
    raise OpenIError(
        "OpenI's image metadata was not found: torchxrayvision is not installed. "
        "Run: pip install --no-deps 'torchxrayvision>=1.5.7', or give its folder."
    )


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise OpenIError(
                f"{path}: found no column {missing[0]!r}, expected {', '.join(columns)}. "
                "Install torchxrayvision 1.5.7 or newer."
            )
        return list(reader)
