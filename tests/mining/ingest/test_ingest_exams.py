"""Which examinations are labelled, and where those stand that are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts import FILTERED, REPORTS, read_table
from mining.ingest import ingest
from mining.ingest.blocks import join_pieces, write_piece
from mining.ingest.exams import EVERY_EXAM, ExamError, ExamFilter
from mining.ingest.pieces import source_pieces
from tests.mining.ingest.ingest_sources import write_jsonl

CHEST = ExamFilter(modality=["CR", "DX"], body_parts=["CHEST*"], language="en")


def row(report_id, text="Clear lungs.", **columns):
    return {"report_id": report_id, "text": text, "status": "final", **columns}


ROWS = [
    row("A", modality="CR", body_part="CHEST", language="en-US"),
    row("B", modality="ct", body_part="CHEST", language="en"),
    row("C", modality="DX", body_part="HAND", language="en"),
    row("D", modality="dx", body_part="Chest PA", language="de"),
    row("E"),
    row("F", "Old.", version=1, modality="CR"),
    row("F", "New.", version=2, modality="CT"),
    row("G", "Old.", version=1, modality="CT"),
    row("G", "New.", version=2, modality="CR"),
    row("H", version=1, modality="CR"),
    {**row("H", "", version=2, modality="MR"), "status": "cancelled"},
    row("I", "This.", modality="CR"),
    row("I", "That.", modality="CT"),
    row("J", "", modality="CR"),
]


def by_pieces(source, out, exams, block=2):
    """What a run does: every piece by itself, then all together."""
    folders = []
    pieces = source_pieces(
        str(source), mapping=None, format=None, block=block, digest=lambda _: "one"
    )
    for number, piece in enumerate(pieces):
        folders.append(out / f"piece{number}")
        folders[-1].mkdir(parents=True)
        write_piece(piece, folders[-1], block=block, exams=exams)
    (out / "all").mkdir()
    return join_pieces(folders, out / "all", name="r", notes={})


def tables(out):
    reports = read_table(out / "reports.parquet", REPORTS)
    left = read_table(out / "filtered.parquet", FILTERED).to_pylist()
    texts = zip(reports["report_id"].to_pylist(), reports["text"].to_pylist(), strict=True)
    told = [(one["report_id"], one["column"], one["reason"]) for one in left]
    return sorted(texts), sorted(told)


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "r.jsonl", ROWS)


def test_wanted_examinations_are_reports_and_others_are_told_of(tmp_path, source):
    counts = ingest(source, tmp_path / "out", exams=CHEST)
    reports, left = tables(tmp_path / "out")
    assert reports == [("A", "Clear lungs."), ("E", "Clear lungs."), ("G", "New.")]
    assert left == [
        ("B", "modality", "modality: ct"),
        ("C", "body_part", "body_part: HAND"),
        ("D", "language", "language: de"),
        ("F", "modality", "modality: CT"),
        ("H", "status", "cancelled"),
    ]
    assert (counts.rows_in, counts.rows_out, counts.filtered) == (14, 3, 5)
    assert (counts.rejects, counts.superseded, counts.duplicates) == (3, 3, 0)
    assert sum(counts.filtered_by.values()) == counts.filtered
    assert counts.filtered_by["cancelled"] == 1


@pytest.mark.parametrize("block", [1, 2, 100])
def test_pieces_and_a_single_pass_agree(tmp_path, source, block):
    whole = ingest(source, tmp_path / "out", exams=CHEST)
    assert by_pieces(source, tmp_path / "pieces", CHEST, block) == whole
    assert tables(tmp_path / "pieces" / "all") == tables(tmp_path / "out")


@pytest.mark.parametrize("exams", [CHEST, EVERY_EXAM], ids=["some", "all"])
def test_parts_lose_nothing(tmp_path, source, exams):
    assert ingest(source, tmp_path / "parts", exams=exams, shards=3) == ingest(
        source, tmp_path / "whole", exams=exams
    )
    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")


@settings(max_examples=15)  # a tenth of a second each
@given(
    st.lists(
        st.builds(
            row,
            st.sampled_from("AB"),
            st.sampled_from(["One.", "Two.", ""]),
            status=st.sampled_from(["final", "preliminary", "cancelled", None]),
            version=st.sampled_from([None, 1, 2]),
            modality=st.sampled_from(["CR", "CT", None]),
            language=st.sampled_from(["en", "de", None]),
        ),
        min_size=1,
        max_size=7,
    ),
    st.sampled_from(["keep", "filter"]),
)
def test_in_is_out_and_rejects_and_counted(tmp_path_factory, rows, missing):
    folder = tmp_path_factory.mktemp("exams")
    source = write_jsonl(folder / "r.jsonl", rows)
    exams = ExamFilter(modality=["CR"], language="en", missing=missing)
    whole = ingest(source, folder / "out", exams=exams)
    assert whole.rows_in == len(rows) == whole.accounted
    assert by_pieces(source, folder / "pieces", exams) == whole
    assert tables(folder / "pieces" / "all") == tables(folder / "out")


def test_a_field_that_is_missing_is_kept_or_filtered(tmp_path, source):
    strict = ExamFilter(modality=["CR", "DX"], missing="filter")
    ingest(source, tmp_path / "out", exams=strict)
    assert ("E", "modality", "modality: missing") in tables(tmp_path / "out")[1]


def test_of_reports_left_out_no_text_is_kept(tmp_path):
    source = write_jsonl(tmp_path / "r.jsonl", [row("A", "Xylograph.", modality="CT")])
    by_pieces(source, tmp_path / "pieces", ExamFilter(modality=["CR"]))
    paths = [path for path in (tmp_path / "pieces").rglob("*.parquet") if path.is_file()]
    assert len(paths) == 6
    assert not [path for path in paths if "Xylograph." in str(read_table(path).to_pydict())]


@pytest.mark.parametrize(
    ("patterns", "value", "wanted"),
    [
        (["7104?"], "71046", True),
        (["7104?"], "710461", False),
        (["7104*"], "7104", True),
        (["71046"], "171046", False),
        (["chest*"], "CHEST 2 VIEWS", True),
        (["CR"], "SR\\CR", True),
        (["CR"], "CT, CR", True),
        (["CR"], "CRX", False),
        (["a.c"], "abc", False),
        (["(CR|"], "(CR|", True),
        (["*"], "anything", True),
    ],
)
def test_patterns_are_those_of_file_names(tmp_path, patterns, value, wanted):
    source = write_jsonl(tmp_path / "r.jsonl", [row("A", procedure_code=value)])
    counts = ingest(source, tmp_path / "out", exams=ExamFilter(procedure_codes=patterns))
    assert counts.rows_out == wanted


def test_no_pattern_takes_long(tmp_path):
    source = write_jsonl(tmp_path / "r.jsonl", [row("A", procedure_code="a" * 100_000 + "b")])
    counts = ingest(source, tmp_path / "out", exams=ExamFilter(procedure_codes=["*a" * 30]))
    assert counts.filtered_by == {"procedure_code: other": 1}


def test_a_reason_shows_no_text_of_a_column_taken_by_mistake(tmp_path):
    rows = [row("A", modality="FINDINGS: A secret.", language="Patient is known.")]
    source = write_jsonl(tmp_path / "r.jsonl", rows)
    for exams in (ExamFilter(modality=["CR"]), ExamFilter(language="en")):
        counts = ingest(source, tmp_path / "out", exams=exams)
        assert [why.partition(": ")[2] for why in counts.filtered_by] == ["other"]


def test_reasons_are_counted_by_the_commonest(tmp_path):
    rows = [row(f"R{n}", procedure_code=f"P{n}") for n in range(80)]
    source = write_jsonl(tmp_path / "r.jsonl", rows)
    counts = ingest(source, tmp_path / "out", exams=ExamFilter(procedure_codes=["X"]))
    assert (counts.filtered, counts.filtered_by["other"], len(counts.filtered_by)) == (80, 30, 51)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("modality", [""]),
        ("modality", [5]),
        ("body_parts", ["x" * 65]),
        ("procedure_codes", ["a"] * 1001),
        ("language", "english"),
        ("missing", "perhaps"),
        ("detect_language", True),
    ],
)
def test_what_cannot_be_meant_is_refused(key, value):
    with pytest.raises(ExamError, match=key):
        ExamFilter(**{key: value})


def test_what_is_asked_comes_back_from_its_record():
    assert ExamFilter.from_json(CHEST.to_json()) == CHEST
    assert ExamFilter.from_json(EVERY_EXAM.to_json()) == EVERY_EXAM
    assert CHEST.fingerprint != ExamFilter(modality=["CR"]).fingerprint
    assert EVERY_EXAM.fingerprint == ""
