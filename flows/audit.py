"""Audits for the command line and the flow: which gold, which reports, the result as files."""

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import pyarrow as pa
from rich.console import Console

from data_contracts import CHESTXRAY14, findings_in
from flows.files import digest_file, digest_tree
from flows.tables import find_labels, read_labels
from mining.audit import AuditResult, audit, mesh_gold, read_gold
from mining.audit.table import Reference, audit_markdown, load_reference, print_audit

OPENI = "openi"
_WIDTH = 100


def load_gold(gold: str, *, findings: Sequence[str], key: str | None = None) -> pa.Table:
    """The gold table: of a CSV or TSV file, or of the human indexing in OpenI's XML.

    `gold` is "openi" (the installed copy), a file, or a folder or .tgz of OpenI's XML files.
    Errors: GoldError, MeshError, FileNotFoundError.
    """
    if _is_indexing(gold):
        return mesh_gold(gold, findings=findings)
    return read_gold(gold, findings=findings, key=key)


def gold_hash(gold: str) -> str:
    """The hash of what `load_gold` reads."""
    from mining.fingerprints import source_fingerprint  # loads the parser; not every audit wants it

    return source_fingerprint(gold) if _is_indexing(gold) else digest_file(Path(gold))


def audit_fingerprint() -> dict[str, str]:
    """The hashes of the code and data that an audit's figures depend on."""
    with resources.as_file(resources.files("mining.audit")) as folder:
        files = digest_tree(folder)
    return {name: sha for name, sha in files.items() if not name.endswith(".pyc")}


def published_figures(gold: str) -> Reference | None:
    """Figures of papers to print beside an audit against this gold."""
    return load_reference(OPENI) if _is_indexing(gold) else None


def label_findings(labels: pa.Table, gold: str | None = None) -> list[str]:
    """The findings that a table has columns for, and that this gold can judge.

    OpenI's indexing can be read as ChestX-ray14's findings only; a file judges what it names.
    """
    names = findings_in(labels.schema)
    known = CHESTXRAY14 if gold is not None and _is_indexing(gold) else names
    return [name for name in names if name in known]


def write_audit(labels: Path, gold: str, out: Path) -> AuditResult:
    """The audit of a label table, also left in `out`: audit.json, audit.md and audit.txt."""
    table = read_labels(find_labels(labels))
    findings = label_findings(table, gold)
    result = audit(table, load_gold(gold, findings=findings), findings=findings)
    reference = published_figures(gold)
    (out / "audit.json").write_text(json.dumps(result.to_json(), indent=2) + "\n")
    (out / "audit.md").write_text(audit_markdown(result, reference=reference))
    with (out / "audit.txt").open("w") as stream:
        print_audit(result, reference=reference, console=Console(file=stream, width=_WIDTH))
    return result


def _is_indexing(gold: str) -> bool:
    return gold == OPENI or Path(gold).is_dir() or Path(gold).suffix in (".tgz", ".gz", ".xml")
