"""Any text at all, from sections to labels: no crash, no hang, every offset inside the text."""

from __future__ import annotations

import os
from itertools import islice, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining import judge
from mining.explain import explain_text

EXAMPLES = int(os.environ.get("CXRMINE_FUZZ_EXAMPLES", "25"))

WORDS = [
    "no", "without", "evidence of", "cannot exclude", "pleural", "effusion", "effusions", "heart",
    "enlarged", "pneumothorax", "or", "and", ",", ".", ";", ":", "FINDINGS:", "IMPRESSION:", "\n",
    "XXXX", "1.", "2 cm", "may represent", "versus", "(", ")", "/", "-", "the", "of", "is", "not",
    "atelectasis", "consolidation", "resolved", "stable", "history of", "if", "which", "éffusion",
    "\u202eeffusion", "n\u0303o", "\u200b", "\x00", "\x0c", "\t", "🫁", "ﬁndings", "İ", "ß", "'s",
]  # fmt: skip

texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
    st.text(max_size=200),
)


@settings(max_examples=4 * EXAMPLES, deadline=5_000)
@given(text=texts)
def test_any_text_is_read(text):
    found = explain_text(text)
    for sentence in found.sentences:
        assert 0 <= sentence.start <= sentence.end <= len(text)
        written = text[sentence.start : sentence.end]
        for explained in sentence.mentions:
            start, end = explained.mention.start, explained.mention.end
            assert 0 <= start < end
            assert explained.text
            assert len(explained.text) <= len(written)


@settings(max_examples=EXAMPLES, deadline=5_000)
@given(text=texts.filter(lambda text: text.strip()), data=st.data())
def test_any_span_is_judged(text, data):
    first = next(i for i, character in enumerate(text) if not character.isspace())
    end = data.draw(st.integers(first + 1, len(text)))
    (judgement,) = judge(text, [(first, end)])
    assert judgement.verdict in ("present", "absent", "uncertain", "unparsed")


# Text that grows must not cost more than in proportion: patterns that backtrack would hang here.
@pytest.mark.parametrize(
    "piece",
    ["no effusion or ", "a", "((((", "effusion, ", "not ", "1.1.1", "\n\n", "-", "XXXX ", "no no ",
     "heart heart ", "may or may not represent ", "é", "..", "FINDINGS: ", "effusoin effusion ",
     "left lung (LL) ", "LL (left lung ", "( a ", "subcutaneous emphysema "],
)  # fmt: skip
def test_a_long_text_of_one_kind_is_read(piece):
    found = explain_text(piece * (60_000 // len(piece)))
    assert found.profile == "clinical"


# A definition of an abbreviation has a parenthesis; what stands beside it can be anything.
@pytest.mark.parametrize("piece", ["A", "A-", "Ab", "a-", " ", "X", "9"])
@pytest.mark.parametrize("form", ["left lung ({}", "left lung ({})", "{} (left lung)", "LL{}("])
def test_a_long_word_beside_a_parenthesis_is_read(form, piece):
    text = form.format(piece * (60_000 // len(piece)))
    assert explain_text(text).profile == "clinical"


def test_ten_thousand_unknown_words_in_one_sentence():
    words = ("".join(letters) for letters in product("aeiost", repeat=8))
    found = explain_text(" ".join(islice(words, 10_000)) + " and an effusion.")
    assert sum(len(sentence.mentions) for sentence in found.sentences) == 1


def test_ten_thousand_findings_in_one_report():
    found = explain_text("FINDINGS: " + "There is a pleural effusion. " * 10_000)
    assert sum(len(sentence.mentions) for sentence in found.sentences) == 10_000
