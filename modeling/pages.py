"""Self-contained HTML pages: no network, every text escaped, only our own script may run."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_TEMPLATES = Path(__file__).with_name("templates")


def render_page(template: str, /, *, templates: Path | None = None, **values: object) -> str:
    """The page of this template. Values are escaped; a page may not load or send anything.

    `templates` is a folder of further templates, which may build on the ones here.
    """
    return _environment(templates).get_template(template).render(**values)


def script_hash(script: str) -> str:
    """How a content security policy names a script that stands in the page.

    >>> script_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def data_uri(data: bytes, kind: str) -> str:
    """The bytes as an address that needs no network; `kind` is a media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@cache
def _environment(templates: Path | None) -> Environment:
    folders = [_TEMPLATES] if templates is None else [templates, _TEMPLATES]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["file"] = lambda name: Markup(_find(name, folders).read_text("utf-8"))
    environment.filters["csp"] = script_hash
    return environment


def _find(name: str, folders: list[Path]) -> Path:
    """The file of this name in the first folder that has it."""
    return next(folder / name for folder in folders if (folder / name).is_file())
