"""The pages of nights over HTTP: those of one folder, by name, to this machine."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.page_server import PortTaken, serve_pages


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages, and beside them what is nobody's business."""
    tmp_path = tmp_path_factory.mktemp("pages")
    (tmp_path / "secret.html").write_text("secret")
    folder = tmp_path / "labels.reports"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "page.html").write_text("secret")
    (folder / "audit-0a.html").write_text("<h1>Audit – é</h1>", encoding="utf-8")
    (folder / "2026-11-21T02-00.md").write_text("# Run")
    (folder / "labels.parquet").write_bytes(b"PAR1")
    (folder / ".hidden.html").write_text("secret")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where they are served."""
    with serve_pages(folder) as found:
        yield found.removeprefix("http://")


def ask(address: str, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def test_a_page_is_given_by_its_name(address: str) -> None:
    answer = ask(address, "/audit-0a.html")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.read().decode() == "<h1>Audit – é</h1>"
    assert ask(address, "/2026-11-21T02-00.md").read() == b"# Run"


@pytest.mark.parametrize(
    "path",
    ["/", "", "/..", "/../secret.html", "/%2e%2e/secret.html", "/inner/page.html", "//secret.html",
     "/inner", "/labels.parquet", "/.hidden.html", "/link.html", "/gone.html",
     "/audit-0a.html/", "/audit-0a.html?x", "/audit-0a.html%00"],
)  # fmt: skip
def test_nothing_else_is_given(address: str, path: str) -> None:
    answer = ask(address, path)
    assert answer.status == 404
    said = answer.read()
    assert b"secret" not in said and b"audit-0a" not in said


def test_another_site_under_our_address_gets_nothing(address: str) -> None:
    assert ask(address, "/audit-0a.html", Host="evil.example").status == 404


def test_it_listens_on_this_machine_only(address: str) -> None:
    host, port = address.split(":")
    assert host == "127.0.0.1"
    with socket.socket() as other, pytest.raises(OSError):
        other.settimeout(5)
        other.connect(("127.0.0.2", int(port)))


def test_a_port_that_is_taken_is_told(folder: Path, address: str) -> None:
    with pytest.raises(PortTaken, match="--pages"), serve_pages(folder, int(address.split(":")[1])):
        pass
