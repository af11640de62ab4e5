"""What the tests of mining share."""

from __future__ import annotations

import pytest

from mining.ingest import RawReport, SourceError, read_source
from mining.sections import mined_sections
from mining.sentences import sentence_key, split_sentences


@pytest.fixture(scope="session")
def openi_sentences() -> list[str]:
    """The distinct sentences of the installed OpenI reports; nobody reads them here."""
    try:
        reports = [r for r in read_source("openi") if isinstance(r, RawReport)]
    except SourceError as error:
        pytest.skip(f"the OpenI reports are not installed: {error}")
    texts = (r.text for r in reports)
    return sorted(
        {
            sentence_key(text[start:end])[1]
            for text in texts
            for section in mined_sections(text)
            for start, end in split_sentences(text, section.start, section.end)
        }
    )
