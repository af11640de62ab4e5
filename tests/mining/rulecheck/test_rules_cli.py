"""`cxrmine rules check`: what it prints, what it writes, how it exits."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.app import app
from tests.mining.rulecheck.conftest import RuleFolder

WriteReports = Callable[[Path, list[tuple[str, str]]], Path]
RULE = """
scheme = "ud2"
[[rule]]
id = "own.no"
reads = "no FINDING"
verdict = "absent"
path = "FINDING >det no"
yes = ["{}"]
no = ["A [nodule]."]
"""


def _cxrmine(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", "check", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_shipped_rules_pass_on_a_csv_file(reports_csv: Path, tmp_path: Path) -> None:
    target = tmp_path / "check.json"
    code, output = _cxrmine(reports_csv, "--json", target)
    assert code == 0, output
    data = json.loads(target.read_text())
    assert (data["reports"], data["failed"]) == (6, False)
    assert "No gold was given." in output.replace("\n", " ")


def test_a_gold_file_gives_a_precision(reports_csv: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.csv"
    gold.write_text("report_id,Pneumothorax\nR2,0\n")
    target = tmp_path / "check.json"
    _cxrmine(reports_csv, "--gold", gold, "--json", target)
    [rule] = [r for r in json.loads(target.read_text())["rules"] if r["id"] == "neg.no"]
    assert (rule["precision"], rule["precision_over"]) == (1.0, 1)


@pytest.mark.parametrize(
    ("sentence", "code"), [("No [nodule].", 0), ("Without [nodule].", 1)], ids=["alive", "dead"]
)
def test_a_dead_rule_is_exit_code_one(
    reports_csv: Path, rule_folder: RuleFolder, sentence: str, code: int
) -> None:
    found, output = _cxrmine(reports_csv, "--rules", rule_folder(RULE.format(sentence)))
    assert found == code
    assert ("ERROR own.no" in output) is bool(code)


def test_markdown(reports_csv: Path) -> None:
    _, output = _cxrmine(reports_csv, "--markdown")
    assert output.startswith("| rule | fires |")


@pytest.mark.skipif(
    importlib.util.find_spec("torchxrayvision") is None, reason="OpenI is not installed"
)
def test_openi_is_checked_without_the_test_split(tmp_path: Path) -> None:
    target = tmp_path / "check.json"
    start = time.process_time()
    code, output = _cxrmine("openi", "--json", target)
    assert time.process_time() - start < 15
    assert code == 0, output
    data = json.loads(target.read_text())
    assert data["reports_left_out_test_split"] > 700
    [rule] = [r for r in data["rules"] if r["id"] == "neg.no"]
    assert rule["precision"] > 0.95
