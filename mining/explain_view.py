"""An explanation on the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from data_contracts import Verdict
from mining.explain import ExplainedSentence, Explanation, shown
from mining.parsing import Parse, Unparsed
from mining.printable import printable

_COLOURS = {
    Verdict.PRESENT: "bold red",
    Verdict.ABSENT: "green",
    Verdict.UNCERTAIN: "yellow",
    Verdict.UNPARSED: "magenta",
}


def render(explanation: Explanation) -> RenderableType:
    """The report, the sentences with a finding, each with its rulings and tree, and the labels."""
    with_findings = [s for s in explanation.sentences if shown(s)]
    parts: list[RenderableType] = []
    if len(explanation.sentences) > 1:
        parts += [_report(explanation), ""]
    for sentence in with_findings:
        parts += [_sentence(sentence), *_mentions(sentence), _tree(sentence), ""]
    quiet = len(explanation.sentences) - len(with_findings)
    if quiet:
        parts.append(Text(f"{quiet} mined sentences name no finding.", style="dim"))
    parts.append(_labels(explanation))
    return Group(*parts)


def _report(explanation: Explanation) -> Text:
    """The whole text: what is not mined is dim, mentions and cues are coloured."""
    text = Text(printable(explanation.text), style="dim")
    for sentence in explanation.sentences:
        text.stylize("not dim", sentence.start, sentence.end)
        _paint(text, sentence, at=sentence.start)
    return text


def _paint(text: Text, sentence: ExplainedSentence, *, at: int = 0) -> None:
    offsets = sentence.sentence.offsets
    for mention in shown(sentence):
        for start, end in mention.mention.cues:
            text.stylize("bold cyan", at + start, at + end)
        colour = _COLOURS[mention.mention.ruling.verdict]
        for token in mention.mention.found.tokens:
            start, end = offsets[token]
            text.stylize(f"{colour} underline", at + start, at + end)


def _sentence(sentence: ExplainedSentence) -> Text:
    text = Text(printable(sentence.sentence.text), style="bold")
    _paint(text, sentence)
    where = sentence.section or "no header"
    return Text.assemble((f"{where} {sentence.start}-{sentence.end}  ", "dim"), text)


def _mentions(sentence: ExplainedSentence) -> list[Text]:
    lines = []
    for mention in shown(sentence):
        ruling, found = mention.mention.ruling, mention.mention.found
        line = Text("  ")
        line.append(f"{found.finding}", style="bold")
        line.append(f" ({found.form}) “{printable(mention.text)}” → ")
        line.append(ruling.verdict.value, style=_COLOURS[ruling.verdict])
        line.append(f" {ruling.certainty:.2f}", style="dim")
        line.append(f"  rule {ruling.rule_id}")
        if mention.reads:
            line.append(f": {mention.reads}", style="dim")
        if mention.cues:
            line.append(
                "\n      cue " + ", ".join(f"“{printable(c)}”" for c in mention.cues), style="cyan"
            )
        if mention.arcs:
            line.append("   arcs " + printable(", ".join(mention.arcs)), style="dim")
        if (ruling.temporality, ruling.experiencer) != ("current", "patient"):
            rules = f", by {', '.join(ruling.context_rules)}" if ruling.context_rules else ""
            line.append(f"\n      {ruling.temporality}, {ruling.experiencer}{rules}")
        if mention.state is None:
            line.append("\n      does not count in this profile", style="dim")
        elif mention.state != ruling.verdict:
            line.append(f"\n      counts as {mention.state.value} in this profile", style="dim")
        lines.append(line)
    return lines


def _tree(sentence: ExplainedSentence) -> RenderableType:
    parse = sentence.parse
    if parse is None:
        return Text("      judged without a parse: no word here can fire a rule", style="dim")
    if isinstance(parse, Unparsed):
        return Text(f"      no parse: {parse.reason}", style="magenta")
    words = tuple(map(printable, sentence.sentence.words))
    tree = Tree(Text(f"      {words[parse.root]}", style="dim"), guide_style="dim")
    _grow(tree, parse, parse.root, words)
    return tree


def _grow(tree: Tree, parse: Parse, node: int, words: tuple[str, ...]) -> None:
    for child, head in enumerate(parse.heads):
        if head == node and child != node:
            branch = tree.add(Text(f"{words[child]}  {parse.labels[child]}", style="dim"))
            _grow(branch, parse, child, words)


def _labels(explanation: Explanation) -> Table:
    table = Table(title=f"labels (profile {explanation.profile})", title_justify="left")
    for name in ("finding", "its mentions count as", "seen", "label"):
        table.add_column(name)
    for step in explanation.steps:
        states = Text(", ").join(_state(mention.state) for mention in step.mentions)
        seen = Text(" + ").join(_state(state) for state in step.seen)
        table.add_row(step.finding, states, seen, _state(step.label, nothing="not mentioned"))
    if not explanation.steps:
        table.add_row("none mentioned", "", "", "")
    return table


def _state(state: Verdict | None, nothing: str = "nothing") -> Text:
    return Text(nothing, style="dim") if state is None else Text(state.value, _COLOURS[state])
