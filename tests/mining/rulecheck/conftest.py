"""What the tests of rules share: the shipped rules, frozen parses, and rule folders of our own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mining.assertion.rule_files import RULES
from mining.parsing import Parser, load_parser
from mining.parsing.frozen import FrozenParser, frozen_parser

ROOT = Path(__file__).parents[3]
RuleFolder = Callable[[str], Path]


@pytest.fixture(scope="session")
def frozen() -> FrozenParser:
    """The trees in tests/parses: no model is loaded."""
    return frozen_parser(ROOT / "tests" / "parses")


@pytest.fixture(scope="session")
def live() -> Parser:
    """The shipped parser."""
    return load_parser()


@pytest.fixture
def rule_folder(tmp_path: Path) -> RuleFolder:
    """Makes a folder of one rule file with this text, beside the shipped graph.toml."""

    def make(text: str) -> Path:
        folder = tmp_path / "rules"
        folder.mkdir(exist_ok=True)
        shutil.copy(RULES / "graph.toml", folder / "graph.toml")
        (folder / "10_own.toml").write_text(text)
        return folder

    return make
