"""Sentences of telegraphic text: one habit of dictation per case, and the laws of offsets."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.sections import find_sections
from mining.sentences import sentence_key, split_sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "marked",
    [
        # numbers of lists
        "1. «No effusion.» 2. «Clear lungs.»",
        "1.«Large heart.» 2.«Clear lungs.»",
        "1) «Large heart» 2) «Clear lungs»",
        "(1) «Large heart» (2) «Clear lungs»",
        "1. «Large heart» 2. «Clear lungs» 3. «Old rib fractures»",
        "«Chest:» 1. «Large heart.» 2. «Clear lungs.»",
        "- «No effusion»\n- «Clear lungs»",
        "• «No effusion» • «Clear lungs»",
        "* **«No effusion»**\n* «Clear lungs»",
        "a) «No effusion»\nb) «Clear lungs»",
        "#1. «No effusion»",
        # figures
        "«A 1.5 cm nodule.» «0.5 mm thick.»",
        "«Nodule of 5 cm.» «No mass.»",
        "«Nodule of 5 cm. in size.»",
        "«Fractures of ribs 6 and 7.» «No mass.»",
        "«Lead No. 3 is bent.»",
        "«1.5 cm nodule.»",
        "«.5 cm nodule.»",
        "«Stable since 3.4.2011.» «No mass.»",
        "«Fracture of T8.» «No mass.»",
        # abbreviations, titles and initials
        "«Told to Dr. Smith at 10:45 a.m. by phone.» «No mass.»",
        "«Told to Dr. J. Smith.» «No mass.»",
        "«Removed at 3 p.m.» «The tube is out.»",
        "«Scar vs. mass, e.g. a metastasis, i.e. tumor.»",
        "«Approx. 3 cm.»",
        "«T. bili is up.»",
        "«Known hepatitis C.» «The lungs are clear.»",
        "«Seen by John Doe M.D. on Monday.»",
        "«St. Jude valve.»",
        "«Rt. effusion, lt. lung clear.»",
        # what was taken out
        "«The XXXX.» «XXXX are normal.»",
        "«Told to Dr. XXXX.» «No mass.»",
        "«Right XXXX. of the lung.»",
        "«Compared to XXXX.» «No mass.»",
        # stops doubled, missing, misplaced
        "«No effusion.». «No mass.»",
        "«No effusion.» . «No mass.»",
        "«No effusion.»«No mass.»",
        "«The lungs are clear.»«no effusion.»",
        "«No effusion.»- «Mass.»",
        "«No effusion.» «lungs are clear.»",
        "«Nothing to suggest. active disease.»",
        "«Opacity... may be scar.»",
        "«The heart is normal.)» «The lungs are clear.»",
        "«Question of ?pneumonia.» «No mass.»",
        "«Effusion? pneumonia?»",
        "«Is it edema?» «No mass.»",
        "[&lt;«Normal heart.»&gt;] «Clear lungs.»",
        "«Seen at www.example.org today.»",
        # semicolons
        "«No effusion»; «no pneumothorax»",
        "«Scar at the base»; «the lungs are otherwise clear.»",
        "«No consolidation; mass; or effusion.»",
        "«Opacities; atelectasis versus scar.»",
        "«Scars»; «stable changes of the aorta since 2009.»",
        # lines
        "«There is no\neffusion.»\n«The heart is normal.»",
        "«No evidence of\nPneumothorax.»",
        "«Heart normal»\n«Lungs clear»\n«No effusion»",
        "«Effusion - no»\n«Pneumothorax - no»\n«heart - large»",
        "«Heart: large»\n«Lungs: clear»",
        "«Small effusion»\n\n«Atelectasis»",
        "«There is no focal mass»\n\n«Small effusion»",
        "«No evidence of a\n\nlarge effusion.»",
        "«Heart normal.»\r\n«Lungs clear»\r\n",
        "«NO FOCAL CONSOLIDATION, LARGE PLEURAL EFFUSION OR EDEMA IS SEEN IN THE LEFT\n"
        "LUNG.» «HEART NORMAL.»",
        "«The tip of a catheter that comes from the left is seen in the left subclavian\n"
        "Swan position and should be drawn back by approximately two centimeters.»",
        "«The tip of a catheter that comes from the left is seen in the subclavian vein»\n"
        "«No pneumothorax is seen on this film, and no effusion is seen on this film either»",
        # labels in one line
        "«LUNGS: No consolidation» «PLEURA: Small effusion» «HEART SIZE: Normal»",
        "«Seen by XXXX: no effusion.»",
        # nothing to read
        "",
        " . ... - \n * ",
    ],
)
def test_cuts(marked: str) -> None:
    """Each «…» is a sentence, and nothing else is."""
    assert split(re.sub("[«»]", "", marked)) == re.findall("«(.*?)»", marked, re.DOTALL)


def test_a_range_is_cut_with_offsets_into_the_whole_text() -> None:
    text = "HISTORY: Edema. FINDINGS: Clear. Large heart. IMPRESSION: Heart."
    start, end = text.index("Clear"), text.index("IMPRESSION")
    assert [text[a:b] for a, b in split_sentences(text, start, end)] == ["Clear.", "Large heart."]


def test_the_width_of_a_text_tells_wrapped_lines_from_a_list() -> None:
    wrapped = (
        "Portable film. The catheter described on the last film was taken out and the\n"
        "PICC is where it was. There is a small amount of fluid in the left costophrenic\n"
        "ANGLE, unchanged.\n"
    )
    assert len(split(wrapped)) == 3
    assert split("Catheter out\nPICC in place\nANGLE blunt") == [
        "Catheter out", "PICC in place", "ANGLE blunt",
    ]  # fmt: skip


pieces = st.sampled_from(
    ["No ", "effusion", ".", "..", " ", "\n", "\n\n", "1. ", "2) ", "(3) ", ";", "; the lung is",
     "XXXX", "Dr. ", "1.5 cm", "• ", "- ", "&lt;", "Clear", "vs. ", "?", "A. ", "**", "\r\n", ")",
     "Chest: ", "e.g. "]
)  # fmt: skip
texts = st.lists(pieces, max_size=40).map("".join) | st.text(max_size=80)


@given(texts)
def test_gaps_and_sentences_give_back_the_text(text: str) -> None:
    at, rebuilt = 0, ""
    for start, end in split_sentences(text):
        assert at <= start < end <= len(text)
        rebuilt += text[at:start] + text[start:end]
        at = end
    assert rebuilt + text[at:] == text


@given(texts)
def test_sentences_are_trimmed_and_hold_a_letter_or_digit(text: str) -> None:
    for sentence in split(text):
        assert sentence == sentence.strip()
        assert any(char.isalnum() for char in sentence)


@given(texts)
def test_no_word_is_lost_between_sentences(text: str) -> None:
    at, lost = 0, ""
    for start, end in [*split_sentences(text), (len(text), len(text))]:
        lost += text[at:start] + "\n"
        at = end
    assert not re.search(r"[^\W\d_]{2,}", re.sub(r"&(?:[gl]t|quot);", "", lost))


@given(texts, st.integers(0, 40), st.integers(0, 60))
def test_a_range_stays_in_its_range(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    end = min(start + length, len(text))
    assert all(start <= a < b <= end for a, b in split_sentences(text, start, end))


@given(st.text(max_size=60))
def test_key_keeps_length_and_ignores_the_kind_of_whitespace(text: str) -> None:
    key, plain = sentence_key(text)
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert len(plain) == len(text)
    assert plain.replace(" ", "") == "".join(text.split())
    assert sentence_key(plain) == (key, plain)


@pytest.mark.parametrize(
    "junk", ["1) ", ". ", "\n", " ", "; no", "_", ": ", "Dr. ", "FINDINGS:", "\n\n "]
)
def test_time_grows_with_the_length_only(junk: str) -> None:
    text = "INDICATION: a" + junk * (60_000 // len(junk))
    began = time.process_time()
    for _, start, end in find_sections(text):
        split_sentences(text, start, end)
    assert time.process_time() - began < 3  # a tenth of that is usual; quadratic takes minutes


def test_key_tells_sentences_apart() -> None:
    assert sentence_key("No\n\teffusion.") == sentence_key("No  effusion.")
    assert sentence_key("No effusion.")[0] != sentence_key("no effusion.")[0]
