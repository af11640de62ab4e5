"""docs/label_sets.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts import CHESTXRAY8, CHESTXRAY14, CHEXPERT14, CHEXPERT_OF, finding_set_names
from mining.reading import OTHER
from mining.resources import load_resources
from mining.settings import MiningSettings

DOC = (Path(__file__).parents[2] / "docs" / "label_sets.md").read_text(encoding="utf-8")
SETS = ("chestxray8", "chestxray14", "chexpert14")


def table_under(title: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its header."""
    section = DOC.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def _named(cell: str) -> str | None:
    return None if cell == "none" else cell.replace(" ", "_")


def test_the_page_speaks_of_every_shipped_set() -> None:
    assert finding_set_names() == SETS
    assert all(f"`{name}`" in DOC or f"--findings {name}" in DOC for name in SETS)


def test_the_map_to_chexpert_is_the_one_in_the_code() -> None:
    written = {row[0]: _named(row[2]) for row in table_under("From ChestX-ray to CheXpert")}
    assert written == dict(CHEXPERT_OF)
    assert tuple(written) == CHESTXRAY14


def test_the_eight_are_marked() -> None:
    rows = table_under("From ChestX-ray to CheXpert")
    assert tuple(row[0] for row in rows if row[1] == "yes") == CHESTXRAY8


def test_the_map_back_is_the_same_map() -> None:
    written = {_named(r[0]): r[1] for r in table_under("From CheXpert to ChestX-ray")}
    assert tuple(written) == CHEXPERT14
    for name, cell in written.items():
        sources = {source for source, target in CHEXPERT_OF.items() if target == name}
        assert (set() if cell == "none" else set(cell.split(", "))) == sources


def test_what_has_no_counterpart_is_called_lost() -> None:
    there, back = (
        table_under("From ChestX-ray to CheXpert"),
        table_under("From CheXpert to ChestX-ray"),
    )
    assert all(row[3].startswith("lost") == (row[2] == "none") for row in there)
    assert all(row[2].startswith("lost") == (row[1] == "none") for row in back)


@pytest.mark.parametrize("row", table_under("Sentence by sentence"), ids=lambda row: row[0])
def test_a_sentence_means_what_is_said_in_every_set(row: list[str]) -> None:
    for name, expected in zip(SETS, row[1:], strict=True):
        mentions = load_resources(MiningSettings(findings=name)).reader.read(row[0], None)
        found = {m.found.finding for m in mentions} - {OTHER}
        assert found == ({expected} - {"none"}), name
