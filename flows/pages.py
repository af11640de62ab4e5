"""Pages of the command line: the house's look, this room's templates, files that only you read."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from modeling.pages import render_page

TEMPLATES = Path(__file__).with_name("templates")
# What a night calls the page of its audit: sixteen digits of a hash of what it shows.
AUDIT_PAGES = f"audit-{'[0-9a-f]' * 16}.html"
_PRIVATE, _COMMON = 0o600, 0o644


def render(template: str, /, **values: object) -> str:
    """The page of a template in flows/templates or modeling/templates; every value is escaped."""
    return render_page(template, templates=TEMPLATES, **values)


def write_page(path: Path, html: str, *, private: bool) -> None:
    """Writes the page, whole or not at all; a private one is never readable by others.

    `private` is for pages that hold text of reports. Errors: OSError.
    """
    with replacing(path, private=private) as beside:
        beside.write_text(html, encoding="utf-8")


@contextlib.contextmanager
def replacing(path: Path, *, private: bool) -> Iterator[Path]:
    """Where to write the file that becomes `path` when the block ends well.

    It is written in a folder that only you can enter, so that not even its beginning is readable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        inside = Path(folder) / path.name
        yield inside
        inside.chmod(_PRIVATE if private else _COMMON)
        os.replace(inside, path)
