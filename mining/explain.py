"""Why a label is what it is: report → sentences → mentions → rules → states → label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_contracts import Verdict
from mining.concepts.abbreviations import ReportAbbreviations
from mining.parsing import Parse, Unparsed
from mining.reading import OTHER, ReadMention, Sentence, cut
from mining.resources import load_resources, the_findings, the_parser, the_profile
from mining.rule_cards import NOT_RULES
from mining.sections import mined_sections
from mining.sentences import split_sentences
from mining.settings import MiningSettings


@dataclass(frozen=True)
class ExplainedMention:
    """A mention, its ruling, and what the profile makes of it (None: nothing)."""

    mention: ReadMention
    text: str
    cues: tuple[str, ...]
    arcs: tuple[str, ...]
    reads: str
    state: Verdict | None


@dataclass(frozen=True)
class ExplainedSentence:
    """A mined sentence: where it stands, its parse, its mentions."""

    section: str
    start: int
    end: int
    sentence: Sentence
    parse: Parse | Unparsed | None
    mentions: tuple[ExplainedMention, ...]


@dataclass(frozen=True)
class AggregationStep:
    """From the mentions of a finding to its label: the states `seen` are a row of the table.

    `label` is None where no mention counts in the profile.
    """

    finding: str
    mentions: tuple[ExplainedMention, ...]
    seen: tuple[Verdict, ...]
    label: Verdict | None


@dataclass(frozen=True)
class Explanation:
    """A report, read step by step. ``labels`` holds the findings that are mentioned and count."""

    text: str
    sentences: tuple[ExplainedSentence, ...]
    steps: tuple[AggregationStep, ...]
    profile: str
    parser_id: str

    @property
    def labels(self) -> dict[str, Verdict]:
        """The labels of the report by finding."""
        return {step.finding: step.label for step in self.steps if step.label is not None}


def explain_text(text: str, settings: MiningSettings | None = None) -> Explanation:
    """The explanation of a report, or of a bare sentence; every sentence is parsed for show."""
    settings = settings or MiningSettings()
    places = [
        (section.name, start, end)
        for section in mined_sections(text)
        for start, end in split_sentences(text, section.start, section.end)
    ]
    parser = the_parser(settings.parser)
    parses = parser.parse([text[start:end] for _, start, end in places])
    defined = ReportAbbreviations()
    abbreviated = settings.concepts != "phrases"
    used = [defined.used_in(text[a:b]) if abbreviated else () for _, a, b in places]
    sentences = tuple(
        _explain(section, start, end, text[start:end], parse, own, settings)
        for (section, start, end), parse, own in zip(places, parses, used, strict=True)
    )
    steps = tuple(_steps(sentences, settings))
    return Explanation(text, sentences, steps, settings.profile, parser.id)


def _explain(
    section: str, start: int, end: int, text: str, parse: Parse | Unparsed,
    abbreviations: Sequence[str], settings: MiningSettings,
) -> ExplainedSentence:  # fmt: skip
    reader = load_resources(settings).reader
    sentence = cut(text)
    # As in a run: a sentence that needs no parse is judged without one.
    used = parse if reader.needs_parse(text, abbreviations) else None
    read = reader.read(text, used, abbreviations)
    mentions = tuple(_mention(m, sentence, settings) for m in read)
    return ExplainedSentence(section, start, end, sentence, parse, mentions)


def _mention(
    mention: ReadMention, sentence: Sentence, settings: MiningSettings
) -> ExplainedMention:
    found, ruling = mention.found, mention.ruling
    rules = {r.id: r.reads for r in load_resources(settings).book.rules}
    return ExplainedMention(
        mention=mention,
        text=sentence.text[mention.start : mention.end],
        cues=tuple(sentence.text[a:b] for a, b in mention.cues),
        arcs=tuple(f"{sentence.words[a]} → {sentence.words[b]}" for a, b in ruling.arcs),
        reads=rules.get(ruling.rule_id, NOT_RULES.get(ruling.rule_id, "")),
        state=the_profile(settings.profile).state(
            found.finding, found.form, verdict=ruling.verdict, rule_id=ruling.rule_id,
            temporality=ruling.temporality, experiencer=ruling.experiencer,
        ),
    )  # fmt: skip


def _steps(
    sentences: Sequence[ExplainedSentence], settings: MiningSettings
) -> Iterator[AggregationStep]:
    aggregation = the_profile(settings.profile).aggregation
    for finding in the_findings(settings.findings).findings:
        own = [
            mention
            for sentence in sentences
            for mention in sentence.mentions
            if mention.mention.found.finding == finding.name
        ]
        if own:
            states = {mention.state for mention in own if mention.state is not None}
            seen = tuple(verdict for verdict in Verdict if verdict in states)
            yield AggregationStep(finding.name, tuple(own), seen, aggregation.state(seen))


def shown(sentence: ExplainedSentence) -> list[ExplainedMention]:
    """The mentions of the label set's findings; what only bears on `normal` is left out."""
    return [m for m in sentence.mentions if m.mention.found.finding != OTHER]
