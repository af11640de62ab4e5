"""A corpus made of made-up reports: it grows by the law, and says no more than they do."""

from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import recombination
from benchmarks.material import Material, read_material
from benchmarks.recombination import Part, growth_curve, make_part, new_share, plan, write_corpus
from benchmarks.variation import vary
from mining.resources import load_resources
from mining.settings import MiningSettings
from tests.benchmarks.conftest import HELD_OUT


@pytest.fixture
def material(openi_folder: Path) -> Material:
    return read_material(str(openi_folder))


def test_the_test_split_is_no_source(material: Material) -> None:
    assert HELD_OUT not in material.report_ids
    assert not any("large mass." in text and "There" in text for text in material.distinct)


def test_reports_repeat_unless_varied(material: Material) -> None:
    texts, hashes, counts = make_part(material, Part(0, 0, 40), seed=1)
    assert len(texts) == len(counts) == 40
    assert counts.sum() == len(hashes) > len(np.unique(hashes))


def test_distinct_sentences_grow_by_the_law(material: Material) -> None:
    _, hashes, counts = make_part(material, Part(0, 0, 3_000), seed=0)
    curve = growth_curve(material, hashes, counts)
    assert [size for size, *_ in curve] == [100, 300, 1_000, 3_000]
    assert all(0.9 < times < 1.4 for *_, times in curve)


def test_new_sentences_become_rarer(material: Material) -> None:
    shares = [new_share(material, n) for n in (1_000, 10_000, 100_000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] > 0


def test_equal_bytes_from_equal_seeds(material: Material, tmp_path: Path) -> None:
    parts = plan(30, part_reports=10)
    for name, processes in (("one", 1), ("two", 2)):
        write_corpus(material, tmp_path / name, parts, seed=3, processes=processes)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 3
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_part_is_never_overwritten(material: Material, tmp_path: Path) -> None:
    parts = plan(10, part_reports=10)
    write_corpus(material, tmp_path / "corpus", parts, seed=0, processes=1)
    with pytest.raises(FileExistsError, match="is there already"):
        write_corpus(material, tmp_path / "corpus", parts, seed=1, processes=1)


def test_variation_leaves_finding_and_cue(material: Material) -> None:
    reader = load_resources(MiningSettings(concepts="phrases")).reader
    random = Random(0)
    for sentence in material.distinct:
        varied = [vary(sentence, random) for _ in range(20)]
        same = [reader.needs_parse(text) == reader.needs_parse(sentence) for text in varied]
        assert np.mean(same) >= 0.9, sentence


def test_command_prints_curve_and_shares(
    openi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "corpus"
    recombination.main(
        ["--source", str(openi_folder), "--reports", "400", "--part-reports", "200",
         "--processes", "1", "--out", str(out)]
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert "times the law" in printed and "with a finding and a cue" in printed
    ids = [i for f in sorted(out.iterdir()) for i in pq.read_table(f)["report_id"].to_pylist()]
    assert len(set(ids)) == 400
