"""The command line: what it leaves, what it says, and how it exits."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_contracts import CHESTXRAY14
from flows.cli.errors import FAULT, USER_MISTAKE, report_error
from mining.stages import RowsLostError
from tests.flows.desk_case import exit_code as cxrmine

WriteReports = Callable[[Path, list[tuple[str, str]]], Path]
ROOT = Path(__file__).parents[2]
TABLES = {
    "reports.parquet",
    "mentions.parquet",
    "labels.parquet",
    "rejects.parquet",
    "filtered.parquet",
}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True
    )


@pytest.fixture(scope="module")
def mined(
    tmp_path_factory: pytest.TempPathFactory,
    write_reports: WriteReports,
    sample_reports: list[tuple[str, str]],
) -> Path:
    """The folder that `mine` leaves."""
    folder = tmp_path_factory.mktemp("mined")
    source = write_reports(folder / "reports.csv", sample_reports)
    assert cxrmine("mine", source, "--out", folder / "out") == 0
    return folder / "out"


# What makes a command line slow to answer; each verb imports its own when it is called.
_HEAVY = ("fsspec", "numpy", "pandas", "prefect", "pyarrow", "scipy", "sklearn", "spacy", "torch")


def test_help_imports_nothing_heavy() -> None:
    script = f"""
import sys
from flows.cli.app import app
app(["--help"], standalone_mode=False)
print("imported:", [name for name in {_HEAVY} if name in sys.modules])
"""
    assert "imported: []" in python("-c", script).stdout


def test_only_run_needs_prefect_and_nothing_here_needs_torch(
    mined: Path, gold_csv: Path, tmp_path: Path
) -> None:
    source = mined.parent / "reports.csv"
    verbs = [
        ["mine", source, "--out", tmp_path / "out"],
        ["audit", mined, gold_csv],
        ["explain", "No pleural effusion."],
        ["export", mined, "--to", "nih", "--out", tmp_path / "nih.csv"],
        ["stats", mined],
    ]
    script = f"""
import sys
from flows.cli.app import app
for verb in {[[str(word) for word in verb] for verb in verbs]!r}:
    assert not app(verb, standalone_mode=False), verb
print("imported:", [name for name in ("prefect", "torch") if name in sys.modules])
"""
    assert "imported: []" in python("-c", script).stdout


def test_mine_leaves_its_tables_and_nothing_beside(mined: Path) -> None:
    assert {path.name for path in mined.iterdir()} == {*TABLES, "run.json"}
    assert {path.name for path in mined.parent.iterdir()} == {"out", "reports.csv"}
    labels = pq.read_table(mined / "labels.parquet")
    assert labels["report_id"].to_pylist() == ["R1", "R2", "R3", "R4", "R5", "R6"]


def test_run_json_accounts_for_every_row(mined: Path) -> None:
    record = json.loads((mined / "run.json").read_text())
    assert (record["tool"], record["status"], record["problems"]) == ("cxrmine", "ok", [])
    assert list(record["stages"]) == ["ingest", "sentences", "parse", "mine", "label"]
    for stage in record["stages"].values():
        left = ("rows_out", "rejects", "superseded", "duplicates", "filtered")
        assert stage["rows_in"] == sum(stage[name] for name in left)
        assert stage["fingerprint"]["stage_version"]
    assert set(record["files"]) == TABLES
    assert len(record["input"]["sha256"]) == 64
    assert record["versions"]["cxrmine"] == version("cxrmine")


def test_the_same_reports_give_the_same_bytes(mined: Path, tmp_path: Path) -> None:
    assert cxrmine("mine", mined.parent / "reports.csv", "--out", tmp_path / "again") == 0
    for name in TABLES:
        assert (tmp_path / "again" / name).read_bytes() == (mined / name).read_bytes()


def test_an_earlier_run_is_replaced_whole(
    reports_csv: Path, tmp_path: Path, write_reports: WriteReports
) -> None:
    out = tmp_path / "out"
    assert cxrmine("mine", reports_csv, "--out", out) == 0
    (out / "stale.txt").write_text("from before")
    write_reports(reports_csv, [("N1", "FINDINGS: No pneumothorax.")])
    assert cxrmine("mine", reports_csv, "--out", out) == 0
    assert {path.name for path in out.iterdir()} == {*TABLES, "run.json"}
    assert pq.read_table(out / "labels.parquet")["report_id"].to_pylist() == ["N1"]


def test_another_folder_is_refused_and_left_alone(
    reports_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("precious")
    assert cxrmine("mine", reports_csv, "--out", out) == 2
    assert [path.name for path in out.iterdir()] == ["chapter.txt"]
    assert "chapter.txt" in capsys.readouterr().err


def test_an_empty_folder_is_taken(reports_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert cxrmine("mine", reports_csv, "--out", tmp_path / "out") == 0


def test_shards_are_part_files_with_the_same_rows(
    mined: Path, reports_csv: Path, tmp_path: Path
) -> None:
    assert cxrmine("mine", reports_csv, "--out", tmp_path / "out", "--shards", 3) == 0
    parts = tmp_path / "out" / "labels.parquet"
    assert len(list(parts.glob("part-*.parquet"))) == 3
    whole = pq.read_table(mined / "labels.parquet")
    assert pq.read_table(parts).to_pylist() == whole.to_pylist()


def test_too_many_rejects_write_the_tables_and_exit_with_3(
    tmp_path: Path, write_reports: WriteReports, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("R1", "FINDINGS: No effusion."), ("R2", ""), ("R3", "  ")]
    source = write_reports(tmp_path / "reports.csv", rows)
    assert cxrmine("mine", source, "--out", tmp_path / "out") == 3
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["status"] == "failed"
    assert pq.read_table(tmp_path / "out" / "rejects.parquet").num_rows == 2
    assert pq.read_table(tmp_path / "out" / "labels.parquet").num_rows == 1
    assert "2 of 3 rows rejected" in capsys.readouterr().err
    assert cxrmine("mine", source, "--out", tmp_path / "out", "--max-reject-rate", 0.9) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("mine",),
        ("mine", "{tmp}/absent.csv", "--out", "{tmp}/out"),
        ("mine", "{csv}", "--out", "{csv}"),
        ("mine", "{csv}", "--out", "{tmp}/out", "--map", "text"),
        ("mine", "{csv}", "--out", "{tmp}/out", "--map", "text=no_such_column"),
        ("mine", "{csv}", "--out", "{tmp}/out", "--profile", "no-such-profile"),
        ("mine", "{csv}", "--out", "{tmp}/out", "--findings", "no-such-set"),
        ("mine", "{csv}", "--out", "{tmp}/out", "--parser", "no-such-parser"),
        ("mine", "{csv}", "--out", "{tmp}/out", "--shards", "0"),
        ("audit", "{tmp}/absent", "openi"),
        ("audit", "{mined}", "{tmp}/absent.csv"),
        ("audit", "{mined}", "{csv}"),
        ("audit", "{csv}", "{csv}"),
        ("stats", "{tmp}/absent.parquet"),
        ("export", "{mined}", "--to", "word", "--out", "{tmp}/x"),
        ("export", "{mined}", "--to", "nih", "--out", "{tmp}/absent/x.csv"),
        ("explain", "R99", "--labels", "{mined}"),
        ("explain", "R1", "--labels", "{tmp}"),
        ("frobnicate",),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_on_standard_error(
    arguments: tuple[str, ...],
    mined: Path,
    reports_csv: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word.format(tmp=tmp_path, csv=reports_csv, mined=mined) for word in arguments]
    assert cxrmine(*words) == 2
    said = capsys.readouterr()
    assert said.err.startswith("cxrmine: ") and said.err.count("\n") == 1
    assert "Traceback" not in said.err


def test_rows_that_do_not_add_up_are_a_fault_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_error(RowsLostError("rows are missing")) == FAULT
    assert report_error(KeyError("x")) == FAULT
    assert report_error(FileNotFoundError(2, "No such file", "x.csv")) == USER_MISTAKE
    assert report_error(MemoryError()) == USER_MISTAKE
    assert "x.csv: No such file" in capsys.readouterr().err


@pytest.fixture(scope="module")
def gold_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader would say of the six reports."""
    there = {"R1": ["Cardiomegaly"], "R2": ["Effusion", "Atelectasis"], "R6": ["Nodule"]}
    lines = [",".join(("report_id", *CHESTXRAY14))]
    for number in range(1, 7):
        found = there.get(f"R{number}", [])
        lines.append(",".join((f"R{number}", *(str(int(f in found)) for f in CHESTXRAY14))))
    path = tmp_path_factory.mktemp("gold") / "gold.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_audit_prints_a_table_and_writes_json(
    mined: Path, gold_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cxrmine("audit", mined, gold_csv, "--json", tmp_path / "audit.json") == 0
    figures = json.loads((tmp_path / "audit.json").read_text())
    assert figures["findings"]["Cardiomegaly"]["tp"] == 1
    assert figures["counts"]["scored"] == 6
    assert "Cardiomegaly" in capsys.readouterr().out


@pytest.mark.parametrize(("option", "scored"), [("--ids", 2), ("--exclude-ids", 4)])
def test_audit_keeps_to_the_ids(
    mined: Path, gold_csv: Path, tmp_path: Path, option: str, scored: int
) -> None:
    (tmp_path / "ids.txt").write_text("R1\nR2\n\n")
    words = ("audit", mined, gold_csv, option, tmp_path / "ids.txt", "--json", tmp_path / "a.json")
    assert cxrmine(*words) == 0
    assert json.loads((tmp_path / "a.json").read_text())["counts"]["scored"] == scored


def test_stats_counts_labels(
    mined: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cxrmine("stats", mined, "--json", tmp_path / "stats.json") == 0
    counts = json.loads((tmp_path / "stats.json").read_text())
    assert counts["reports"] == 6
    assert counts["findings"]["Effusion"] == {"total": 1, "overlap": 1}
    assert "1 (1)" in capsys.readouterr().out


def test_stats_of_a_gold_file(gold_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cxrmine("stats", gold_csv) == 0
    assert "1 (1)" in capsys.readouterr().out


def test_export_writes_the_labels(mined: Path, tmp_path: Path) -> None:
    assert cxrmine("export", mined, "--to", "nih", "--out", tmp_path / "nih.csv") == 0
    lines = (tmp_path / "nih.csv").read_text().splitlines()
    assert lines[:3] == ["report_id,Finding Labels", "R1,Cardiomegaly", "R2,Atelectasis|Effusion"]


def test_explain_a_text_and_a_report(mined: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cxrmine("explain", "No pleural effusion.") == 0
    of_text = capsys.readouterr().out
    assert "Effusion" in of_text and "absent" in of_text
    assert cxrmine("explain", "R1", "--labels", mined) == 0
    assert "Cardiomegaly" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cxrmine("version") == 0
    assert capsys.readouterr().out.strip() == version("cxrmine")


def test_cache_show_counts_damaged_artifacts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.store import Store

    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))

    def write(folder: Path) -> dict[str, int]:
        (folder / "labels.parquet").write_bytes(b"x" * 1000)
        return {}

    store = Store(tmp_path / "cache")
    for key in ("a", "b"):
        store.put("label", key, write)
    store.find("label", "a").table("labels").write_bytes(b"y")  # type: ignore[union-attr]
    assert cxrmine("cache", "show", "--check") == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "label" in line)
    assert row.split()[1] == "2" and row.split()[-1] == "1"


def test_what_a_killed_mine_left_is_gone_after_the_next(
    tmp_path: Path, write_reports: WriteReports
) -> None:
    rows = [(f"R{n}", f"FINDINGS: No effusion at level {n}.") for n in range(3000)]
    source = write_reports(tmp_path / "reports.csv", rows)
    words = [sys.executable, "-m", "flows.cli", "mine", str(source), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob(".out.cxrmine-*/*")):
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    killed.kill()
    killed.wait()
    assert not (tmp_path / "out").exists()

    write_reports(source, [("R1", "FINDINGS: No effusion.")])
    assert cxrmine("mine", source, "--out", tmp_path / "out") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"out", "reports.csv"}


@pytest.fixture(scope="module")
def worn_parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spaCy model as another version might be: the embedded one with its weights at zero."""
    from mining.parsing.embedded import read_pipeline

    pipeline = read_pipeline()
    for node in pipeline.get_pipe("parser").model.walk():
        for name in node.param_names:
            if node.has_param(name):
                node.get_param(name)[:] = 0
    folder = tmp_path_factory.mktemp("worn") / "model"
    pipeline.to_disk(folder)
    return folder


def test_selfcheck_says_that_nothing_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cxrmine("selfcheck") == 0
    assert "golden sentences are judged as they must be" in capsys.readouterr().out


def test_changed_verdicts_are_listed_with_exit_code_2(
    worn_parser: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cxrmine("selfcheck", "--parser", worn_parser) == USER_MISTAKE
    lines = capsys.readouterr().err.splitlines()
    assert "golden sentences are judged otherwise" in lines[-1]
    assert sum(line.startswith("    expected ") for line in lines) > 10


@pytest.mark.parametrize("verb", ["mine", "run"])
def test_changed_verdicts_stop_a_run_before_it_begins(
    verb: str, worn_parser: Path, reports_csv: Path, tmp_path: Path
) -> None:
    arguments = [verb, reports_csv, "--out", tmp_path / "out", "--parser", worn_parser]
    assert cxrmine(*arguments) == USER_MISTAKE
    assert not (tmp_path / "out").exists()


def test_a_run_that_may_drift_says_so_in_run_json(
    worn_parser: Path, reports_csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["mine", reports_csv, "--out", out, "--parser", worn_parser, "--allow-drift"]
    assert cxrmine(*arguments) == 0
    assert len(json.loads((out / "run.json").read_text())["selfcheck"]["changed"]) > 10


def test_chexperts_labels_are_counted_exported_and_audited(
    reports_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, csv_file = tmp_path / "out", tmp_path / "chexpert.csv"
    chosen = ["--findings", "chexpert14", "--profile", "chexpert"]
    assert cxrmine("mine", reports_csv, "--out", out, *chosen) == 0
    assert cxrmine("stats", out) == 0
    assert "Lung_Lesion" in capsys.readouterr().out
    assert cxrmine("export", out, "--to", "chexpert", "--out", csv_file) == 0
    assert csv_file.read_text().startswith("report_id,No Finding,Enlarged Cardiomediastinum,")
    gold = tmp_path / "gold.csv"
    gold.write_text("report_id,Lung_Lesion,Pleural_Effusion\nR6,1,0\nR2,0,1\nR1,0,0\n")
    assert cxrmine("audit", out, gold) == 0
    assert "1.0" in capsys.readouterr().out


def test_a_finding_of_ones_own_with_a_mistake_is_one_line(
    reports_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.toml"
    own.write_text('name = "Scoliosis"\n\n[[phrase]\n')
    code = cxrmine("mine", reports_csv, "--out", tmp_path / "out", "--findings", own)
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (USER_MISTAKE, 1)
    assert "own.toml" in error and "line 3" in error
