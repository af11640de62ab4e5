"""Sources made to fill the memory: what reading each comes to, and what it costs.

    python -m benchmarks.hostile [--megabytes 1024] [NAME ...]

Every source is a few kilobytes of gzip or a file of holes, and unpacks to the size that is asked
for. Each is read in a process of its own, whose address space is bounded at `--limit` gigabytes.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20
_HL7 = b"MSH|^~\\&|A|B|C|D|20200101||ORU^R01|1|P|2.5\rOBR|1||R1|\r"
_BUNDLE = b'{"resourceType":"Bundle","entry":['


@dataclass(frozen=True)
class Hostile:
    """A source: its name, its format, how it is made, and what reading it must come to.

    `comes_to` are rows out and rejects, or a word of the error.
    """

    file: str
    format: str
    make: Callable[[Path, int], None]
    comes_to: tuple[int, int] | str


def packed(head: bytes, piece: bytes, tail: bytes = b"") -> Callable[[Path, int], None]:
    """Makes gzip of a head, a piece over and over, and a tail."""

    def make(path: Path, size: int) -> None:
        block = piece * (_BLOCK // len(piece))
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(head)
            for _ in range(size // len(block)):
                file.write(block)
            file.write(tail)

    return make


def holes(head: bytes) -> Callable[[Path, int], None]:
    """Makes a file of a head and nothing but zeros, which take no room on the disk."""

    def make(path: Path, size: int) -> None:
        path.write_bytes(head)
        os.truncate(path, size)

    return make


_GOOD = b'{"report_id":"1","text":"Clear."}\n'
SOURCES = {
    "a line of CSV": Hostile(
        "a.csv.gz", "csv", packed(b"report_id,text\n1,Clear.\n2,", b"x", b",y\n3,Clear.\n"), (2, 1)
    ),
    "a header of CSV": Hostile(
        "a.csv.gz", "csv", packed(b"report_id,text", b"x", b"\n2,Clear.\n"), "no header line"
    ),
    "holes in CSV": Hostile("a.csv", "csv", holes(b"report_id,text\n1,Clear.\n"), (1, 1)),
    "a line of JSON": Hostile(
        "a.jsonl.gz", "jsonl", packed(_GOOD + b'{"text":"', b"x", b'"}\n' + _GOOD), (1, 1)
    ),
    "holes in JSON Lines": Hostile("a.jsonl", "jsonl", holes(_GOOD), (1, 1)),
    "blank JSON Lines": Hostile("a.jsonl.gz", "jsonl", packed(_GOOD, b" ", b"\n"), (1, 0)),
    "a line of FHIR": Hostile(
        "b.ndjson.gz", "fhir", packed(b'{"resourceType":"', b"x", b'"}\n'), (0, 1)
    ),
    "a bundle of empty lists": Hostile(
        "b.json.gz", "fhir", packed(_BUNDLE, b"[],", b"0]}"), "fill the memory"
    ),
    "a segment of HL7": Hostile("m.hl7.gz", "hl7", packed(_HL7, b"x", b"\r"), (0, 1)),
    "segments of HL7": Hostile(
        "m.hl7.gz", "hl7", packed(_HL7, b"OBX|1|TX|A||" + b"x" * 200 + b"\r"), (0, 1)
    ),
    "a text of BioC": Hostile(
        "c.xml.gz", "bioc", packed(b"<collection><document><id>1</id><text>", b"x"), "MB without"
    ),
    "tags of BioC": Hostile(
        "c.xml.gz", "bioc", packed(b"<collection><document>", b"<a>"), "MB without"
    ),
    "an attribute of BioC": Hostile(
        "c.xml.gz", "bioc", packed(b"<collection a='", b"x", b"'/>"), "MB without"
    ),
    "BioC of empty lists": Hostile(
        "c.json.gz", "bioc", packed(b'{"documents":[', b"[],", b"0]}"), "fill the memory"
    ),
    "an archive of zeros": Hostile("a.tgz", "openi", packed(b"", b"\0"), (0, 0)),
    "a report of Open-i": Hostile("r.xml", "openi", holes(b"<r><uId id='1'/>"), (0, 1)),
    "a text file": Hostile("r.txt", "text", holes(b"Clear."), (0, 1)),
    "a structured report": Hostile("r.dcm", "dicom-sr", holes(b"\0" * 128 + b"DICM"), (0, 1)),
    "a Parquet file": Hostile("r.parquet", "parquet", holes(b"PAR1"), "no readable Parquet"),
}


def read(name: str, folder: Path, size: int) -> tuple[int, int] | str:
    """What reading the source comes to: rows out and rejects, or the error's words."""
    from mining.ingest import SourceError, ingest

    source = SOURCES[name]
    source.make(folder / source.file, size)
    try:
        counts = ingest(folder / source.file, folder / "out", format=source.format)
    except SourceError as error:
        return error.found
    return counts.rows_out, counts.rejects


def _one(name: str, size: int) -> None:
    import mining.ingest  # noqa: F401

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        found = read(name, Path(folder), size)
        seconds = time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    said = found if isinstance(found, str) else f"{found[0]} read, {found[1]} rejected"
    print(f"| {name} | {said[:60]} | {seconds:.1f} | {grown} |", flush=True)


def main() -> None:
    """Prints a line for each source."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("names", nargs="*", metavar="NAME", choices=[*SOURCES, []])
    options.add_argument("--megabytes", type=int, default=1024)
    options.add_argument("--limit", type=int, default=4, help="gigabytes of address space")
    options.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.here:
        bound = given.limit << 30
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
        _one(given.names[0], given.megabytes << 20)
        return
    print("| source | comes to | CPU seconds, making it included | MiB more |\n|---|---|---|---|")
    for name in given.names or SOURCES:
        own = ["--here", "--megabytes", str(given.megabytes), "--limit", str(given.limit), name]
        subprocess.run([sys.executable, "-m", "benchmarks.hostile", *own], check=True)


if __name__ == "__main__":
    main()
