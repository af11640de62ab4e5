"""`cxrmine report`: what a run was, and what moved since an earlier one."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.mine import mine_reports
from flows.road import Job
from flows.run_report import make_report, markdown
from mining.drift import DriftLimits, Moved, Rate, label_rates
from mining.settings import MiningSettings

CLEAR = "FINDINGS: The lungs are clear."
SICK = "FINDINGS: There is a large pleural effusion."


def mined(folder: Path, texts: list[str]) -> Path:
    """The folder of a run over these texts; an empty one is a reject."""
    source = folder.with_suffix(".jsonl")
    rows = [{"report_id": f"R{n}", "text": text} for n, text in enumerate(texts)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mine_reports(Job(str(source), MiningSettings(max_reject_rate=1.0)), folder)
    return folder


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("nights")
    quiet = mined(folder / "quiet", [CLEAR] * 90 + [SICK] * 10)
    return quiet, mined(folder / "busy", [CLEAR] * 40 + [SICK] * 58 + [""] * 2)


def test_shares_are_of_all_reports(nights: tuple[Path, Path]) -> None:
    rates = make_report(nights[0]).rates
    assert rates["Effusion present"] == Rate(10, 100)
    assert rates["Effusion absent"] == Rate(0, 100)
    assert rates["mention_rate"] == Rate(10, 100)
    assert rates["reject_rate"] == Rate(0, 100)


def test_what_moved_is_an_alarm(nights: tuple[Path, Path]) -> None:
    quiet, busy = nights
    report = make_report(busy, quiet)
    assert {move.what for move in report.alarms} == {"mention_rate", "Effusion present"}
    assert report.rejects and sum(report.rejects.values()) == 2
    text = markdown(report)
    assert "**alarm**: Effusion present moved from 10.00% to 59.18%" in text
    assert "large pleural" not in text


def test_limits_decide_what_an_alarm_is(nights: tuple[Path, Path]) -> None:
    quiet, busy = nights
    wide = DriftLimits(label_share=0.6, mention_rate=0.6, reject_rate=0.6)
    assert not make_report(busy, quiet, wide).alarms


def test_a_run_beside_itself_did_not_move(nights: tuple[Path, Path]) -> None:
    report = make_report(nights[0], nights[0])
    assert report.moved and {move.change for move in report.moved} <= {0.0, None}
    assert "nothing moved" in markdown(report)


def test_json_says_what_the_page_says(nights: tuple[Path, Path]) -> None:
    quiet, busy = nights
    said = json.loads(json.dumps(make_report(busy, quiet).to_json()))
    assert said["stages"]["ingest"]["rows_in"] == 100
    assert [one["what"] for one in said["drift"] if one["alarm"]] == [
        "mention_rate", "Effusion present",
    ]  # fmt: skip


def test_few_reports_move_by_chance() -> None:
    assert not Moved("x", Rate(1, 10), Rate(3, 10), 0.02).alarm
    assert Moved("x", Rate(1000, 10000), Rate(3000, 10000), 0.02).alarm


def test_fewer_new_sentences_are_no_alarm() -> None:
    assert not Moved("new_sentence_rate", Rate(900, 1000), Rate(5, 1000), 0.1).alarm
    assert Moved("new_sentence_rate", Rate(5, 1000), Rate(900, 1000), 0.1).alarm


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1))
def test_an_alarm_does_not_know_the_direction(one: int, other: int, limit: float) -> None:
    there = Moved("x", Rate(one, 50), Rate(other, 50), limit)
    back = Moved("x", Rate(other, 50), Rate(one, 50), limit)
    assert there.alarm == back.alarm


def test_rates_add_up_over_parts() -> None:
    table = pa.table({"A": ["present", None, "absent", "present"]})
    rates = label_rates([table.slice(0, 1), table.slice(1)], ["A"])
    assert rates["A present"] == Rate(2, 4) and rates["mention_rate"] == Rate(3, 4)


def test_a_limit_out_of_range_is_told() -> None:
    with pytest.raises(ValueError, match="reject_rate"):
        DriftLimits(reject_rate=2)
