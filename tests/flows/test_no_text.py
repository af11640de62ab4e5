"""`--no-text`: no published byte holds a word of a report, and who asks for one is told why."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from data_contracts import (
    MENTIONS,
    MENTIONS_WITHOUT_TEXT,
    REPORTS,
    REPORTS_WITHOUT_TEXT,
    ContractError,
    has_text,
    read_table,
)
from flows.cli.app import app
from flows.cli.errors import report_error
from flows.configuration import read_configuration
from flows.mine import mine_reports
from flows.nightly import job_of
from flows.publishing import publish_run
from flows.road import Job
from mining.engine import Engine
from mining.gate import GateLimits
from mining.privacy import Privacy
from mining.settings import MiningSettings
from modeling.quotes import quote_mentions, read_mentions

# In a header, in a mention, beside it, in a cue's place, in a sentence without a finding.
WORDS = ("zanzibarquux", "mumpitzwort", "firlefanzig", "papperlapapp")
TEXTS = [
    f"{WORDS[0].upper()}: seen today.\nFINDINGS: No {WORDS[1]} pleural effusion. {WORDS[2]}.",
    f"FINDINGS: The heart is enlarged, {WORDS[3]}. IMPRESSION: Possible pneumonia.",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path, Path]:
    """The folder of a run without text, of the same with text, and the cache of both."""
    folder = tmp_path_factory.mktemp("runs")
    lines = [json.dumps({"report_id": f"R{n}", "text": text}) for n, text in enumerate(TEXTS)]
    (folder / "r.jsonl").write_text("\n".join(lines))
    job = Job(str(folder / "r.jsonl"), MiningSettings())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXRMINE_CACHE", str(folder / "cache"))
        mine_reports(
            replace(job, privacy=Privacy(text=False)), folder / "bare", engine=Engine(workers=1)
        )
        mine_reports(job, folder / "full", engine=Engine(workers=1))
        blocks = replace(job, settings=MiningSettings(shards=2), privacy=Privacy(text=False))
        mine_reports(blocks, folder / "parts", engine=Engine(workers=1))
    return folder / "bare", folder / "full", folder / "cache"


def _said(folder: Path) -> str:
    """All bytes below the folder, and every cell of its Parquet files."""
    said = []
    for path in folder.rglob("*"):
        if path.is_file():
            said.append(path.read_bytes().decode("latin-1"))
            if path.suffix == ".parquet":
                said.append(str(pq.read_table(path).to_pylist()))
                said.append(str(pq.read_schema(path).metadata))
    return "\n".join(said).lower()


@pytest.mark.parametrize("name", ["bare", "parts"])
def test_no_published_byte_holds_a_word(runs, name):
    said = _said(runs[0].with_name(name))
    for word in (*WORDS, "pleural effusion", "the heart is enlarged"):
        assert word not in said
    assert "zanzibarquux" in _said(runs[1])  # or the search would find nothing anywhere


def test_labels_are_the_same(runs):
    bare, full, _ = runs
    assert (bare / "labels.parquet").read_bytes() == (full / "labels.parquet").read_bytes()


def test_offsets_and_hashes_stay(runs):
    bare, full, _ = runs
    reports = read_table(bare / "reports.parquet", REPORTS_WITHOUT_TEXT)
    whole = read_table(full / "reports.parquet", REPORTS)
    assert reports["text_length"].to_pylist() == [len(text) for text in TEXTS]
    assert reports["text_sha256"] == whole["text_sha256"]
    mentions = read_table(bare / "mentions.parquet", MENTIONS_WITHOUT_TEXT)
    assert mentions == read_table(full / "mentions.parquet", MENTIONS).drop_columns(["text"])
    # Whoever has the reports finds the words again.
    first = mentions.to_pylist()[0]
    assert TEXTS[0][first["start"] : first["end"]] == "pleural effusion"


def test_columns_that_are_there_are_read_under_the_usual_contract(runs):
    ids = read_table(runs[0] / "reports.parquet", REPORTS, columns=["report_id", "study_id"])
    assert ids["report_id"].to_pylist() == ["R0", "R1"]
    assert not has_text(runs[0] / "mentions.parquet")
    assert has_text(runs[1] / "mentions.parquet")


@pytest.mark.parametrize(("table", "contract"), [("reports", REPORTS), ("mentions", MENTIONS)])
@pytest.mark.parametrize("columns", [None, ["report_id", "text"]])
def test_texts_that_are_not_there_are_told(runs, table, contract, columns):
    with pytest.raises(ContractError, match=r"column text: found offsets and hashes only"):
        read_table(runs[0] / f"{table}.parquet", contract, columns=columns)


@pytest.mark.parametrize(
    "verb",
    [["explain", "R0", "--labels", "BARE"],
     ["export", "BARE", "--to", "bioc", "--out", "OUT"],
     ["sample", "BARE", "--size", "2", "--out", "OUT"],
     ["audit", "BARE", "GOLD", "--html", "OUT", "--with-text"],
     ["diff", "BARE", "FULL", "--html", "OUT", "--with-text"]],
    ids=lambda verb: verb[0],
)  # fmt: skip
def test_verbs_say_in_one_line_what_is_missing(runs, verb, tmp_path, capsys):
    bare, full, _ = runs
    other = tmp_path / "full"
    _flipped(full, other)
    (tmp_path / "gold.csv").write_text("report_id,Effusion,Pneumonia\nR0,1,0\nR1,0,0\n")
    names = {
        "BARE": bare, "FULL": other, "OUT": tmp_path / "out.html", "GOLD": tmp_path / "gold.csv",
    }  # fmt: skip
    done = CliRunner().invoke(app, [str(names.get(part, part)) for part in verb])
    assert isinstance(done.exception, Exception), done.output
    capsys.readouterr()
    assert report_error(done.exception) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "without --no-text" in told
    assert not (tmp_path / "out.html").exists()


@pytest.mark.parametrize(
    "verb",
    [["audit", "BARE", "GOLD", "--html", "OUT"], ["diff", "BARE", "FULL", "--html", "OUT"],
     ["stats", "BARE"], ["export", "BARE", "--to", "nih", "--out", "OUT"]],
    ids=lambda verb: verb[0],
)  # fmt: skip
def test_verbs_that_need_no_text_work(runs, verb, tmp_path):
    bare, full, _ = runs
    _flipped(full, tmp_path / "full")
    (tmp_path / "gold.csv").write_text("report_id,Effusion,Pneumonia\nR0,1,0\nR1,0,0\n")
    names = {
        "BARE": bare, "FULL": tmp_path / "full", "OUT": tmp_path / "out",
        "GOLD": tmp_path / "gold.csv",
    }  # fmt: skip
    done = CliRunner().invoke(app, [str(names.get(part, part)) for part in verb])
    assert done.exception is None, done.output
    if "OUT" in verb:
        assert [word for word in WORDS if word in (tmp_path / "out").read_text().lower()] == []


def test_galleries_quote_nothing(runs):
    bare, full, _ = runs
    rows = read_mentions(bare / "mentions.parquet", pc.field("start") >= 0).to_pylist()
    assert rows
    assert quote_mentions(rows, bare / "reports.parquet") == []
    assert len(quote_mentions(rows, full / "reports.parquet")) == len(rows)


def _flipped(full: Path, other: Path) -> None:
    """A copy of a run with another label."""
    shutil.copytree(full, other)
    table = pq.read_table(full / "labels.parquet")
    at = table.schema.get_field_index("Effusion")
    flipped = pa.array(["present", None], pa.string())
    table = table.set_column(at, table.schema.field(at), flipped)
    pq.write_table(table, other / "labels.parquet")


def test_a_run_without_text_is_published_without(runs, tmp_path):
    done = publish_run(runs[0], tmp_path / "sets", GateLimits(published=str(tmp_path / "sets")))
    assert done.made is not None
    said = _said(tmp_path / "sets")
    assert [word for word in (*WORDS, "pleural effusion") if word in said] == []


def test_the_cache_holds_text_and_is_its_owners(runs):
    cache = runs[2]
    assert "zanzibarquux" in _said(cache)
    for folder in [cache, *(path for path in cache.iterdir() if path.is_dir())]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_run_says_so(runs):
    assert json.loads((runs[0] / "run.json").read_text())["privacy"]["text"] is False


def test_a_configuration_says_so(tmp_path):
    (tmp_path / "c.toml").write_text('[source]\npath = "openi"\n[privacy]\ntext = false\n')
    assert job_of(read_configuration(tmp_path / "c.toml")).privacy == Privacy(text=False)
