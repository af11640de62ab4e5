"""Several configurations over the same reports: their labels against a gold, and their speed."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from mining.audit import AuditResult, audit, paired_difference
from mining.audit.paired import Difference
from mining.concepts.abbreviations import ReportAbbreviations, keyed_sentence
from mining.labels import label_table
from mining.parsing import Parse, Unparsed
from mining.reading import ReadMention
from mining.resources import load_resources, the_findings, the_parser, the_profile
from mining.sections import mined_sections
from mining.sentences import split_sentences
from mining.settings import MiningSettings

KEYS = ("assertion", "concepts", "parser", "profile")
_NAME = re.compile(r"[\w .+-]{1,40}\Z")
# Read once before the clock starts, so that loading is in nobody's figure.
_WARM_UP = "The heart is enlarged. No evidence of pleural effusoin (LPE). Possible pneumonia."


class ConfigurationError(ValueError):
    """A configuration that can't be used: the `text` given, what was expected."""

    def __init__(self, text: str, expected: str) -> None:
        self.text = text
        super().__init__(
            f"--config {text!r}: expected {expected}, as in"
            " --config ours --config negex=assertion:negex,concepts:phrases"
        )


@dataclass(frozen=True)
class Configuration:
    """Settings under a name."""

    name: str
    settings: MiningSettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sentence stands in its report, and which distinct sentence it is."""

    section: str
    start: int
    end: int
    number: int


@dataclass(frozen=True)
class Reading:
    """What one configuration makes of the reports. `seconds`: CPU from text to verdicts."""

    places: Mapping[str, tuple[Place, ...]] = field(repr=False)
    judged: Sequence[Sequence[ReadMention]] = field(repr=False)
    labels: pa.Table = field(repr=False)
    seconds: float


@dataclass(frozen=True)
class Compared:
    """A configuration beside the gold; `difference` is its F1 minus that of the first one."""

    configuration: Configuration
    reading: Reading = field(repr=False)
    result: AuditResult = field(repr=False)
    difference: Difference | None
    reports_per_second: float

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON values."""
        settings = self.configuration.settings
        return {
            "name": self.configuration.name,
            "settings": {key: getattr(settings, key) for key in KEYS},
            "audit": self.result.to_json(),
            "difference": self.difference and self.difference.to_json(),
            "reports_per_cpu_second": self.reports_per_second,
        }


def read_configuration(text: str, base: MiningSettings) -> Configuration:
    """The configuration that a text like "negex=assertion:negex,concepts:phrases" describes.

    >>> read_configuration("words=concepts:phrases", MiningSettings()).settings.concepts
    'phrases'

    Raises:
        ConfigurationError: no name, an unknown key, a key twice.
        SettingsError: a value out of its range.
    """
    name, _, rest = text.partition("=")
    name = name.strip()
    if not _NAME.match(name):
        raise ConfigurationError(text, "a name of letters and digits")
    chosen: dict[str, Any] = {}
    for pair in filter(None, (part.strip() for part in rest.split(","))):
        key, colon, value = (part.strip() for part in pair.partition(":"))
        if not colon or not value or key not in KEYS or key in chosen:
            raise ConfigurationError(text, f"key:value, each key once, out of {', '.join(KEYS)}")
        chosen[key] = value
    return Configuration(name, replace(base, **chosen))


def read_configurations(texts: Sequence[str], base: MiningSettings) -> list[Configuration]:
    """The configurations of these texts; without any ours, ours by phrases alone, and NegEx.

    Raises:
        ConfigurationError: as for one; a name that comes twice; a single one.
    """
    defaults = ("cxrmine", "phrases=concepts:phrases", "negex=assertion:negex")
    configurations = [read_configuration(text, base) for text in texts or defaults]
    names = [c.name for c in configurations]
    for number, text in enumerate(texts):
        if names[number] in names[:number]:
            raise ConfigurationError(text, "a name that no other configuration has")
    if len(names) < 2:
        raise ConfigurationError(texts[0], "at least two configurations")
    return configurations


def compare(
    reports: Mapping[str, str],
    gold: pa.Table,
    configurations: Sequence[Configuration],
    *,
    findings: Sequence[str],
    bootstrap: int = 1000,
) -> list[Compared]:
    """Each configuration's labels of these reports against the gold, in their order.

    Raises:
        AuditError: no report in both.
        MissingModelError, LinkerMissingError, NegexMissingError: what a configuration wants is not
            installed.
    """
    for configuration in configurations:
        read_with({"warm-up": _WARM_UP}, configuration.settings)
    readings = [read_with(reports, c.settings) for c in configurations]
    ids = list(reports)
    compared: list[Compared] = []
    for configuration, reading in zip(configurations, readings, strict=True):
        difference = None
        if compared:
            difference = paired_difference(
                reading.labels, readings[0].labels, gold,
                findings=findings, ids=ids, bootstrap=bootstrap,
            ).micro  # fmt: skip
        result = audit(reading.labels, gold, findings=findings, ids=ids, bootstrap=bootstrap)
        speed = len(reports) / reading.seconds if reading.seconds else float("inf")
        compared.append(Compared(configuration, reading, result, difference, speed))
    return compared


def read_with(reports: Mapping[str, str], settings: MiningSettings) -> Reading:
    """The reading of these reports, each distinct sentence once, with the settings' profile."""
    load_resources(settings)
    gc.collect()
    begin = time.process_time()
    abbreviated = settings.concepts != "phrases"
    sentences: dict[str, tuple[int, str, tuple[str, ...]]] = {}
    places = {r: _cut(text, sentences, abbreviated) for r, text in reports.items()}
    judged = _judge([(t, used) for _, t, used in sentences.values()], settings)
    seconds = time.process_time() - begin
    return Reading(places, judged, _labels(places, judged, settings), seconds)


def _cut(
    text: str, sentences: dict[str, tuple[int, str, tuple[str, ...]]], abbreviated: bool
) -> tuple[Place, ...]:
    defined = ReportAbbreviations()
    places = []
    for section in mined_sections(text):
        for start, end in split_sentences(text, section.start, section.end):
            used = defined.used_in(text[start:end]) if abbreviated else ()
            key, plain = keyed_sentence(text[start:end], used)
            number, _, _ = sentences.setdefault(key, (len(sentences), plain, used))
            places.append(Place(section.name, start, end, number))
    return tuple(places)


def _judge(
    sentences: Sequence[tuple[str, tuple[str, ...]]], settings: MiningSettings
) -> list[list[ReadMention]]:
    reader = load_resources(settings).reader
    needed = [n for n, (text, used) in enumerate(sentences) if reader.needs_parse(text, used)]
    parses: dict[int, Parse | Unparsed] = {}
    if needed:
        found = the_parser(settings.parser).parse([sentences[n][0] for n in needed])
        parses = dict(zip(needed, found, strict=True))
    return [reader.read(text, parses.get(n), used) for n, (text, used) in enumerate(sentences)]


def _labels(
    places: Mapping[str, Collection[Place]],
    judged: Sequence[Iterable[ReadMention]],
    settings: MiningSettings,
) -> pa.Table:
    rows = [
        (report, m.found.finding, m.found.form, m.ruling.verdict.value, m.ruling.rule_id,
         m.ruling.temporality, m.ruling.experiencer)
        for report, own in places.items()
        for place in own
        for m in judged[place.number]
    ]  # fmt: skip
    names = ("report_id", "finding", "concept_form", "verdict", "rule_id", "temporality",
             "experiencer")  # fmt: skip
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    mentions = pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})
    ids = pa.chunked_array([pa.array(list(places), pa.string())])
    findings = the_findings(settings.findings).findings
    return label_table(ids, mentions, the_profile(settings.profile), findings)
