"""An explanation as a page: the text with its marks, trees, rules, and the way to the labels."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from flows.pages import render, write_page
from mining.drawing import draw_tree
from mining.explain import ExplainedMention, ExplainedSentence, Explanation, shown
from mining.marking import Mark, cut_at_marks
from mining.parsing import Parse, Unparsed
from mining.resources import load_resources
from mining.rule_cards import RuleCard, rule_cards
from mining.settings import MiningSettings


def write_explanation(
    explanation: Explanation, settings: MiningSettings, path: Path, *, title: str
) -> None:
    """Writes the page; only you can read it, as it holds the text. Errors: OSError."""
    write_page(path, explanation_page(explanation, settings, title=title), private=True)


def explanation_page(explanation: Explanation, settings: MiningSettings, *, title: str) -> str:
    """The page of an explanation; `title` names the report, or says that it is a bare text."""
    with_findings = [sentence for sentence in explanation.sentences if shown(sentence)]
    ids = {
        rule
        for sentence in with_findings
        for mention in shown(sentence)
        for rule in (mention.mention.ruling.rule_id, *mention.mention.ruling.context_rules)
    }
    cards = rule_cards(load_resources(settings).book, sorted(ids))
    marks = [mark for sentence in explanation.sentences for mark in _marks(sentence)]
    return render(
        "explain.html",
        title=title,
        facts={
            "profile": explanation.profile,
            "parser": explanation.parser_id,
            "sentences mined": f"{len(explanation.sentences)}",
            "with a finding": f"{len(with_findings)}",
        },
        pieces=cut_at_marks(explanation.text, marks),
        sentences=[_view(n, sentence, cards) for n, sentence in enumerate(with_findings)],
        steps=explanation.steps,
    )


def _view(number: int, sentence: ExplainedSentence, cards: dict[str, RuleCard]) -> dict[str, Any]:
    mentions = shown(sentence)
    own = [_mention(mention) for mention in mentions]
    rules = dict.fromkeys(rule for view in own for rule in view["rules"])
    marks = _marks(sentence)[1:]  # the first is the sentence itself
    return {
        "where": f"{sentence.section or 'no header'}, {sentence.start} to {sentence.end}",
        "pieces": cut_at_marks(sentence.sentence.text, marks, start=sentence.start),
        "mentions": own,
        "rules": [cards[rule] for rule in rules],
        "tree": _tree(number, sentence, mentions),
        "unparsed": sentence.parse.reason if isinstance(sentence.parse, Unparsed) else None,
    }


def _mention(mention: ExplainedMention) -> dict[str, Any]:
    ruling, found = mention.mention.ruling, mention.mention.found
    return {
        "finding": found.finding.replace("_", " "),
        "form": found.form,
        "text": mention.text,
        "verdict": ruling.verdict.value,
        "certainty": ruling.certainty,
        "when": ruling.temporality,
        "who": ruling.experiencer,
        "cues": mention.cues,
        "arcs": mention.arcs,
        "rules": (ruling.rule_id, *ruling.context_rules),
        "state": None if mention.state is None else mention.state.value,
    }


def _tree(
    number: int, sentence: ExplainedSentence, mentions: list[ExplainedMention]
) -> Markup | None:
    if not isinstance(sentence.parse, Parse):
        return None
    marked: dict[int, str] = {}
    arcs: set[tuple[int, int]] = set()
    for mention in mentions:
        marked |= dict.fromkeys(mention.mention.ruling.cues, "cue")
        arcs |= set(mention.mention.ruling.arcs)
    for mention in mentions:
        marked |= dict.fromkeys(mention.mention.found.tokens, "mention")
    words = [sentence.sentence.text[a:b] for a, b in sentence.sentence.offsets]
    return Markup(draw_tree(words, sentence.parse, key=f"s{number}", marked=marked, fired=arcs))


def _marks(sentence: ExplainedSentence) -> list[Mark]:
    """The marks of a sentence in offsets of the report; the sentence itself comes first."""
    at = sentence.start
    marks = [Mark(at, sentence.end, "sentence", sentence.section)]
    for mention in shown(sentence):
        ruling = mention.mention.ruling
        what = f"{mention.mention.found.finding}: {ruling.verdict.value}, rule {ruling.rule_id}"
        for token in mention.mention.found.tokens:
            start, end = sentence.sentence.offsets[token]
            kind = "ignored" if mention.state is None else mention.state.value
            marks.append(Mark(at + start, at + end, f"mention {kind}", what))
        for start, end in mention.mention.cues:
            marks.append(Mark(at + start, at + end, "cue", f"cue of {ruling.rule_id}"))
    return marks
