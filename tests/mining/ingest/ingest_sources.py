"""Small sources of several formats, all of them made up."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SECTIONS = {"FINDINGS": "The lungs are well aerated.", "IMPRESSION": "Nothing acute."}


def openi_xml(
    report_id: str | None = "CXR9001",
    sections: Mapping[str, str] = SECTIONS,
    mesh: str = "<MeSH><major>normal</major></MeSH>",
) -> bytes:
    """A report as Open-i writes it."""
    identifier = "" if report_id is None else f'<uId id="{report_id}"/>'
    nodes = "".join(
        f'<AbstractText Label="{label}">{text}</AbstractText>' if text else
        f'<AbstractText Label="{label}"/>'
        for label, text in sections.items()
    )  # fmt: skip
    return (
        f'<?xml version="1.0" encoding="utf-8"?><eCitation>{identifier}<Language>eng</Language>'
        f"<Abstract>{nodes}</Abstract>{mesh}"
        '<parentImage id="CXR9001_IM-0001"/></eCitation>'
    ).encode()


def write_tar(
    path: Path, members: Mapping[str, bytes | tarfile.TarInfo], mode: str = "w:gz"
) -> Path:
    """A tar archive; a member is its bytes, or a TarInfo (a link)."""
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """One object per line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
