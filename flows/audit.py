"""Audits for the command line and the flow: which gold, which reports, the result as files."""

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import pyarrow as pa
from rich.console import Console

from data_contracts import CHESTXRAY14, findings_in
from flows.files import digest_tree
from flows.golds import OPENI, gather, gold_hash, is_indexing
from flows.judged import load_judged
from flows.tables import find_labels, read_labels
from mining.audit import AuditResult, audit
from mining.audit.table import Reference, audit_markdown, load_reference, print_audit
from mining.sampling.agreement_view import print_agreement

__all__ = ["OPENI", "gold_hash", "load_gold"]
_WIDTH = 100


def load_gold(gold: str, *, findings: Sequence[str], key: str | None = None) -> pa.Table:
    """The gold table of a CSV or TSV file, of sheets, or of the human indexing in OpenI's XML.

    `gold` is "openi" (the installed copy), a file, a folder or .tgz of OpenI's XML files, or the
    folder of a sample. Errors: GoldError, MeshError, FileNotFoundError.
    """
    return load_judged(gather([gold]), findings=findings, key=key).gold


def audit_fingerprint() -> dict[str, str]:
    """The hashes of the code and data that an audit's figures depend on."""
    found: dict[str, str] = {}
    for room in ("audit", "sampling"):
        with resources.as_file(resources.files(f"mining.{room}")) as folder:
            files = digest_tree(folder)
        found |= {f"{room}/{name}": sha for name, sha in files.items()}
    return {name: sha for name, sha in found.items() if not name.endswith(".pyc")}


def published_figures(gold: str) -> Reference | None:
    """Figures of papers to print beside an audit against this gold."""
    return load_reference(OPENI) if is_indexing(gold) else None


def label_findings(labels: pa.Table, *golds: str) -> list[str]:
    """The findings that a table has columns for, and that these golds can judge.

    OpenI's indexing can be read as ChestX-ray14's findings only; a file judges what it names.
    """
    names = findings_in(labels.schema)
    known = CHESTXRAY14 if any(map(is_indexing, golds)) else names
    return [name for name in names if name in known]


def write_audit(labels: Path, gold: str, out: Path) -> AuditResult:
    """The audit of a label table, also left in `out`: audit.json, audit.md and audit.txt."""
    table = read_labels(find_labels(labels))
    findings = label_findings(table, gold)
    judged = load_judged(gather([gold]), findings=findings)
    result = audit(table, judged.gold, findings=findings, sample=judged.sample)
    reference = published_figures(gold)
    (out / "audit.json").write_text(json.dumps(result.to_json(), indent=2) + "\n")
    (out / "audit.md").write_text(audit_markdown(result, reference=reference))
    with (out / "audit.txt").open("w") as stream:
        console = Console(file=stream, width=_WIDTH)
        print_audit(result, reference=reference, console=console)
        if judged.agreements:
            print_agreement(judged.agreements, console)
    return result
