"""Single cases of an audit as the page shows them: report, mention, cue, arcs, rule."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from flows.label_sets import LabelSet
from mining.audit.cases import RIGHT, WRONG, Case
from mining.deciding import Contribution, Pair
from mining.diff_view import readable
from mining.marking import Mark, cut_at_marks
from mining.quoting import sentence_of

if TYPE_CHECKING:
    from mining.explain import ExplainedMention, ExplainedSentence, Explanation
    from mining.rule_cards import RuleCard

_MOST_TREES = 3  # of a case: further mentions by the same rule tell nothing new


class CaseViews:
    """Views of the chosen cases; reports are read and explained only where text is wanted."""

    def __init__(
        self,
        labels: LabelSet,
        reasons: Mapping[Pair, list[Contribution]],
        cases: Sequence[Case],
        *,
        with_text: bool,
    ) -> None:
        self._labels, self._reasons = labels, reasons
        wanted = {case.report_id for case in cases}
        self._texts = labels.texts(wanted) if with_text else {}
        self._explained: dict[str, Explanation] = {}

    def view(self, number: int, case: Case) -> dict[str, Any]:
        """What the template shows of a case."""
        own = self._reasons.get(case.pair, [])
        text = self._texts.get(case.report_id)
        return {
            "title": case.finding.replace("_", " "),
            "finding": case.finding,
            "report_id": case.report_id,
            "sub": f"{case.report_id}  {', '.join(case.rules)}",
            "chip": case.outcome,
            "chip_kind": RIGHT if case.right else WRONG,
            "state": readable(case.state),
            "state_kind": case.state,
            "gold": "no" if case.outcome == "false positive" else "yes",
            "rules": [self._cards[rule] for rule in case.rules if rule in self._cards],
            "mentions": own,
            "pieces": None if text is None else cut_at_marks(text, _marks(text, case.finding, own)),
            "trees": [] if text is None else self._trees(number, case, text, own),
            "fields": {
                "outcome": case.outcome if not case.right else RIGHT,
                "finding": case.finding,
                "state": case.state,
                "rule": "|".join(case.rules),
            }
            | ({} if case.right else {"outcome": f"{WRONG}|{case.outcome}"}),
        }

    def reads(self, rule: str) -> str:
        """A rule's reading in words; empty for what is no rule."""
        card = self._cards.get(rule)
        return card.reads if card else ""

    @cached_property
    def _cards(self) -> "dict[str, RuleCard]":
        settings = self._labels.settings
        if settings is None:
            return {}
        from mining.resources import load_resources
        from mining.rule_cards import rule_cards

        ids = {c.rule_id for own in self._reasons.values() for c in own}
        return rule_cards(load_resources(settings).book, sorted(ids))

    def _trees(
        self, number: int, case: Case, text: str, own: Sequence[Contribution]
    ) -> list[dict[str, Any]]:
        """The deciding mentions' sentences with what fired there, one per rule and sentence."""
        from mining.drawing import Fired, draw_fired
        from mining.parsing import Parse

        trees: dict[tuple[str, str], dict[str, Any]] = {}
        for found in [c for c in own if c.decides]:
            place = self._find(case, text, found)
            if place is None:
                trees[found.rule_id, ""] = {"rule": found.rule_id, "svg": None}
                continue
            sentence, mention = place
            key = (found.rule_id, sentence.sentence.text)
            if key in trees or len(trees) >= _MOST_TREES:
                continue
            ruling = mention.mention.ruling
            svg = None
            if ruling.arcs and isinstance(sentence.parse, Parse):
                fired = Fired(mention.mention.found.tokens, ruling.cues, ruling.arcs)
                words = [sentence.sentence.text[a:b] for a, b in sentence.sentence.offsets]
                name = f"t{number}-{len(trees)}"
                svg = Markup(draw_fired(words, sentence.parse, fired, key=name))
            trees[key] = {
                "rule": found.rule_id,
                "svg": svg,
                "arcs": mention.arcs,
                "cues": mention.cues,
            }
        return list(trees.values())

    def _find(
        self, case: Case, text: str, found: Contribution
    ) -> "tuple[ExplainedSentence, ExplainedMention] | None":
        """The mention as it is judged now; None where today's rules judge it otherwise."""
        if case.report_id not in self._explained:
            from mining.explain import explain_text

            self._explained[case.report_id] = explain_text(text, self._labels.settings)
        for sentence in self._explained[case.report_id].sentences:
            for mention in sentence.mentions:
                same = (
                    sentence.start + mention.mention.start == found.start
                    and mention.mention.found.finding == case.finding
                    and mention.mention.ruling.rule_id == found.rule_id
                )
                if same:
                    return sentence, mention
        return None


def _marks(text: str, finding: str, own: Sequence[Contribution]) -> list[Mark]:
    marks = []
    for found in own:
        kind = "ignored" if found.state is None else str(found.state)
        title = f"{finding}: {found.verdict}, rule {found.rule_id}"
        faint = "" if found.decides else " faint"
        marks.append(Mark(found.start, found.end, f"mention {kind}{faint}", title))
        if found.decides:
            marks += [
                Mark(start, end, "cue", f"cue of {found.rule_id}") for start, end in found.cues
            ]
            marks.append(Mark(*sentence_of(text, found.start, found.end), "sentence"))
    return marks
