"""A small good source of every format: what the fuzzing damages."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.mining.ingest.hospital_sources import (
    bioc_document,
    bioc_xml,
    bundle,
    fhir_report,
    hl7_line,
    hl7_message,
    hl7_order,
    sr_text,
    write_sr,
)
from tests.mining.ingest.ingest_sources import openi_xml

ROWS = [
    ("R1", 'FINDINGS: No effusion.\nIMPRESSION: "Stable", clear.'),
    ("R2", "Heart is enlarged; possible 3 mm nodule."),
]


def _csv() -> bytes:
    lines = ['"{}","{}"'.format(key, text.replace('"', '""')) for key, text in ROWS]
    return "\n".join(["report_id,text", *lines]).encode()


def _jsonl() -> bytes:
    return "\n".join(json.dumps({"report_id": k, "text": t}) for k, t in ROWS).encode()


def _parquet() -> bytes:
    table = pa.table({"report_id": [k for k, _ in ROWS], "text": [t for _, t in ROWS]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _tar() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        for number in range(3):
            content = openi_xml(f"CXR{number}")
            info = tarfile.TarInfo(f"{number}.xml")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def _zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (_, text) in enumerate(ROWS):
            archive.writestr(f"files/p10/p10000032/s{number}.txt", text)
    return sink.getvalue()


def _structured(folder: Path) -> bytes:
    return write_sr(folder / "seed.dcm", [sr_text("Clear."), sr_text("No mass.")]).read_bytes()


# Name of the file -> its bytes; some need a folder to be made in.
SEEDS: dict[str, Callable[[Path], bytes]] = {
    "reports.csv": lambda _: _csv(),
    "reports.jsonl": lambda _: _jsonl(),
    "packed.jsonl.gz": lambda _: gzip.compress(_jsonl()),
    "reports.parquet": lambda _: _parquet(),
    "report.xml": lambda _: openi_xml(),
    "reports.tgz": lambda _: _tar(),
    "reports.zip": lambda _: _zip(),
    "report.txt": lambda _: ROWS[0][1].encode(),
    "bundle.json": lambda _: json.dumps(bundle(fhir_report(), fhir_report(id="b"))).encode(),
    "bulk.ndjson": lambda _: (json.dumps(fhir_report()) + "\n").encode() * 2,
    "messages.hl7": lambda _: hl7_message(hl7_order(), hl7_line(r"Clear \T\ well.")).encode() * 2,
    "report.dcm": _structured,
    "collection.xml": lambda _: bioc_xml(bioc_document("R1", (0, "Clear."), (9, "Well."))).encode(),
    "collection.json": lambda _: json.dumps(
        {"documents": [{"id": "R1", "passages": [{"offset": 0, "text": "Clear."}]}]}
    ).encode(),
}
