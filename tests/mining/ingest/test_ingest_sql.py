"""Reports out of databases: SQLite, and PostgreSQL where its program is found."""

import datetime
import sqlite3

import pytest

from mining.fingerprints import source_fingerprint
from mining.ingest import MappingError, SourceError, ingest
from mining.ingest.journal import Journal
from mining.ingest.marks import Watermark
from tests.postgres import USER, running_postgres


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "ris.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE reports (acc TEXT, body TEXT, state TEXT, signed TEXT)")
        rows = [
            ("A1", "FINDINGS: Clear.", "F", "2026-01-01"),
            ("A2", "FINDINGS: Effusion.", "F", "2026-01-02"),
            ("A3", None, "F", "2026-01-03"),
        ]
        connection.executemany("INSERT INTO reports VALUES (?, ?, ?, ?)", rows)
    return path


def source(tmp_path, url, query, more=""):
    path = tmp_path / "ris.toml"
    path.write_text(f'[sql]\nurl = "{url}"\nquery = "{query}"\n{more}')
    return path


QUERY = "SELECT acc AS report_id, body AS text, state AS status, signed AS received_at FROM reports"


def test_rows_of_a_query_become_reports(tmp_path, database, read):
    reports, (reject,) = read(source(tmp_path, f"sqlite:///{database}", QUERY))
    assert [(one.report_id, one.status, one.source) for one in reports] == [
        ("A1", "final", "ris"), ("A2", "final", "ris"),
    ]  # fmt: skip
    assert reports[0].received_at.date() == datetime.date(2026, 1, 1)
    assert (reject.key, reject.reason) == ("A3", "empty")


def test_further_keys_are_parameters(tmp_path, database, read):
    path = source(tmp_path, f"sqlite:///{database}", QUERY + " WHERE signed > :since",
                  'since = "2026-01-01"')  # fmt: skip
    assert [one.report_id for one in read(path)[0]] == ["A2"]


def test_secrets_come_from_the_environment(tmp_path, database, read, monkeypatch):
    path = source(tmp_path, "sqlite:///${RIS_FILE}", QUERY)
    with pytest.raises(SourceError, match=r"export RIS_FILE="):
        read(path)
    monkeypatch.setenv("RIS_FILE", str(database))
    assert len(read(path)[0]) == 2


@pytest.mark.parametrize(
    ("url", "query", "said"),
    [
        ("sqlite:///{db}", "SELECT nothing FROM nowhere", "refused the query"),
        ("sqlite:////no/such/folder/x.db", QUERY, "refused the query"),
        ("klingon://me:secret@host/db", QUERY, "url cannot be used"),
        ("not a url", QUERY, "url cannot be used"),
    ],
)
def test_an_error_says_where_and_never_the_address(tmp_path, database, read, url, query, said):
    with pytest.raises(SourceError, match=said) as caught:
        read(source(tmp_path, url.format(db=database), query))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns_that_cannot_be_told_are_named(tmp_path, database, read):
    with pytest.raises(MappingError, match="acc"):
        read(source(tmp_path, f"sqlite:///{database}", "SELECT acc FROM reports"))


@pytest.mark.parametrize("text", ["", "[sql]\nurl = 5", "[sql", "[other]\nquery = 'x'"])
def test_a_file_without_a_query_is_an_error(tmp_path, read, text):
    (tmp_path / "ris.toml").write_text(text)
    with pytest.raises(SourceError, match=r"ris\.toml"):
        read(tmp_path / "ris.toml")


def test_bytes_that_are_no_text_cost_only_their_row(tmp_path, database, read):
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO reports VALUES ('A4', x'ff', 'F', NULL)")
    reports, rejects = read(source(tmp_path, f"sqlite:///{database}", QUERY))
    assert len(reports) == 2
    assert {reject.reason for reject in rejects} == {"empty", "undecodable"}


def test_accounts_hold(tmp_path, database):
    counts = ingest(source(tmp_path, f"sqlite:///{database}", QUERY), tmp_path / "out")
    assert (counts.rows_in, counts.rows_out, counts.rejects) == (3, 2, 1)


def test_a_query_is_asked_again_every_time(tmp_path, database):
    path = str(source(tmp_path, f"sqlite:///{database}", QUERY))
    assert source_fingerprint(path) != source_fingerprint(path)
    assert source_fingerprint(str(database)) == source_fingerprint(str(database))


@pytest.fixture(scope="module")
def postgres():
    """The address of a PostgreSQL server of this test's own."""
    psycopg = pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")
    with running_postgres() as folder:
        with psycopg.connect(host=str(folder), user=USER, dbname="postgres") as connection:
            connection.execute("CREATE TABLE reports (acc TEXT, body TEXT, signed TIMESTAMPTZ)")
            connection.execute(
                "INSERT INTO reports SELECT 'A' || n, 'FINDINGS: Clear, ' || n || '.', "
                "'2026-01-02 10:15:00+01'::timestamptz FROM generate_series(1, 10000) AS n"
            )
        yield f"postgresql+psycopg://{USER}@/postgres?host={folder}"


def test_postgresql_is_read_as_a_stream(tmp_path, postgres, read):
    query = "SELECT acc AS report_id, body AS text, signed AS received_at FROM reports ORDER BY acc"
    reports, rejects = read(source(tmp_path, postgres, query))
    assert (len(reports), rejects) == (10_000, [])
    assert reports[0].received_at.isoformat() == "2026-01-02T09:15:00+00:00"


def test_postgresql_by_its_watermark(tmp_path, postgres):
    psycopg = pytest.importorskip("psycopg")
    query = "SELECT acc AS report_id, body AS text, signed FROM nights WHERE signed >= :since"
    path = str(source(tmp_path, postgres, query, "since = 2026-01-01"))

    def night(*rows):
        host = postgres.partition("host=")[2]
        with psycopg.connect(host=host, user=USER, dbname="postgres") as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS nights (acc TEXT, body TEXT, signed timestamptz)"
            )
            for row in rows:
                db.execute("INSERT INTO nights VALUES (%s, 'FINDINGS: Clear.', %s)", row)
        journal = Journal(tmp_path / "journals", path, Watermark("signed", "90m"))
        with journal.held():
            taken = journal.take()
            journal.commit(taken)
        return taken.told

    assert night(("A", "2026-01-02 10:00+01"), ("B", "2026-01-02 11:00+01"))["new_rows"] == 2
    told = night(("C", "2026-01-02 08:45+00"), ("D", "2026-01-03 10:00+01"))
    assert (told["new_rows"], told["read_again"]) == (2, 2)
    since, upto = (datetime.datetime.fromisoformat(told[name]) for name in ("since", "upto"))
    assert since == datetime.datetime(2026, 1, 2, 8, 30, tzinfo=datetime.UTC)
    assert upto == datetime.datetime(2026, 1, 3, 9, tzinfo=datetime.UTC)
    assert night()["new_rows"] == 0
