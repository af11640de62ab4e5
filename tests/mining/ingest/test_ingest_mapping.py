"""Which column is which, and which reader reads a source."""

import pytest

from mining.ingest import ColumnMapping, MappingError, Reason, SourceError
from tests.mining.ingest.ingest_sources import write_jsonl


def layout(columns, **names):
    return dict(ColumnMapping(**names).layout(columns, "source").pairs)


@pytest.mark.parametrize(
    ("columns", "report_id", "text"),
    [
        (["report_id", "text"], "report_id", "text"),
        (["ID", "Report"], "ID", "Report"),
        (["Accession Number", "REPORT_TEXT"], "Accession Number", "REPORT_TEXT"),
        (["study_id", "body"], "study_id", "body"),
        (["study_id", "id", "note", "text"], "id", "text"),
    ],
)
def test_common_names_are_found(columns, report_id, text):
    found = layout(columns)
    assert (found["report_id"], found["text"]) == ((report_id,), (text,))


def test_one_column_may_serve_as_report_and_study():
    found = layout(["ACCESSION", "REPORT"])
    assert found["report_id"] == found["study_id"] == ("ACCESSION",)


def test_given_names_win_and_their_case_is_forgiven():
    found = layout(["id", "acc", "text", "REPORT"], report_id="ACC", text="REPORT")
    assert (found["report_id"], found["text"]) == (("acc",), ("REPORT",))


def test_an_empty_name_leaves_a_column_out():
    assert "status" not in layout(["id", "text", "status"], status="")


@pytest.mark.parametrize(
    ("columns", "names", "found"),
    [
        (["a", "b"], {}, "no column for report_id"),
        (["id", "b"], {}, "no column for text"),
        (["id", "text"], {"text": "REPORT"}, "no column 'REPORT' for text"),
        (["id", "text", "text"], {}, "two columns 'text' for text"),
        (["id", "text"], {"report_id": ""}, "no column for report_id"),
    ],
)
def test_the_error_lists_the_columns_and_says_how_to_map(columns, names, found):
    with pytest.raises(MappingError) as caught:
        layout(columns, **names)
    message = str(caught.value)
    assert found in message
    assert f"its columns are {', '.join(columns)}" in message
    assert "--map report_id=" in message


def test_a_mapping_is_read_as_written_on_the_command_line():
    mapping = ColumnMapping.parse("report_id=ACC, text=FINDINGS+IMPRESSION,version=")
    assert mapping == ColumnMapping(report_id="ACC", text="FINDINGS+IMPRESSION", version="")


@pytest.mark.parametrize("text", ["ACC", "reportid=ACC", "report_id=A,TEXT=b"])
def test_a_mapping_that_cannot_be_read_is_told(text):
    with pytest.raises(ValueError, match="column mapping: found"):
        ColumnMapping.parse(text)


ROWS = [
    {"id": "A", "FINDINGS": "Clear.", "IMPRESSION": "Normal."},
    {"id": "B", "FINDINGS": None, "IMPRESSION": "Normal."},
    {"id": "C", "FINDINGS": " ", "IMPRESSION": None},
]


@pytest.mark.parametrize("mapping", [None, {"text": "FINDINGS+IMPRESSION"}])
def test_section_columns_become_one_text(tmp_path, read, mapping):
    reports, rejects = read(write_jsonl(tmp_path / "r.jsonl", ROWS), mapping=mapping)
    assert [report.text for report in reports] == [
        "FINDINGS: Clear.\nIMPRESSION: Normal.",
        "IMPRESSION: Normal.",
    ]
    assert [(reject.key, reject.reason) for reject in rejects] == [("C", Reason.EMPTY)]


def test_a_format_can_be_named(tmp_path, read):
    path = tmp_path / "export.dat"
    path.write_text("id\ttext\nA\tClear.\n")
    with pytest.raises(SourceError, match="its name tells no format"):
        read(path)
    assert len(read(path, format="tsv")[0]) == 1


@pytest.mark.parametrize(
    ("format", "found"), [("xlsx", "'xlsx' is unknown"), ("sql", "folder cannot be read as sql")]
)
def test_a_format_that_cannot_be_is_told(tmp_path, read, format, found):
    with pytest.raises(SourceError, match=found):
        read(tmp_path, format=format)


@pytest.mark.parametrize(
    ("names", "found"), [([], "no files of a known kind"), (["a.xml", "a.txt"], "several")]
)
def test_a_folder_of_no_one_kind_is_told(tmp_path, read, names, found):
    for name in names:
        (tmp_path / name).write_text("x")
    with pytest.raises(SourceError, match=found):
        read(tmp_path)


def test_a_source_that_is_not_there_is_told(tmp_path, read):
    with pytest.raises(SourceError, match="is not there"):
        read(tmp_path / "none.csv")
