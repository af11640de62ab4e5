"""Times, states, versions and hashes as they come into the table."""

import hashlib
from datetime import UTC, datetime

import pytest

from mining.ingest import Reason
from tests.mining.ingest.ingest_sources import write_jsonl


@pytest.fixture
def read_one(tmp_path, read):
    """Reads one report with these values: the report or the reject."""

    def one(**values):
        row = {"id": "A", "text": "Clear.", **values}
        (result,) = [x for kind in read(write_jsonl(tmp_path / "r.jsonl", [row])) for x in kind]
        return result

    return one


@pytest.mark.parametrize(
    ("written", "status"),
    [
        *(("Final", "final"), ("F", "final"), ("", None), (None, None)),
        *(("prelim", "preliminary"), ("P", "preliminary"), ("Addendum", "amended")),
        *(("C", "amended"), ("final amended", "amended"), ("FINAL_CORRECTED", "amended")),
        *(("X", "cancelled"), ("Canceled", "cancelled"), ("entered-in-error", "cancelled")),
    ],
)
def test_states(read_one, written, status):
    assert read_one(status=written).status == status


@pytest.mark.parametrize(
    ("written", "version"), [("2", 2), (2, 2), ("v3", 3), ("1.0", 1), (" 4 ", 4), (None, None)]
)
def test_versions(read_one, written, version):
    assert read_one(version=written).version == version


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2024-01-02", datetime(2024, 1, 2)),
        ("2024-01-02 03:04", datetime(2024, 1, 2, 3, 4)),
        ("2024-01-02T03:04:05.6", datetime(2024, 1, 2, 3, 4, 5, 600_000)),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02T03:04:05+02:00", datetime(2024, 1, 2, 1, 4, 5)),
        ("20240102", datetime(2024, 1, 2)),
        ("202401020304", datetime(2024, 1, 2, 3, 4)),
        ("20240102030405", datetime(2024, 1, 2, 3, 4, 5)),
        ("20240102030405.25-0500", datetime(2024, 1, 2, 8, 4, 5, 250_000)),
    ],
)
def test_times(read_one, written, time):
    assert read_one(received_at=written).received_at == time.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"status": "done?"}, Reason.BAD_STATUS),
        ({"version": "latest"}, Reason.BAD_VERSION),
        ({"version": "1.5"}, Reason.BAD_VERSION),
        ({"version": "-1"}, Reason.BAD_VERSION),
        ({"version": "9" * 30}, Reason.BAD_VERSION),
        ({"received_at": "01/02/2024"}, Reason.BAD_TIME),
        ({"received_at": "yesterday"}, Reason.BAD_TIME),
        ({"received_at": "0001-01-01T00:00+12:00"}, Reason.BAD_TIME),
        ({"received_at": "1704153600"}, Reason.BAD_TIME),
    ],
)
def test_values_that_cannot_be_read_are_rejects(read_one, values, reason):
    reject = read_one(**values)
    assert reject.reason is reason
    assert (reject.key, reject.column) == ("A", next(iter(values)))


def test_the_text_is_kept_as_received_with_its_hash(read_one):
    text = "  FINDINGS:\r\n\tGröße unverändert. \n"
    report = read_one(text=text)
    assert report.text == text
    assert report.text_sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_ids_are_trimmed(read_one):
    assert read_one(id=" A7\t").report_id == "A7"


def test_a_reject_names_length_and_hash_of_the_value(read_one):
    reject = read_one(version="latest")
    assert reject.value_length == 6
    assert reject.value_sha256 == hashlib.sha256(b"latest").hexdigest()
