"""Plain text out of the forms that hospital systems wrap reports in: HTML, RTF, base64 of them."""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from collections import Counter

from .encoding import decode

_BLOCKS = ("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table")
_SPACES = re.compile(r"[ \t\xa0]+")
_LINES = re.compile(r" ?\n ?")


def html_text(markup: str) -> str:
    """The text that a reader would see, a line for each block; scripts and styles left out.

    >>> html_text("<p><b>FINDINGS:</b> Clear.</p><p>No &lt;1 cm nodule.</p>")
    'FINDINGS: Clear.\\nNo <1 cm nodule.'
    """
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)  # a text may look like a URL
        soup = BeautifulSoup(markup, "html.parser")
    for node in soup(["script", "style", "head"]):
        node.decompose()
    for node in soup(list(_BLOCKS)):
        node.insert_before("\n")
        node.insert_after("\n")
    return _tidy(soup.get_text())


def rtf_text(markup: str) -> str:
    """The text of an RTF document.

    >>> rtf_text(r"{\\rtf1\\ansi FINDINGS: Clear.\\par IMPRESSION: Normal.}")
    'FINDINGS: Clear.\\nIMPRESSION: Normal.'
    """
    from striprtf.striprtf import rtf_to_text

    text: str = rtf_to_text(markup, errors="ignore")  # type: ignore[no-untyped-call]
    return _tidy(text)


def readable_text(text: str) -> str:
    """The text, unwrapped where it is an RTF or HTML document.

    >>> readable_text("heart size < 50 % of the thorax")
    'heart size < 50 % of the thorax'
    """
    start = text.lstrip()[:200].lower()
    if start.startswith("{\\rtf"):
        return rtf_text(text)
    if re.match(r"<(!doctype html|html|body|div|p|pre|br|b|span|table)\b", start):
        return html_text(text)
    return text


def base64_text(packed: str, notes: Counter[str]) -> str | None:
    """The readable text in base64; None for what is no text (a PDF) or cannot be unpacked."""
    try:
        raw = base64.b64decode("".join(packed.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if raw.startswith(b"%PDF"):
        return None
    text = decode(raw, notes)
    return None if text is None else readable_text(text)


def _tidy(text: str) -> str:
    """One space between words, no blank lines, no space at the ends of lines."""
    lines = _LINES.sub("\n", _SPACES.sub(" ", text.replace("\r", "\n")))
    return re.sub(r"\n+", "\n", lines).strip()
