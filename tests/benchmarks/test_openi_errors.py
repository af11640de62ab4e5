"""Every error has one class; new and vanished ones are told; shares are counted right."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks import openi_errors
from benchmarks.openi_error_classes import (
    CLASSES,
    CLASSES_FILE,
    OURS,
    Error,
    ErrorClassesError,
    read_classes,
)
from benchmarks.openi_errors import errors_of, f1_without, group_figures, study_errors
from tests.benchmarks.conftest import HELD_OUT, write_openi

HEADER = "report_id,finding,kind,class,parser_at_fault\n"

# Made up: headings that part from the text in known ways.
REPORTS = [
    ("CXR1", "The heart is enlarged.", ["Cardiomegaly"]),
    ("CXR2", "There is a pleural effusion.", ["normal"]),
    ("CXR3", "There is no pneumothorax.", ["Pneumothorax"]),
    ("CXR4", "A nodular opacity lies at the apex.", ["Nodule"]),
    (HELD_OUT, "There is a large mass.", ["normal"]),
]
MISSED = Error("CXR3", "Pneumothorax", "FN")
NODULE = Error("CXR4", "Nodule", "FN")
SPURIOUS = Error("CXR2", "Effusion", "FP")


@pytest.fixture
def source(tmp_path: Path) -> str:
    return str(write_openi(tmp_path / "reports", REPORTS))


@pytest.fixture
def classes(tmp_path: Path) -> Callable[[str], Path]:
    def write(rows: str) -> Path:
        path = tmp_path / "classes.csv"
        path.write_text(HEADER + rows, encoding="utf-8")
        return path

    return write


def test_errors_are_those_of_the_labels(source: str) -> None:
    assert study_errors({}, source).errors == (SPURIOUS, MISSED, NODULE)


def test_normal_is_no_finding() -> None:
    rows = [
        {"report_id": "B2", "finding": "normal", "state": "normal", "gold": True},
        {"report_id": "B10", "finding": "Mass", "state": "present", "gold": False},
        {"report_id": "B9", "finding": "Edema", "state": "absent", "gold": True},
    ]
    assert errors_of(pa.Table.from_pylist(rows)) == [
        Error("B9", "Edema", "FN"),
        Error("B10", "Mass", "FP"),
    ]


def test_new_and_vanished_errors_are_told(
    source: str, classes: Callable[[str], Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = classes(
        "CXR3,Pneumothorax,FN,gold-contradicts-text,no\n"
        "CXR4,Nodule,FN,other-words,no\n"
        "CXR1,Mass,FP,parser-error,yes\n"
    )
    page = tmp_path / "docs" / "errors.md"
    openi_errors.main(["--source", source, "--classes", str(path), "--markdown", str(page)])
    printed, written = capsys.readouterr().out, page.read_text(encoding="utf-8")
    for text in (printed, written):
        assert "not classed yet: CXR2 Effusion FP." in text
        assert "since they were classed: CXR1 Mass FP." in text
    assert "| gold-contradicts-text FN Pneumothorax | 3 |" in written
    assert "| Nodule nodular_opacity |" not in written  # one report is no habit


def test_no_text_of_a_report_is_written(
    source: str, classes: Callable[[str], Path], tmp_path: Path
) -> None:
    page = tmp_path / "errors.md"
    openi_errors.main(["--source", source, "--classes", str(classes("")), "--markdown", str(page)])
    written = page.read_text(encoding="utf-8")
    assert not [text for _, text, _ in REPORTS if text.rstrip(".") in written]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [((), 2 / 5), (("gold",), 2 / 4), (("gold", "habit"), 2 / 3), (("ours",), 2 / 5)],
)
def test_f1_counts_only_the_errors_left(
    source: str, classes: Callable[[str], Path], groups: tuple[str, ...], expected: float
) -> None:
    readings = read_classes(
        classes("CXR3,Pneumothorax,FN,gold-contradicts-text,no\nCXR4,Nodule,FN,other-words,no\n")
    )
    study = study_errors(readings, source)
    findings = ("Cardiomegaly", "Effusion", "Pneumothorax", "Nodule")
    assert f1_without(study, groups, findings) == pytest.approx(expected)


def test_f1_with_no_error_taken_out_is_the_audits(source: str) -> None:
    study = study_errors({}, source)
    assert f1_without(study, (), list(study.result.findings)) == study.result.micro.f1


def test_groups_add_up_to_all_errors(source: str, classes: Callable[[str], Path]) -> None:
    readings = read_classes(classes("CXR2,Effusion,FP,rule-or-scope-error,no\n"))
    first, *rest = group_figures(study_errors(readings, source)).rows
    assert first[1:4] == ["1", "2", "3"]
    assert [sum(int(row[column]) for row in rest) for column in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("CXR3,Mass,FN,bad-luck,no", "'bad-luck'"),
        ("CXR3,Tumour,FN,other-words,no", "'Tumour'"),
        ("CXR3,Mass,TP,other-words,no", "'TP'"),
        ("CXR3,Mass,FN,other-words,maybe", "'maybe'"),
        ("CXR3,Mass,FN,other-words,yes", "parser and other-words"),
        (f"{HELD_OUT},Mass,FN,other-words,no", HELD_OUT),
        ("CXR1,Mass,FN,other-words,no", "CXR1 Mass FN twice"),
    ],
)
def test_a_wrong_row_is_named(classes: Callable[[str], Path], row: str, found: str) -> None:
    path = classes(f"CXR1,Mass,FN,other-words,no\n{row}\n")
    with pytest.raises(ErrorClassesError) as caught:
        read_classes(path)
    assert (caught.value.line, caught.value.found) == (3, found)


def test_the_shipped_classes_are_ids_only_and_in_order() -> None:
    lines = CLASSES_FILE.read_text(encoding="utf-8").splitlines()
    assert lines[0] + "\n" == HEADER
    readings = read_classes()
    assert len(readings) == len(lines) - 1
    numbers = [int(error.report_id.removeprefix("CXR")) for error in readings]
    assert numbers == sorted(numbers)


def test_a_parser_error_is_the_parsers() -> None:
    for reading in read_classes().values():
        if reading.name == "parser-error":
            assert reading.parser_at_fault
    assert CLASSES["parser-error"][0] == OURS
