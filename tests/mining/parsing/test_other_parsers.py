"""Installed spaCy models and stanza behind the same interface, without any download."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import spacy

from mining.parsing import MissingModelError, Parse, UnknownLabelError, Unparsed, load_parser
from mining.parsing.embedded import load_embedded, save_spacy_model
from mining.parsing.stanza_model import StanzaParser, load_stanza, sentence_to_parse
from mining.parsing.words import Words, cut_sentence

_SENTENCES = [
    "No effusion, pneumothorax, or focal consolidation is seen.",
    "NO ACUTE DISEASE",
    "",
    "Edema vs. pneumonia cannot be excluded in this 5cm area.",
]


def _spacy_model(folder: Path, labels: list[str]) -> str:
    """A spaCy model with an untrained parser that could give these labels."""
    nlp = spacy.blank("en")
    parser: Any = nlp.add_pipe("parser")
    for label in labels:
        parser.add_label(label)
    nlp.initialize()
    nlp.to_disk(folder)
    return str(folder)


def test_the_embedded_parser_gives_the_same_trees_as_an_installed_spacy_model(
    tmp_path: Path,
) -> None:
    save_spacy_model(tmp_path / "model")
    by_name = load_parser(str(tmp_path / "model"))
    assert by_name.parse(_SENTENCES) == load_embedded().parse(_SENTENCES)
    assert by_name.id.startswith("en_cxrmine_embedded-")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("scispacy", "pip install https://.*en_core_sci_sm"),
        ("en_core_sci_scibert", "pip install https://.*en_core_sci_scibert"),
        ("en_core_web_qq", "spacy download en_core_web_qq"),
        ("no such parser", "expected embedded, scispacy, stanza"),
        ("stanza:frisian", "mimic, craft, ewt"),
    ],
)
def test_a_missing_model_is_one_line_that_says_how_to_get_it(name: str, remedy: str) -> None:
    if name == "scispacy" and importlib.util.find_spec("en_core_sci_sm"):
        pytest.skip("en_core_sci_sm is installed here")
    with pytest.raises(MissingModelError, match=remedy) as error:
        load_parser(name)
    assert "\n" not in str(error.value)


def test_a_model_without_a_parser_is_refused(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path)
    with pytest.raises(MissingModelError, match="no dependency parser"):
        load_parser(str(tmp_path))


def test_a_label_that_nobody_can_translate_is_an_error_at_load(tmp_path: Path) -> None:
    model = _spacy_model(tmp_path / "m", ["nsubj", "dobj", "pobj", "prep", "frobnicates"])
    with pytest.raises(UnknownLabelError, match="'frobnicates'") as error:
        load_parser(model)
    assert error.value.labels == ("frobnicates",)


def test_all_clear_labels_of_spacys_english_models_can_be_translated(tmp_path: Path) -> None:
    clear = (
        "ROOT acl acomp advcl advmod agent amod appos attr aux auxpass case cc ccomp compound conj"
        " csubj csubjpass dative dep det dobj expl intj mark meta neg nmod npadvmod nsubj nsubjpass"
        " nummod oprd parataxis pcomp pobj poss preconj predet prep prt punct quantmod relcl xcomp"
    )
    assert load_parser(_spacy_model(tmp_path / "m", clear.split())).id.startswith("en_pipeline-")


_ROWS: list[dict[str, Any]] = [
    {"id": 1, "text": "no", "head": 3, "deprel": "det"},
    {"id": 2, "text": "pleural", "head": 3, "deprel": "amod"},
    {"id": 3, "text": "effusion", "head": 0, "deprel": "root"},
]


def _words(text: str) -> Words:
    words = cut_sentence(text)
    assert isinstance(words, Words)
    return words


def test_stanza_rows_become_a_tree_with_our_offsets() -> None:
    assert sentence_to_parse(_ROWS, _words("No pleural effusion")) == Parse(
        (0, 3, 11), (2, 10, 19), (2, 2, 2), ("det", "amod", "root")
    )


@pytest.mark.parametrize("word_id", [(1, 2), [1, 2]])
def test_the_range_of_a_multiword_token_is_no_word(word_id: Any) -> None:
    rows = [{"id": word_id, "text": "nopleural"}, *_ROWS]
    assert isinstance(sentence_to_parse(rows, _words("No pleural effusion")), Parse)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (_ROWS[:2], "2 words for 3 tokens"),
        ([*_ROWS[:2], {**_ROWS[2], "head": 1}], "governs itself"),
        ([*_ROWS[:2], {**_ROWS[2], "deprel": "dobj"}], "label 'dobj'"),
    ],
)
def test_stanza_rows_that_are_no_tree_are_unparsed(rows: list[dict[str, Any]], reason: str) -> None:
    result = sentence_to_parse(rows, _words("No pleural effusion"))
    assert isinstance(result, Unparsed) and reason in result.reason


class _Depparse:
    """What of stanza's processor our code touches."""

    def __init__(self, labels: list[str]) -> None:
        self.config = {"model_path": "none.pt"}
        self.get_known_relations = labels.copy


class _Pipeline:
    """What of a stanza pipeline our code touches: the parser among its processors, and a call."""

    def __init__(self, labels: list[str], document: Any = None) -> None:
        self.processors = {"depparse": _Depparse(labels)}
        self.document = document

    def __call__(self, batch: list[list[str]]) -> Any:
        if any("boom" in words for words in batch):
            raise RuntimeError("boom")
        return self.document(batch)


class _Document:
    """A document whose words all hang on their sentence's first."""

    def __init__(self, batch: list[list[str]]) -> None:
        self.batch = batch

    def to_dict(self) -> list[list[dict[str, Any]]]:
        return [
            [
                {"id": i + 1, "text": w, "head": int(i > 0), "deprel": "dep" if i else "root"}
                for i, w in enumerate(words)
            ]
            for words in self.batch
        ]


def test_a_stanza_label_that_is_not_ud2_is_an_error_at_load() -> None:
    with pytest.raises(UnknownLabelError, match="'frobnicates'"):
        StanzaParser(_Pipeline(["nsubj", "frobnicates"]), "mimic", "1")


def test_one_failing_sentence_does_not_cost_stanza_the_others() -> None:
    parser = StanzaParser(_Pipeline(["nsubj"], _Document), "mimic", "1.10")
    first, boom, empty, last = parser.parse(["No edema", "boom", "", "clear"])
    assert isinstance(first, Parse) and first.heads == (0, 0)
    assert boom == Unparsed("parser failed: RuntimeError")
    assert empty == Unparsed("no tokens")
    assert isinstance(last, Parse)
    assert parser.id.startswith("stanza-mimic-1.10-")


def test_a_stanza_package_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    pytest.importorskip("stanza", reason="stanza is an extra: pip install 'cxrmine[stanza]'")
    with pytest.raises(MissingModelError, match=r"stanza\.download\('en', 'craft'\)"):
        load_stanza("craft", folder=tmp_path)


def test_stanza_not_installed_is_one_clear_line() -> None:
    if importlib.util.find_spec("stanza"):
        pytest.skip("stanza is installed here")
    with pytest.raises(MissingModelError, match=r"pip install 'cxrmine\[stanza\]'"):
        load_stanza("mimic")


def test_a_real_stanza_document_is_read() -> None:
    pytest.importorskip("stanza", reason="stanza is an extra: pip install 'cxrmine[stanza]'")
    from stanza.utils.conll import CoNLL

    from mining.parsing.stanza_model import document_to_parses

    conllu = "\n".join(
        "\t".join([str(row["id"]), row["text"], "_", "_", "_", "_", str(row["head"]),
                   row["deprel"], "_", "_"])
        for row in _ROWS
    )  # fmt: skip
    document = CoNLL.conll2doc(input_str=conllu + "\n\n")
    [parse] = document_to_parses(document, [_words("No pleural effusion")])
    assert isinstance(parse, Parse) and parse.labels == ("det", "amod", "root")
