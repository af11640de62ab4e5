"""The parser that ships: what it gives for sentences of many kinds, and that it never raises."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining.parsing import Parse, Parser, Unparsed, load_parser
from mining.parsing.embedded import MODEL_FOLDER, load_embedded
from mining.tokens import tokenize


@pytest.fixture(scope="module")
def parser() -> Parser:
    return load_parser("embedded")


def _arcs(parser: Parser, text: str) -> set[str]:
    """The arcs of a sentence as "dependent <label head"."""
    [parse] = parser.parse([text])
    assert isinstance(parse, Parse)
    words = [text[a:b].lower() for a, b in zip(parse.starts, parse.ends, strict=True)]
    return {
        f"{word} <{label} {words[head]}"
        for word, label, head in zip(words, parse.labels, parse.heads, strict=True)
    }


@pytest.mark.parametrize(
    ("text", "arcs"),
    [
        ("No pleural effusion.", ["no <det effusion", "pleural <amod effusion"]),
        (
            "No effusion, pneumothorax, or focal consolidation.",
            ["no <det effusion", "pneumothorax <conj effusion", "consolidation <conj effusion"],
        ),
        ("No lytic or destructive lesion.", ["no <det lesion", "destructive <conj lytic"]),
        (
            "There is no evidence of pneumothorax.",
            ["evidence <nsubj is", "pneumothorax <nmod evidence", "no <det evidence"],
        ),
        (
            "Lungs are clear without effusion or pneumothorax.",
            ["without <case effusion", "pneumothorax <conj effusion"],
        ),
        (
            "Pneumonia cannot be excluded.",
            ["pneumonia <nsubj:pass excluded", "not <advmod excluded"],
        ),
        ("Cannot exclude small effusion.", ["effusion <obj exclude", "not <advmod exclude"]),
        ("This may represent atelectasis.", ["may <aux represent", "atelectasis <obj represent"]),
        ("Findings suggestive of edema.", ["edema <obl suggestive", "of <case edema"]),
        ("The heart is mildly enlarged.", ["heart <nsubj enlarged", "mildly <advmod enlarged"]),
        ("Heart size upper limits of normal.", ["size <nsubj limits", "normal <nmod limits"]),
        ("Effusion: none.", ["none <appos effusion"]),
        ("Interval resolution of the effusion.", ["effusion <nmod resolution"]),
        ("The effusion is no longer seen.", ["effusion <nsubj:pass seen", "no <advmod longer"]),
        ("He denies chest pain, fever or chills.", ["pain <obj denies", "chills <conj pain"]),
        ("The patient is negative for stroke.", ["stroke <obl negative"]),
        ("Stroke was ruled out.", ["stroke <nsubj:pass ruled", "out <compound:prt ruled"]),
        ("No history of asthma.", ["no <det history", "asthma <nmod history"]),
        ("Edema versus pneumonia.", ["pneumonia <nmod edema", "versus <case pneumonia"]),
    ],
)
def test_reads(parser: Parser, text: str, arcs: list[str]) -> None:
    assert set(arcs) <= _arcs(parser, text)


def test_capitals_are_parsed_like_lower_case(parser: Parser) -> None:
    text = "There is no focal airspace opacity, effusion, or pneumothorax."
    assert parser.parse([text.upper()]) == parser.parse([text.lower()])


def test_offsets_are_those_of_the_tokenizer(parser: Parser) -> None:
    text = "  No 5mm nodule,\n effusion/edema. "
    [parse] = parser.parse([text])
    assert isinstance(parse, Parse)
    assert list(zip(parse.starts, parse.ends, strict=True)) == tokenize(text)


def test_the_order_of_sentences_is_kept_around_those_without_a_tree(parser: Parser) -> None:
    texts = ["No edema.", "", "word " * 201, "Clear lungs."]
    first, empty, long, last = parser.parse(texts)
    assert isinstance(first, Parse) and len(first) == 3
    assert empty == Unparsed("no tokens")
    assert long == Unparsed("too long: 201 tokens, limit 200")
    assert isinstance(last, Parse) and last.ends[-1] == 12


def test_a_sentence_parses_the_same_alone_and_in_company(parser: Parser) -> None:
    texts = [f"No {word} or effusion is seen ." for word in ("edema", "mass", "xxxx", "qqq")] * 200
    together = parser.parse(texts)
    assert together[:4] == [parser.parse([text])[0] for text in texts[:4]]
    assert together[4:8] == together[:4]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80))
def test_any_text_gives_a_tree_or_a_reason(text: str) -> None:
    [result] = _shared().parse([text])
    assert isinstance(result, Parse) == bool(text.split())


_loaded: list[Parser] = []


def _shared() -> Parser:
    """Hypothesis refuses fixtures of narrower scope; one parser for all its examples."""
    if not _loaded:
        _loaded.append(load_parser())
    return _loaded[0]


def test_words_do_not_pile_up_in_memory() -> None:
    embedded = load_embedded()
    strings = embedded._network._nlp.vocab.strings
    before = len(strings)
    embedded.parse([f"No zyx{i}qua or effusion." for i in range(600)])
    assert len(strings) == before


def test_the_id_names_the_weights_by_content(tmp_path: Path, parser: Parser) -> None:
    copy = tmp_path / "weights"
    for path in MODEL_FOLDER.rglob("*"):
        if path.is_file():
            target = copy / path.relative_to(MODEL_FOLDER)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert load_embedded(copy).id == parser.id
    meta = copy / "meta.json"
    meta.write_text(meta.read_text().replace('"author":""', '"author":"x"'))
    assert load_embedded(copy).id != parser.id


def test_missing_weights_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no parser weights here"):
        load_embedded(tmp_path)


def test_the_weights_are_small() -> None:
    size = sum(path.stat().st_size for path in MODEL_FOLDER.rglob("*") if path.is_file())
    assert size <= 8 * 2**20
