"""What a token is: one line per cut, and the laws that hold for any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.tokens import tokenize


def _words(text: str) -> list[str]:
    return [text[start:end] for start, end in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot exclude", "can|not|exclude"),
        ("Cannot", "Can|not"),
        ("cannots", "cannots"),
        ("can't", "ca|n't"),
        ("don't, doesn\u2019t", "do|n't|,|does|n\u2019t"),
        ("doesnt walk", "does|nt|walk"),
        ("hasnt", "has|nt"),
        ("dont", "do|nt"),
        ("isnta", "isnta"),
        ("patient's", "patient|'s"),
        ("patients' rooms", "patients|'|rooms"),
        ("we'll", "we|'ll"),
        ("Dr. O'Neill", "Dr.|O'Neill"),
        ("x-ray follow-up", "x|-|ray|follow|-|up"),
        ("effusion/atelectasis", "effusion|/|atelectasis"),
        ("and/or", "and|/|or"),
        ("w/o effusion", "w/o|effusion"),
        ("s/p CABG", "s/p|CABG"),
        ("S/P", "S/P"),
        ("c/w r/o b/l h/o n/v", "c/w|r/o|b/l|h/o|n/v"),
        ("n/v/d", "n/v/d"),
        ("A/B/L", "A|/|B|/|L"),
        ("w/ contrast", "w/|contrast"),
        ("on 01/15/2001", "on|01/15/2001"),
        ("2001-01-15", "2001-01-15"),
        ("BP 120/80", "BP|120/80"),
        ("at 10:30", "at|10:30"),
        ("1.5 cm", "1.5|cm"),
        ("1,000 mL", "1,000|mL"),
        ("10%", "10|%"),
        ("5mm", "5|mm"),
        ("1.5cm", "1.5|cm"),
        ("2x3", "2|x|3"),
        ("1st and 2nd", "1st|and|2nd"),
        ("T8-T9", "T8|-|T9"),
        ("2-3", "2|-|3"),
        ("effusion.2. No", "effusion|.|2|.|No"),
        ("dose .5 mg", "dose|.5|mg"),
        ("clear..", "clear|.."),
        ("clear.", "clear|."),
        ("XXXX-year-old", "XXXX|-|year|-|old"),
        ("XXXX.", "XXXX|."),
        ("___ presents", "___|presents"),
        ("edema vs. pneumonia", "edema|vs.|pneumonia"),
        ("vs.pneumonia", "vs|.|pneumonia"),
        ("e.g. edema", "e.g.|edema"),
        ("Effusion: no.", "Effusion|:|no|."),
        ("+/- edema", "+/-|edema"),
        ("WBC >= 5", "WBC|>=|5"),
        ("(small)", "(|small|)"),
        ("", ""),
        (" \n\t ", ""),
    ],
)
def test_cuts(text: str, expected: str) -> None:
    assert "|".join(_words(text)) == expected


_CLINICAL = st.text(alphabet="abnotdrvsXx019 .,/-'\u2019%:_*?!\n()+<>=", max_size=60)


@given(st.one_of(st.text(max_size=60), _CLINICAL))
def test_every_visible_character_is_in_exactly_one_token(text: str) -> None:
    covered = [i for start, end in tokenize(text) for i in range(start, end)]
    assert covered == [i for i, character in enumerate(text) if not character.isspace()]


@given(st.one_of(st.text(max_size=60), _CLINICAL))
def test_offsets_ascend_and_tokens_are_not_empty(text: str) -> None:
    flat = [offset for span in tokenize(text) for offset in span]
    assert flat == sorted(flat)
    assert all(start < end for start, end in tokenize(text))


@given(_CLINICAL)
def test_capitals_are_cut_like_lower_case(text: str) -> None:
    assert tokenize(text.upper()) == tokenize(text.lower())


@given(_CLINICAL, _CLINICAL)
def test_tokens_before_a_line_break_ignore_what_follows(first: str, second: str) -> None:
    whole = tokenize(f"{first}\n{second}")
    assert whole[: len(tokenize(first))] == tokenize(first)
