"""Why a label is what it is, step by step, on the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from data_contracts import Verdict
from mining.explain import Explanation, explain_text
from mining.explain_view import render
from mining.resources import load_resources
from mining.rule_cards import rule_cards
from mining.settings import MiningSettings

REPORT = (
    "INDICATION: Prior pneumonia. FINDINGS: Opacity may represent pneumonia. No effusion. "
    "The previously seen pneumothorax has resolved. The ribs are intact. IMPRESSION: Pneumonia."
)


@pytest.fixture(scope="module")
def explained() -> Explanation:
    return explain_text(REPORT)


def printed(explanation: Explanation, *, colour: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=160, color_system="standard" if colour else None)
    console.print(render(explanation))
    return stream.getvalue()


def test_every_aggregation_step_is_there(explained: Explanation) -> None:
    steps = {s.finding: ([m.state for m in s.mentions], s.seen, s.label) for s in explained.steps}
    present, uncertain, absent = Verdict.PRESENT, Verdict.UNCERTAIN, Verdict.ABSENT
    assert steps == {
        "Effusion": ([absent], (absent,), absent),
        "Pneumonia": ([uncertain, present], (present, uncertain), present),
        "Pneumothorax": ([absent], (absent,), absent),
    }
    assert explained.labels == {finding: label for finding, (_, _, label) in steps.items()}


def test_mentions_that_do_not_count_are_steps_without_a_label() -> None:
    explained = explain_text("Hyperinflated lungs.", MiningSettings(profile="clinical"))
    assert [(s.finding, s.seen, s.label) for s in explained.steps] == [("Emphysema", (), None)]
    assert explained.labels == {}
    assert "not mentioned" in printed(explained)


def test_the_terminal_shows_mention_cue_arcs_rule_context_and_the_way_to_the_label(
    explained: Explanation,
) -> None:
    text = printed(explained)
    for words in (
        "“pneumonia” → uncertain", "rule unc.may", "cue “may”, “represent”",
        "pneumonia → represent", "by ctx.previously_seen", "present + uncertain",
        "1 mined sentences name no finding",
    ):  # fmt: skip
        assert words in text


def test_the_terminal_is_in_colour(explained: Explanation) -> None:
    text = printed(explained, colour=True)
    assert "\x1b[1;4;31mPneumonia\x1b[0m" in text  # present: bold, underlined, red
    assert "\x1b[4;32meffusion\x1b[0m" in text  # absent: green
    assert "\x1b[1;36mNo\x1b[0m" in text  # a cue: bold, cyan
    assert "\x1b[2mINDICATION: Prior pneumonia. FINDINGS: \x1b[0m" in text  # not mined: dim


def test_a_bare_sentence_has_its_tree_and_is_not_said_twice() -> None:
    text = printed(explain_text("No effusion."))
    assert "no  det" in text
    assert text.count("No effusion.") == 1


def test_cards_of_rules_and_of_what_is_none() -> None:
    book = load_resources(MiningSettings()).book
    cards = rule_cards(book, ["neg.no", "default.present", "own.gone"])
    assert cards["neg.no"].file == "20_negation.toml"
    assert len(cards["neg.no"].yes) == 2 and cards["neg.no"].no
    assert cards["default.present"].reads.startswith("no cue reaches the mention")
    assert cards["own.gone"].reads == "not among the rules of this version"
