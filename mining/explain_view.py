"""An explanation on the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from data_contracts import Verdict
from mining.explain import ExplainedSentence, Explanation, shown
from mining.parsing import Parse, Unparsed

_COLOURS = {
    Verdict.PRESENT: "bold red",
    Verdict.ABSENT: "green",
    Verdict.UNCERTAIN: "yellow",
    Verdict.UNPARSED: "magenta",
}


def render(explanation: Explanation) -> RenderableType:
    """The sentences with a finding, each with its tree and rulings, then the labels."""
    with_findings = [s for s in explanation.sentences if shown(s)]
    parts: list[RenderableType] = []
    for sentence in with_findings:
        parts += [_sentence(sentence), *_mentions(sentence), _tree(sentence), ""]
    quiet = len(explanation.sentences) - len(with_findings)
    if quiet:
        parts.append(Text(f"{quiet} mined sentences name no finding.", style="dim"))
    parts.append(_labels(explanation))
    return Group(*parts)


def _sentence(sentence: ExplainedSentence) -> Text:
    text = Text(sentence.sentence.text, style="bold")
    for mention in shown(sentence):
        colour = _COLOURS[mention.mention.ruling.verdict]
        offsets = sentence.sentence.offsets
        for token in mention.mention.found.tokens:
            text.stylize(f"{colour} underline", *offsets[token])
        for start, end in mention.mention.cues:
            text.stylize("bold cyan", start, end)
    where = sentence.section or "no header"
    return Text.assemble((f"{where} {sentence.start}-{sentence.end}  ", "dim"), text)


def _mentions(sentence: ExplainedSentence) -> list[Text]:
    lines = []
    for mention in shown(sentence):
        ruling, found = mention.mention.ruling, mention.mention.found
        line = Text("  ")
        line.append(f"{found.finding}", style="bold")
        line.append(f" ({found.form}) “{mention.text}” → ")
        line.append(ruling.verdict.value, style=_COLOURS[ruling.verdict])
        line.append(f" {ruling.certainty:.2f}", style="dim")
        line.append(f"  rule {ruling.rule_id}")
        if mention.reads:
            line.append(f": {mention.reads}", style="dim")
        if mention.cues:
            line.append("\n      cue " + ", ".join(f"“{c}”" for c in mention.cues), style="cyan")
        if mention.arcs:
            line.append("   arcs " + ", ".join(mention.arcs), style="dim")
        if (ruling.temporality, ruling.experiencer) != ("current", "patient"):
            line.append(f"\n      {ruling.temporality}, {ruling.experiencer}")
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
    words = sentence.sentence.words
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
    table.add_column("finding")
    table.add_column("label")
    for finding, state in explanation.labels.items():
        table.add_row(finding, Text(state.value, style=_COLOURS[state]))
    if not explanation.labels:
        table.add_row("none mentioned", "")
    return table
