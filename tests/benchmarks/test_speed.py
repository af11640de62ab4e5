"""Speed and scale on made-up reports: what is timed is what a run says, and rates are ratios."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import scale, speed
from benchmarks.rivals.whole_reports import negspacy_pipeline, verdicts
from benchmarks.scale import Size, size_figures
from benchmarks.watching import CommandFailedError, Watched, watch
from mining.settings import MiningSettings

REPORTS = {
    "A": "FINDINGS: The heart is enlarged. No pleural effusion.",
    "B": "FINDINGS: No pleural effusion. Opacity may represent pneumonia.",
}


def test_verdicts_are_those_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.mine import mine_reports
    from flows.road import Job
    from mining.engine import Engine

    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    lines = [json.dumps({"report_id": name, "text": text}) for name, text in REPORTS.items()]
    (tmp_path / "r.jsonl").write_text("\n".join(lines))
    job = Job(str(tmp_path / "r.jsonl"), MiningSettings())
    mine_reports(job, tmp_path / "out", engine=Engine(workers=1))
    mined = json.loads((tmp_path / "out" / "run.json").read_text())["stages"]["mine"]["details"]
    assert speed.read_verdicts(REPORTS, MiningSettings()) == mined["mentions"] > 3


def test_rivals_get_the_vocabulary_written_out() -> None:
    phrases = speed.literal_phrases()
    assert "pleural effusion" in phrases["Effusion"]
    assert all(phrases.values())
    nlp = negspacy_pipeline(phrases)
    found = verdicts("negspacy", nlp, list(REPORTS.values()))
    assert (0, "Effusion", "absent") in {(row[0], row[3], row[4]) for row in found}


def test_a_rate_is_told_beside_the_rivals() -> None:
    found = {speed.OURS: {"start": 1.0, "seconds": 2.0}, "negspacy": {"start": 1, "seconds": 1.0}}
    rows = speed.speed_figures("t", 4000, found).rows
    assert [row[3:] for row in rows] == [["2,000", "1.00"], ["4,000", "0.50"]]


def test_a_watched_command_is_measured_with_its_children(tmp_path: Path) -> None:
    child = "x = bytearray(60_000_000); sum(range(20_000_000)); import time; time.sleep(0.4)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    took = watch([sys.executable, "-c", parent], {}, tmp_path)
    assert took.cpu_seconds > 0.1
    assert took.peak_bytes > 60_000_000
    with pytest.raises(CommandFailedError, match="exit code 3"):
        watch([sys.executable, "-c", "raise SystemExit(3)"], {}, tmp_path)


def test_runs_are_told_as_shares_of_the_first() -> None:
    took = [
        Watched(s, c, 750_000_000, "") for s, c in ((40, 50), (8, 2), (9, 4), (20, 10), (20, 15))
    ]
    size = Size(100_000, dict(zip(scale.RUNS, took, strict=True)))
    [row] = size_figures([size], 2).rows
    assert row == ["100,000", "40", "50", "2,500", "4,000", "0.80", "750", "0.50", "8.0%", "20.0%",
                   "30.0%", "8.0"]  # fmt: skip


@pytest.mark.parametrize(("rule", "changed"), [("unc.may", 1), (None, 19)])
def test_the_edited_package_judges_by_other_rules(
    tmp_path: Path, rule: str | None, changed: int
) -> None:
    folder = scale.edited_package(tmp_path / "edited", rule=rule)
    [rules] = (folder / "mining" / "rules").glob("30_*.toml")
    [own] = (scale.ROOT / "mining" / "rules").glob("30_*.toml")
    pairs = zip(rules.read_text().splitlines(), own.read_text().splitlines(), strict=True)
    assert sum(ours != theirs for ours, theirs in pairs) == changed
    assert (folder / "flows" / "cli" / "__main__.py").exists()
