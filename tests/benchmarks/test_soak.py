"""The soak's own eye: does it see what is not whole?"""

from pathlib import Path
from random import Random

import pytest

from benchmarks.soak import Soak, add_reports, look, one_night, sentences


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Soak:
    """One night that ended."""
    soak = Soak(tmp_path_factory.mktemp("soak"), Random(1))
    one_night(soak, 4, 0.0, sentences())
    return soak


def test_a_night_that_ends_is_whole(soaked: Soak) -> None:
    assert not soaked.faults
    assert soaked.nights[0].reports == 4 and not soaked.nights[0].killed
    assert soaked.nights[0].memory > 50e6


def test_a_table_that_is_another_is_seen(soaked: Soak) -> None:
    changed = Soak(soaked.work, Random(1), list(soaked.nights), whole=dict(soaked.whole))
    changed.whole["labels.parquet"] = "0" * 64
    look(changed)
    assert len(changed.faults) == 1


def test_no_run_yet_is_whole(tmp_path: Path) -> None:
    soak = Soak(tmp_path, Random(1))
    add_reports(soak, 3, sentences())
    look(soak)
    assert not soak.faults
    assert len(soak.source.read_text().splitlines()) == 3
