"""What is kept of sentences: found again, whole or not at all, by parser and by rules."""

import dataclasses
import shutil
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts import DISTINCT_SENTENCES, JUDGEMENTS, PARSES, content_hash, write_table
from mining.assertion import rule_files
from mining.engine.judging import BucketCounts, bucket_jobs, judge_bucket
from mining.joining import judgement_rows, trees
from mining.parsing import load_parser
from mining.parsing.embedded import save_spacy_model
from mining.resources import load_resources, the_parser
from mining.sentence_store import BUCKETS, Layer, SentenceStore
from mining.sentences import sentence_key
from mining.settings import MiningSettings
from mining.stages import parse_rows

SETTINGS = MiningSettings(concepts="phrases")
TEXTS = [
    *(f"No evidence of pneumothorax on image {n}." for n in range(12)),
    *(f"Opacity of {n} mm may represent pneumonia." for n in range(12)),
    *(f"The heart is enlarged, ratio 0.{n}." for n in range(12)),
    *(f"Compared with study {n}." for n in range(12)),
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> SentenceStore:
    return SentenceStore(tmp_path / "sentences")


@pytest.fixture
def distinct(tmp_path: Path) -> Path:
    """The table of these sentences."""
    keyed = sorted({sentence_key(text) for text in TEXTS})
    rows = {"sentence_id": [k for k, _ in keyed], "text": [t for _, t in keyed],
            "count": [1] * len(keyed), "abbreviations": [None] * len(keyed)}  # fmt: skip
    path = tmp_path / "distinct.parquet"
    write_table(path, pa.table(rows, schema=DISTINCT_SENTENCES.schema), DISTINCT_SENTENCES)
    return path


def judge_all(
    store: SentenceStore, distinct: Path, settings: MiningSettings = SETTINGS
) -> BucketCounts:
    """The counts of all buckets together."""
    counts = [judge_bucket(job) for job in bucket_jobs([distinct], store, settings)]
    return BucketCounts(*map(sum, zip(*map(dataclasses.astuple, counts), strict=True)))


def astuple(counts: BucketCounts) -> tuple[int, int, int, int]:
    return counts.sentences, counts.judged, counts.parsed, counts.unparsed


def rows_of(layer: Layer) -> pa.Table:
    return pa.concat_tables([layer.read(bucket) for bucket in BUCKETS])


def parses(*ids: str) -> pa.Table:
    """Rows of parses whose content does not matter."""
    found = the_parser("embedded").parse(["Clear lungs."] * len(ids))
    return parse_rows(list(ids), found, "p")


def test_what_is_judged_is_found_again(store: SentenceStore, distinct: Path) -> None:
    first = judge_all(store, distinct)
    assert first.sentences == first.judged == len(TEXTS)
    assert first.parsed == 24
    again = judge_all(SentenceStore(store.root), distinct)
    assert astuple(again) == (len(TEXTS), 0, 0, 0)


def test_only_what_needs_judging_is_parsed_and_nothing_is_judged_otherwise(
    store: SentenceStore, distinct: Path
) -> None:
    """Every sentence parsed gives the verdicts of those few that are."""
    judge_all(store, distinct)
    keyed = {sentence_key(text) for text in TEXTS}
    table = pa.table(
        {"sentence_id": [k for k, _ in keyed], "text": [t for _, t in keyed],
         "abbreviations": pa.nulls(len(keyed), pa.list_(pa.string()))}
    ).sort_by("sentence_id")  # fmt: skip
    everything = the_parser("embedded").parse(table.column("text").to_pylist())
    all_parsed = parse_rows(table.column("sentence_id").to_pylist(), everything, "p")
    judged = judgement_rows([table], trees(all_parsed), load_resources(SETTINGS).reader)
    kept = rows_of(store.judgements(SETTINGS))
    assert kept.select(judged.column_names).equals(judged)


@pytest.fixture
def edited_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The rules in a folder of their own, the hedges a tenth as certain."""
    folder = tmp_path / "rules"
    shutil.copytree(rule_files.RULES, folder)
    [hedges] = folder.glob("30_*.toml")
    hedges.write_text(hedges.read_text().replace("certainty = 0.", "certainty = 0.0"))
    monkeypatch.setattr(rule_files, "RULES", folder)
    load_resources.cache_clear()
    yield folder
    load_resources.cache_clear()


def test_a_changed_rule_judges_what_it_reaches_and_parses_nothing(
    store: SentenceStore, distinct: Path, request: pytest.FixtureRequest
) -> None:
    judge_all(store, distinct)
    before = store.judgements(SETTINGS)
    request.getfixturevalue("edited_rules")
    counts = judge_all(store, distinct)
    assert astuple(counts) == (len(TEXTS), 12, 0, 0)  # "may represent"
    assert counts.taken_over == len(TEXTS) - 12
    now = store.judgements(SETTINGS)
    assert now.key != before.key
    assert not rows_of(now).column("certainty").equals(rows_of(before).column("certainty"))
    assert len(store.layers()) == 3


def test_what_is_taken_over_is_what_judging_gives(
    store: SentenceStore, distinct: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    judge_all(store, distinct)
    request.getfixturevalue("edited_rules")
    judge_all(store, distinct)
    fresh = SentenceStore(tmp_path / "fresh")
    assert judge_all(fresh, distinct).taken_over == 0
    assert rows_of(store.judgements(SETTINGS)).equals(rows_of(fresh.judgements(SETTINGS)))


def test_other_edges_to_climb_judge_all_anew(
    store: SentenceStore, distinct: Path, request: pytest.FixtureRequest
) -> None:
    judge_all(store, distinct)
    graph = request.getfixturevalue("edited_rules") / "graph.toml"
    graph.write_text(graph.read_text().replace("contrast = [", 'contrast = ["otherwise", '))
    load_resources.cache_clear()
    assert judge_all(store, distinct).taken_over == 0


def test_another_parser_parses_anew(store: SentenceStore, distinct: Path, tmp_path: Path) -> None:
    judge_all(store, distinct)
    other = tmp_path / "weights"
    save_spacy_model(other)
    assert load_parser(str(other)).id != the_parser("embedded").id
    settings = MiningSettings(concepts="phrases", parser=str(other))
    assert astuple(judge_all(store, distinct, settings)) == (len(TEXTS), len(TEXTS), 24, 0)


def test_segments_are_named_by_their_bytes_and_private(store: SentenceStore) -> None:
    layer = store.parses(SETTINGS)
    path = layer.add("a", parses("a2", "a1"))
    assert path is not None and path.stem == content_hash(path)
    assert layer.add("a", parses("a1", "a2")) == path
    assert layer.read("a").column("sentence_id").to_pylist() == ["a1", "a2"]
    assert layer.about == {"parser": the_parser("embedded").id}
    folders = [path.parent, *path.parent.parents][:4]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert layer.add("a", PARSES.empty()) is None


def test_a_sentence_of_two_segments_is_there_once(store: SentenceStore) -> None:
    layer = store.parses(SETTINGS)
    for ids in (["b1", "b2"], ["b2", "b3"], ["b1"]):
        layer.add("b", parses(*ids))
    assert len(layer.segments("b")) == 3
    assert layer.read("b").column("sentence_id").to_pylist() == ["b1", "b2", "b3"]
    layer.compact("b", more_than=2)
    assert len(layer.segments("b")) == 1
    assert layer.read("b").column("sentence_id").to_pylist() == ["b1", "b2", "b3"]


@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_a_damaged_segment_is_no_answer(store: SentenceStore, harm: str) -> None:
    layer = store.parses(SETTINGS)
    damaged = layer.add("c", parses("c1"))
    whole = layer.add("c", parses("c2"))
    assert damaged is not None
    data = damaged.read_bytes()
    damaged.write_bytes(data[:-20] if harm == "cut" else data + b" ")
    assert layer.read("c").column("sentence_id").to_pylist() == ["c2"]
    assert layer.segments("c") == [whole]


def test_what_is_removed_is_gone_from_every_segment(store: SentenceStore) -> None:
    layer = store.parses(SETTINGS)
    layer.add("d", parses("d1", "d2"))
    layer.add("d", parses("d2", "d3"))
    layer.add("e", parses("e1"))
    assert layer.remove({"d2", "e1", "f9"}) == 2
    assert layer.read("d").column("sentence_id").to_pylist() == ["d1", "d3"]
    assert layer.read("e").num_rows == 0


def add_and_compact(arguments: tuple[Path, int]) -> int:
    """Adds segments of its own to a layer that others write, too; how often one went missing."""
    root, writer = arguments
    layer = Layer("parses", "x", root)
    missing = 0
    for turn in range(8):
        layer.add("a", parses(f"a{writer}{turn}", "a-shared"))
        layer.compact("a", more_than=2)
        missing += "a-shared" not in layer.read("a").column("sentence_id").to_pylist()
    return missing


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    """Both add and both make one segment of many; a loss would only cost reading anew, but …"""
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        missing = list(pool.map(add_and_compact, [(tmp_path, 1), (tmp_path, 2)]))
    ids = Layer("parses", "x", tmp_path).read("a").column("sentence_id").to_pylist()
    assert missing == [0, 0]
    assert set(ids) == {"a-shared", *(f"a{w}{t}" for w in (1, 2) for t in range(8))}


def test_judgements_rest_on_more_than_parses(store: SentenceStore) -> None:
    about: Mapping[str, str] = store.judgements(SETTINGS).about
    assert {"rules", "vocabulary", "parser", "assertion"} <= set(about)
    assert store.judgements(SETTINGS).contract is JUDGEMENTS
