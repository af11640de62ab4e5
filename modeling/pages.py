"""Self-contained HTML pages: no network, every text escaped, only our own script may run."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_TEMPLATES = Path(__file__).with_name("templates")


def render_page(template: str, /, **values: object) -> str:
    """The page of this template. Values are escaped; a page may not load or send anything."""
    return _environment().get_template(template).render(**values)


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
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["file"] = lambda name: Markup((_TEMPLATES / name).read_text("utf-8"))
    environment.filters["csp"] = script_hash
    return environment
