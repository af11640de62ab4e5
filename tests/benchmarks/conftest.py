"""A folder of made-up reports in OpenI's format, with headings of our own."""

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest

from benchmarks.corpus import Corpus, MentionedSentence, cut_reports, find_mentions
from mining.concepts.phrases import PhraseMatcher
from mining.resources import load_resources
from mining.settings import MiningSettings

HELD_OUT = "CXR10"  # of the published test split

# Made up: id, findings, headings.
REPORTS = [
    ("CXR1", "The heart is enlarged. No pleural effusion.", ["Cardiomegaly/mild"]),
    ("CXR2", "Small left pleural effusion. No pneumothorax.", ["Pleural Effusion/left/small"]),
    ("CXR3", "Lungs are clear. Without effusion or pneumothorax.", ["normal"]),
    ("CXR4", "Basilar opacity is probably pneumonia.", ["Pneumonia/base"]),
    ("CXR5", "Opacity at the base may represent atelectasis.", ["Opacity/lung/base"]),
    ("CXR6", "Nodule in the right upper lobe.", ["Nodule/lung/upper lobe/right"]),
    ("CXR7", "A large mass is seen.", ["No Indexing"]),
    (HELD_OUT, "There is a large mass.", ["Mass"]),
]


def write_openi(folder: Path, reports: Sequence[tuple[str, str, Sequence[str]]]) -> Path:
    """One XML file per report, in a new folder."""
    folder.mkdir()
    for report_id, text, headings in reports:
        majors = "".join(f"<major>{escape(heading)}</major>" for heading in headings)
        (folder / f"{report_id}.xml").write_text(
            f"<eCitation><uId id={quoteattr(report_id)}/><MedlineCitation><Article><Abstract>"
            f'<AbstractText Label="FINDINGS">{escape(text)}</AbstractText></Abstract></Article>'
            f"</MedlineCitation><MeSH>{majors}</MeSH><parentImage id='{report_id}_1'/></eCitation>",
            encoding="utf-8",
        )
    return folder


@pytest.fixture
def openi_folder(tmp_path: Path) -> Path:
    """The made-up reports as OpenI's XML files."""
    return write_openi(tmp_path / "xml", REPORTS)


@pytest.fixture(scope="session")
def matcher() -> PhraseMatcher:
    """The shipped vocabulary."""
    return PhraseMatcher(load_resources(MiningSettings()).vocabulary)


@pytest.fixture(scope="session")
def made_up() -> Corpus:
    """The made-up reports that may be looked at."""
    return cut_reports({name: f"FINDINGS: {text}" for name, text, _ in REPORTS if name != HELD_OUT})


@pytest.fixture(scope="session")
def made_up_mentions(made_up: Corpus, matcher: PhraseMatcher) -> list[MentionedSentence]:
    """Their distinct sentences with mentions."""
    return find_mentions(made_up.texts, matcher)
