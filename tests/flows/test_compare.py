"""`cxrmine compare`: configurations side by side, their disagreements, and files only you read."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from data_contracts import DISAGREEMENTS, read_table
from flows.cli.app import app
from mining.audit.holdout import held_out_ids
from mining.comparing import ConfigurationError, read_configurations
from mining.settings import MiningSettings, SettingsError
from tests.modeling.browser import Page, open_browser

REPORTS = {
    "r1": "FINDINGS: New right middle lobe atelectasis (RMLA). No effusion.\nIMPRESSION: RMLA.",
    "r2": "FINDINGS: Possible pneumonia at the <b>left</b> base & no pneumothorax.",
    "r3": "FINDINGS: A small effusoin is seen. Clear lungs.",
    "r4": "FINDINGS: Questionable mass. Mild edema.",
}
GOLD = {
    "r1": {"Atelectasis"}, "r2": set(), "r3": {"Effusion"}, "r4": {"Edema"}, "r5": {"Mass"},
}  # fmt: skip
FINDINGS = ("Atelectasis", "Effusion", "Pneumonia", "Mass", "Edema")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with reports and gold."""
    lines = [json.dumps({"report_id": r, "text": t}) + "\n" for r, t in REPORTS.items()]
    (tmp_path / "reports.jsonl").write_text("".join(lines))
    _write_gold(tmp_path / "gold.csv", GOLD)
    return tmp_path


def _write_gold(path: Path, gold: dict[str, set[str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["report_id", *FINDINGS])
        for report, found in gold.items():
            writer.writerow([report, *(int(name in found) for name in FINDINGS)])


def _compare(folder: Path, *more: str) -> str:
    arguments = ["compare", str(folder / "reports.jsonl"), "--gold", str(folder / "gold.csv")]
    arguments += ["--out", str(folder / "out"), "--bootstrap", "100", *more]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def _rows(folder: Path) -> list[dict[str, Any]]:
    return read_table(folder / "out" / "disagreements.parquet", DISAGREEMENTS).to_pylist()


def test_every_configuration_has_figures_and_those_after_the_first_a_difference(
    data: Path,
) -> None:
    output = _compare(data)
    record = json.loads((data / "out" / "compare.json").read_text())
    found = {c["name"]: c for c in record["configurations"]}
    assert list(found) == ["cxrmine", "phrases", "negex"]
    assert all(name in output for name in found)
    outcome = {n: [c["audit"]["micro"][k] for k in ("tp", "fp", "fn")] for n, c in found.items()}
    assert outcome == {"cxrmine": [3, 0, 0], "phrases": [2, 0, 1], "negex": [3, 2, 0]}
    assert found["cxrmine"]["difference"] is None
    assert found["negex"]["difference"]["difference"] == pytest.approx(6 / 8 - 1)
    assert found["negex"]["difference"]["interval"][1] <= 0
    assert all(c["reports_per_cpu_second"] > 0 for c in found.values())
    assert record["left_out"]["not_in_the_source"] == 1
    assert "effusoin" not in json.dumps(record)


def test_disagreements_say_the_sentence_who_says_what_and_who_is_right(data: Path) -> None:
    _compare(data)
    rows = _rows(data)
    assert {(r["report_id"], r["finding"]) for r in rows} == {
        ("r2", "Pneumonia"), ("r3", "Effusion"), ("r4", "Mass"),
    }  # fmt: skip
    said = {r["configuration"]: r for r in rows if r["report_id"] == "r3"}
    assert {r["sentence"] for r in said.values()} == {"A small effusoin is seen."}
    assert [said[n]["right"] for n in ("cxrmine", "phrases", "negex")] == [True, False, True]
    assert [said[n]["mentions"] for n in ("cxrmine", "phrases")] == [["effusoin"], []]
    doubt = {r["configuration"]: r for r in rows if r["report_id"] == "r2"}
    assert [doubt[n]["state"] for n in ("cxrmine", "negex")] == ["uncertain", "present"]
    assert [doubt[n]["verdicts"] for n in ("cxrmine", "negex")] == [["uncertain"], ["present"]]
    assert doubt["negex"]["rules"] == ["negex.present"]
    assert all(REPORTS[r["report_id"]][r["start"] : r["end"]] == r["sentence"] for r in rows)


def test_files_with_text_are_readable_by_their_owner_only_and_escaped(data: Path) -> None:
    _compare(data)
    for name in ("disagreements.html", "disagreements.parquet"):
        assert stat.S_IMODE((data / "out" / name).stat().st_mode) == 0o600
    page = (data / "out" / "disagreements.html").read_text()
    assert "<b>left</b>" not in page and "&lt;b&gt;left&lt;/b&gt;" in page
    assert "http://" not in page and "https://" not in page


def test_configurations_are_chosen_by_the_user(data: Path) -> None:
    _compare(data, "--config", "strict=concepts:phrases", "--config", "x=profile:chexpert")
    record = json.loads((data / "out" / "compare.json").read_text())
    settings = [(c["name"], c["settings"]) for c in record["configurations"]]
    assert [(n, s["concepts"], s["profile"]) for n, s in settings] == [
        ("strict", "phrases", "clinical"), ("x", "both", "chexpert"),
    ]  # fmt: skip


def test_the_published_test_split_is_not_read(data: Path) -> None:
    held = min(held_out_ids())
    with (data / "reports.jsonl").open("a") as stream:
        stream.write(json.dumps({"report_id": held, "text": "Possible mass."}) + "\n")
    _write_gold(data / "gold.csv", {**GOLD, held: {"Mass"}})
    _compare(data)
    record = json.loads((data / "out" / "compare.json").read_text())
    assert (record["reports"], record["left_out"]["test_split"]) == (4, 1)
    assert held not in (data / "out" / "disagreements.html").read_text()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["=concepts:phrases", "b"], "a name"),
        (["a=concept:phrases", "b"], "key:value"),
        (["a=concepts", "b"], "key:value"),
        (["a=findings:chestxray8", "b"], "key:value"),
        (["a=parser:embedded,parser:stanza", "b"], "each key once"),
        (["a", "a=concepts:phrases"], "no other"),
        (["a"], "at least two"),
    ],
)
def test_a_configuration_that_can_not_be_read(texts: list[str], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        read_configurations(texts, MiningSettings())


def test_a_value_out_of_its_range_is_told() -> None:
    with pytest.raises(SettingsError, match="one of rules, negex"):
        read_configurations(["a=assertion:bert", "b"], MiningSettings())


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as page:
        yield page


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_filters_by_who_is_right(data: Path, browser: Page, width: int) -> None:
    _compare(data)
    browser.problems.clear()
    browser.open(data / "out" / "disagreements.html", width=width)
    browser.wait("document.documentElement.dataset.ready === 'yes'")
    shown = "document.querySelectorAll('.list li:not([hidden])').length"
    assert browser.evaluate(shown) == 3
    browser.choose("right", "negex")
    assert browser.evaluate(shown) == 1
    assert browser.evaluate("document.querySelector('.detail mark.present').textContent") == (
        "effusoin"
    )
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.problems == []
