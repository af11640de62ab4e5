"""The pages that nights leave, for a browser on this machine: Prefect's page links to them.

A browser follows no link from a page of a server to a file, so the files need a server too. It
listens on this machine only, and gives the pages of one folder by name: no list, no other folder.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"
_NAME = re.compile(r"/([0-9A-Za-z][0-9A-Za-z_-]*\.(?:html|md|json))")
_KINDS = {".html": "text/html", ".md": "text/plain", ".json": "application/json"}


class PortTaken(OSError):
    """The `port` is somebody else's."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(f"--pages {port}: the port is taken; name another one, or 0 for no pages.")


@contextmanager
def serve_pages(folder: Path, port: int = 0) -> Iterator[str]:
    """The address at which the pages of the folder are, which may not be there yet.

    `port` 0 takes a free one. Errors: PortTaken.
    """
    handler = type("Pages", (_Pages,), {"folder": folder})
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise PortTaken(port) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="pages", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Pages(BaseHTTPRequestHandler):
    """One request."""

    folder: Path
    timeout = 30  # a connection that says nothing is closed
    server_version, sys_version = "cxrmine", ""

    def do_GET(self) -> None:
        """Sends the page named, or says that there is none."""
        body = self._find()
        if body is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind, content = body
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _find(self) -> tuple[str, bytes] | None:
        # A page of the internet may call itself by our address; it says another host.
        port = self.connection.getsockname()[1]
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            return None
        named = _NAME.fullmatch(self.path)
        if named is None:
            return None
        path = self.folder / named[1]
        if path.is_symlink() or not path.is_file():
            return None
        return _KINDS[path.suffix], path.read_bytes()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: who looks at pages is nobody's business."""
