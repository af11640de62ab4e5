"""The page of configurations side by side, on made-up reports in OpenI's format."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import compare_openi
from mining.comparing import read_configurations
from mining.settings import MiningSettings
from tests.benchmarks.conftest import HELD_OUT


def test_every_configuration_has_a_row_or_a_reason(
    openi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "compare.md"
    source = str(openi_folder)
    compare_openi.main(
        ["--source", source, "--gold", source, "--bootstrap", "20", "--markdown", str(page)]
    )
    written = page.read_text()
    names = [text.partition("=")[0] for text in compare_openi.CONFIGURATIONS]
    assert all(f"| {name} |" in written for name in names)
    assert capsys.readouterr().out.count("not run") == written.count("not run")
    assert "6 OpenI reports" in written  # neither the test split nor the one that has no indexing
    assert HELD_OUT not in written
    assert "| all | 1 | 1 | 1 | 0 |" in written  # a hedge, which NegEx does not know


def test_a_parser_that_is_not_installed_is_told_and_not_run() -> None:
    base = MiningSettings()
    asked = read_configurations(["ours", "spacy=parser:en_no_such_model"], base)
    usable, missing = compare_openi.installed(asked)
    assert [c.name for c in usable] == ["ours"]
    assert "en_no_such_model" in missing["spacy"]
