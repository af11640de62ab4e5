"""`cxrmine sample` and the audit of what was drawn: from a run to weighted figures and back."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from openpyxl import load_workbook

from data_contracts import SAMPLES, read_provenance, read_table
from flows.output import OutputRefused
from flows.tables import NotFound
from mining.audit.gold import GoldError
from mining.audit.holdout import held_out_ids
from tests.flows.desk_case import EVIL, GOLD, REPORTS, cxrmine, mine_case
from tests.mining.sampling.test_sheets import fill

IDS = [report for report, _ in REPORTS]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mine_case(tmp_path_factory.mktemp("sampled"), "openi-mesh")


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> Path:
    """A sample of all six reports, a sheet each for two annotators."""
    out = tmp_path / "sample"
    assert cxrmine("sample", run, "--out", out, "--size", 6, "--annotators", "anna,ben") == 0
    return out


def judge(path: Path, *, but: dict[str, dict[str, object]] | None = None) -> None:
    """Fills the sheet in by the gold; `but` says otherwise for some cells."""
    page = load_workbook(path)["reports"]
    rows = {str(page.cell(row, 2).value): row - 1 for row in range(2, page.max_row + 1)}
    answers = {
        row: {"judged": 1, **dict.fromkeys(GOLD[report], 1), **(but or {}).get(report, {})}
        for report, row in rows.items()
    }
    fill(path, answers)


def test_only_the_owner_reads_what_is_left(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "sample.parquet", "label_studio.json", "label_studio.xml",
        "sheet_anna.csv", "sheet_anna.xlsx", "sheet_ben.csv", "sheet_ben.xlsx",
    }  # fmt: skip
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_sheets_are_blind_and_hold_the_reports(folder: Path, run: Path) -> None:
    sample = read_table(folder / "sample.parquet", SAMPLES)
    assert sorted(sample["report_id"].to_pylist()) == IDS
    text = (folder / "sheet_anna.csv").read_text(encoding="utf-8-sig")
    content = json.loads((folder / "label_studio.json").read_text())
    assert EVIL.replace('"', '""') in text
    assert {tuple(task["data"]) for task in content} == {("report_id", "text")}
    rules = set(pq.read_table(run / "mentions.parquet")["rule_id"].to_pylist())
    for word in ("present", "unparsed", "stratum", *rules):
        assert word not in text.replace("present", "", text.count("represent"))
    assert set(read_provenance(folder / "sample.parquet")) >= {"labels", "seed"}


def test_filled_in_the_folder_is_a_gold_with_weights_and_agreement(
    folder: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(folder / "sheet_anna.xlsx")
    judge(folder / "sheet_ben.xlsx", but={"D6": {"Mass": 1}})
    figures = tmp_path / "figures.json"
    assert cxrmine("audit", run, folder, "--json", figures) == 0
    told = json.loads(figures.read_text())
    assert told["counts"]["sample"] == {
        "reports": 6, "judged": 6, "strata": 1, "smallest": 6,
        "silent_strata": [], "silent_reports": 0,
    }  # fmt: skip
    mass = next(one for one in told["agreement"] if one["finding"] == "Mass")
    assert (mass["reports"], mass["disputed"], mass["cohen"]) == (6, 1, 0.0)
    assert told["findings"]["Mass"]["judged"] == 5  # the disputed answer is open
    said = " ".join(capsys.readouterr().out.split())
    assert "Disputed: 1 answers in 1 reports; 1 of them even and not scored." in said
    assert "Krippendorff's alpha" in said


def test_disputes_are_adjudicated_on_a_sheet(folder: Path, run: Path, tmp_path: Path) -> None:
    judge(folder / "sheet_anna.xlsx")
    judge(folder / "sheet_ben.xlsx", but={"D6": {"Mass": 1}, "D2": {"Edema": "?"}})
    disputed = tmp_path / "disputed.xlsx"
    cxrmine("audit", run, folder, "--disputed", disputed)
    assert disputed.stat().st_mode & 0o777 == 0o600
    page = load_workbook(disputed)["reports"]
    header = [cell.value for cell in page[1]]
    (row,) = page.iter_rows(min_row=2, values_only=True)
    cells = dict(zip(header, row, strict=True))
    assert (cells["report_id"], cells["Mass"], cells["Edema"]) == ("D6", "?", "0")
    assert cells["votes"] == "Mass: 1 by ben; 0 by anna"
    fill(disputed, {1: {"judged": 1, "Mass": 1}})
    disputed.rename(folder / "adjudicated.xlsx")
    figures = tmp_path / "figures.json"
    cxrmine("audit", run, folder, "--json", figures)
    mass = json.loads(figures.read_text())["findings"]["Mass"]
    assert (mass["judged"], mass["fn"]) == (6, 1)


def test_the_page_shows_weighted_figures_and_agreement(folder: Path, run: Path) -> None:
    for who in ("anna", "ben"):
        judge(folder / f"sheet_{who}.xlsx")
    page = folder.parent / "audit.html"
    cxrmine("audit", run, folder, "--html", page)
    html = page.read_text()
    assert "Agreement of the annotators" in html and "Weighted: estimates for all" in html


def test_nothing_filled_in_is_told(folder: Path, run: Path) -> None:
    with pytest.raises(GoldError, match="no sheet with a row that is marked as judged"):
        cxrmine("audit", run, folder)


def test_a_sheet_of_another_sample_is_told(folder: Path, run: Path, tmp_path: Path) -> None:
    other = tmp_path / "sheet.csv"
    other.write_text("sheet_row,report_id,text,judged,Mass\n1,X9,No mass.,1,0\n")
    with pytest.raises(GoldError, match="ids that were not drawn"):
        cxrmine("audit", run, other, "--sample", folder)


def test_sheets_are_never_written_over(folder: Path, run: Path) -> None:
    with pytest.raises(OutputRefused, match="never written over"):
        cxrmine("sample", run, "--out", folder, "--size", 6)


def test_a_bare_label_table_has_no_reports_to_show(run: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.parquet"
    labels.write_bytes((run / "labels.parquet").read_bytes())
    with pytest.raises(NotFound, match=r"reports\.parquet"):
        cxrmine("sample", labels, "--out", tmp_path / "out", "--size", 6)
    assert not (tmp_path / "out").exists()


def test_excluded_reports_are_not_drawn(run: Path, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("D1\nD2\n")
    cxrmine("sample", run, "--out", tmp_path / "s", "--size", 9, "--exclude-ids", ids)
    drawn = read_table(tmp_path / "s" / "sample.parquet", SAMPLES)["report_id"].to_pylist()
    assert sorted(drawn) == IDS[2:]
    assert not held_out_ids() & set(drawn)


def test_names_of_annotators_are_checked(run: Path, tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="expected names"):
        cxrmine("sample", run, "--out", tmp_path / "s", "--annotators", "../anna")
