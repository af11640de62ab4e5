"""Both commands on made-up reports, from the command line to what they print and write."""

import json
from pathlib import Path

import pytest

from benchmarks import audit_openi, coverage, cross_validation
from benchmarks.audit_rows import OURS
from benchmarks.rivals import medspacy_context


@pytest.fixture(autouse=True)
def no_medspacy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine without medspaCy."""
    monkeypatch.delenv("CXRMINE_MEDSPACY_PYTHON", raising=False)
    monkeypatch.setattr(medspacy_context, "ENVIRONMENT", tmp_path / "nowhere")
    monkeypatch.setattr(medspacy_context, "find_spec", lambda name: None)


def test_audit_prints_and_writes_every_row(
    openi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "audit.json", tmp_path / "docs" / "audit.md"
    audit_openi.main(
        ["--source", str(openi_folder), "--json", str(out), "--markdown", str(page),
         "--bootstrap", "20"]
    )  # fmt: skip
    printed = capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    assert all(f"| {name} |" in page.read_text() for name in rows)
    assert all(name in printed for name in rows)
    assert len(rows) == 9
    ours = rows[OURS]["micro_subsets"]["without_hernia"]
    assert (ours["tp"], ours["fp"], ours["fn"]) == (4, 0, 0)


def test_audit_ranks_keyword_search_below_ours(openi_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.json"
    audit_openi.main(["--source", str(openi_folder), "--json", str(out), "--bootstrap", "50"])
    rows = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    assert rows["keyword search"]["difference_without_hernia"]["difference"] < 0
    assert rows["keyword search"]["micro"]["fp"] == 5
    assert rows[OURS]["difference_without_hernia"] is None
    assert rows[OURS]["reports_per_cpu_second"] > 0


def test_audit_says_how_to_get_medspacy(
    openi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit_openi.main(["--source", str(openi_folder), "--bootstrap", "5"])
    assert f"pip install medspacy=={medspacy_context.VERSION}" in capsys.readouterr().out


def test_other_weights_are_one_more_row(openi_folder: Path, tmp_path: Path) -> None:
    from mining.parsing.embedded import MODEL_FOLDER

    out = tmp_path / "audit.json"
    audit_openi.main(
        ["--source", str(openi_folder), "--json", str(out), "--bootstrap", "5",
         "--parser", str(MODEL_FOLDER)]
    )  # fmt: skip
    *_, last = json.loads(out.read_text())["rows"]
    assert last["name"].startswith("parser embedded-")
    assert last["difference_without_hernia"]["difference"] == 0


def test_cross_validation_prints_three_tables(
    openi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "cv.json", tmp_path / "cv.md"
    cross_validation.main(
        ["--source", str(openi_folder), "--json", str(out), "--markdown", str(page),
         "--bootstrap", "20"]
    )  # fmt: skip
    figures = json.loads(out.read_text())
    assert figures[cross_validation.SHIPPED]["all"]["tp"] == 4
    # Of so few reports nothing can be read off: the clinical profile's decisions stand.
    assert figures[cross_validation.CROSS_VALIDATED] == figures[cross_validation.CLINICAL]
    parts = [figures[cross_validation.SHIPPED][part]["tp"] for part in ("read", "never_read")]
    assert sum(parts) == 4
    assert page.read_text().count("\n## ") == 3
    assert cross_validation.CROSS_VALIDATED in capsys.readouterr().out


def test_coverage_prints_and_writes_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "SIZES", (20,))
    page = tmp_path / "coverage.md"
    coverage.main(["--samples", "3", "--markdown", str(page)])
    printed = capsys.readouterr().out
    assert printed in page.read_text()
    assert all(f"| {name} | 20 |" in printed for name in coverage.POPULATIONS)
