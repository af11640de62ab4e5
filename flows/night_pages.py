"""The audit of a night as a page beside the reports of the runs, and the address it has."""

import hashlib
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flows.audit import audit_fingerprint, label_findings, published_figures
from flows.audit_page import write_audit_page
from flows.files import digest_tree
from flows.golds import gather, gold_hash
from flows.judged import load_judged
from flows.label_sets import open_label_set
from flows.pages import AUDIT_PAGES
from mining.audit import audit
from mining.parsing.lightness import leave_torch_out

KEPT = 30  # pages; an audit of thousands of labels is some megabytes
VARIABLE = "CXRMINE_PAGES"


def keep_audit_page(run: Path, gold: str, folder: Path) -> Path:
    """The page of the audit of this run's labels against the gold, in the folder; without text.

    Nights with the same labels have the same page. Of older ones the last 30 are kept. Errors:
    GoldError, MeshError, ContractError, OSError.
    """
    page = folder / f"audit-{_content(run, gold)}.html"
    if page.is_file():
        page.touch()
    else:
        _write(run, gold, page)
    pages = sorted(folder.glob(AUDIT_PAGES), key=lambda path: path.stat().st_mtime)
    for old in pages[:-KEPT]:
        old.unlink(missing_ok=True)
    return page


def address_of_page(page: Path, address: str) -> str | None:
    """Where a browser finds the page; None where nobody serves it.

    `address` is that of a server of the user's; without it `cxrmine serve` says its own in the
    environment of the runs that it starts.
    """
    root = address or os.environ.get(VARIABLE, "")
    return f"{root.rstrip('/')}/{page.name}" if root else None


def _write(run: Path, gold: str, page: Path) -> None:
    labels = open_label_set(run)
    if labels.settings:
        leave_torch_out(labels.settings.parser)
    findings = label_findings(labels.table, gold)
    judged = load_judged(gather([gold]), findings=findings)
    result = audit(labels.table, judged.gold, findings=findings, sample=judged.sample)
    write_audit_page(
        result, labels, gold, page, reference=published_figures(gold), agreements=judged.agreements
    )


def _content(run: Path, gold: str) -> str:
    """A short hash of all that the page shows; not of run.json, which holds the time."""
    tables = digest_tree(run, leave_out="run.json")
    program = ""
    with suppress(PackageNotFoundError):  # run from a checkout that is not installed
        program = version("cxrmine")
    parts = (tables, gold_hash(gold), sorted(audit_fingerprint().items()), program)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
