"""Comparing configurations for the command line: reports in, one table, disagreements as files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data_contracts import DISAGREEMENTS, REPORTS, iter_tables, write_table
from data_contracts.findings import finding_names
from flows.audit import load_gold
from flows.desk import Filter, choose_evenly, options
from flows.golds import gold_hash, is_indexing
from flows.pages import render, replacing, write_page
from flows.road import Job
from mining import stages
from mining.audit import select_ids
from mining.comparing import Compared, Configuration, compare
from mining.disagreeing import Disagreement, disagreement_table, disagreements
from mining.fingerprints import source_fingerprint
from mining.marking import Mark, cut_at_marks
from mining.resources import the_findings

MOST_CASES = 2000
NOBODY = "nobody"


@dataclass(frozen=True)
class Asked:
    """What is compared: reports, gold, who reads them, and which reports count."""

    job: Job
    gold: str
    configurations: Sequence[Configuration]
    key: str | None = None
    ids: Sequence[str] | None = None
    exclude_ids: Sequence[str] | None = None
    bootstrap: int = 1000


@dataclass(frozen=True)
class Made:
    """A comparison: the reports that were read, the configurations, where they disagree."""

    asked: Asked
    reports: Mapping[str, str]
    left_out: Mapping[str, int]
    compared: Sequence[Compared]
    disagreements: Sequence[Disagreement]


def compare_configurations(asked: Asked) -> Made:
    """The configurations beside each other, on the reports that the gold judges.

    OpenI's published test split stays out unless `ids` names it; a report that is left out is not
    read. Errors: those of ingesting, of the gold and of the configurations.
    """
    findings = _findings(asked)
    gold = load_gold(asked.gold, findings=findings, key=asked.key)
    judged = gold.filter(gold["judged"])
    selection = select_ids(judged["report_id"].to_pylist(), asked.ids, asked.exclude_ids)
    reports = _texts(asked.job, frozenset(selection.kept))
    compared = compare(
        reports, judged, asked.configurations, findings=findings, bootstrap=asked.bootstrap
    )
    found = disagreements(compared, judged, findings)
    missing = len(selection.kept) - len(reports)
    left_out = {**selection.left_out_counts, "not_in_the_source": missing}
    return Made(asked, reports, left_out, compared, found)


def _findings(asked: Asked) -> list[str]:
    names = finding_names(the_findings(asked.job.settings.findings).findings)
    known = finding_names(the_findings("chestxray14").findings)
    # OpenI's indexing is read as ChestX-ray14's findings only.
    return [name for name in names if name in known or not is_indexing(asked.gold)]


def _texts(job: Job, wanted: frozenset[str]) -> dict[str, str]:
    """The texts of these reports; the newest version of each, as a run takes it."""
    found: dict[str, str] = {}
    with TemporaryDirectory() as folder:
        stages.ingest(
            job.source, Path(folder), settings=job.settings, mapping=job.mapping, format=job.format
        )
        path = Path(folder) / "reports.parquet"
        for table in iter_tables(path, REPORTS, columns=["report_id", "text"]):
            for report, text in zip(*(c.to_pylist() for c in table.columns), strict=True):
                if report in wanted:
                    found[report] = text
    return found


def write_comparison(made: Made, out: Path) -> tuple[str, ...]:
    """The names of the files written into `out`; those with text only you can read.

    compare.json holds the figures and no text. Errors: OSError.
    """
    table = disagreement_table(made.disagreements, made.reports)
    page = comparison_page(made)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "disagreements.parquet", private=True) as inside:
        write_table(inside, table, DISAGREEMENTS, _provenance(made))
    write_page(out / "disagreements.html", page, private=True)
    with replacing(out / "compare.json", private=False) as inside:
        inside.write_text(json.dumps(_record(made), indent=2) + "\n", encoding="utf-8")
    return ("compare.json", "disagreements.html", "disagreements.parquet")


def _provenance(made: Made) -> dict[str, str]:
    asked = made.asked
    return {"source": source_fingerprint(asked.job.source), "gold": gold_hash(asked.gold)}


def _record(made: Made) -> dict[str, Any]:
    return {
        "source": made.asked.job.source,
        "gold": made.asked.gold,
        **{f"{name}_sha256": value for name, value in _provenance(made).items()},
        "reports": len(made.reports),
        "left_out": dict(made.left_out),
        "bootstrap": made.asked.bootstrap,
        "configurations": [c.to_json() for c in made.compared],
        "disagreements": len(made.disagreements),
    }


def comparison_page(made: Made) -> str:
    """The page: the figures, who is right where they disagree, and at most 2,000 cases to walk."""
    names = [c.configuration.name for c in made.compared]
    chosen = choose_evenly(made.disagreements, MOST_CASES, lambda d: (d.finding, *d.right.values()))
    cases = [_case(case, made.reports[case.report_id]) for case in chosen]
    return render(
        "compare.html",
        title="Configurations beside each other",
        facts=_facts(made),
        compared=made.compared,
        names=names,
        tally=tally(made.disagreements, names),
        cases=cases,
        filters=_filters(cases, names),
        total=len(made.disagreements),
        footer="A label is right when it is present exactly where the gold has the finding.",
    )


def tally(found: Sequence[Disagreement], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """By finding: how many disagreements, and in how many each configuration is right."""
    counts: dict[str, dict[str, int]] = {}
    for case in found:
        own = counts.setdefault(case.finding, dict.fromkeys(("", *names), 0))
        own[""] += 1
        for name in names:
            own[name] += case.right[name] is True
    return counts


def _facts(made: Made) -> dict[str, str]:
    left_out = sum(made.left_out.values())
    return {
        "reports": f"{len(made.reports):,} of {made.asked.job.source}",
        "gold": made.asked.gold,
        "left out": f"{left_out:,} ({made.left_out['test_split']:,} of OpenI's test split)",
        "labels that differ": f"{len(made.disagreements):,}",
    }


def _case(case: Disagreement, text: str) -> dict[str, Any]:
    right = [name for name, correct in case.right.items() if correct]
    answer = {True: "gold: yes", False: "gold: no", None: "gold: not asked"}[case.gold]
    return {
        "title": case.finding.replace("_", " "),
        "sub": f"{case.report_id} · right: {', '.join(right) or NOBODY}",
        "chip": answer,
        "chip_kind": {True: "present", False: "absent", None: "ignored"}[case.gold],
        "states": [(n, s.replace("_", " "), s, case.right[n]) for n, s in case.states.items()],
        "report_id": case.report_id,
        "passages": [
            (
                passage.section,
                [
                    (s.configuration, _marked(text[passage.start : passage.end], s), s.mentions)
                    for s in passage.sayings
                ],
            )
            for passage in case.passages
        ],
        "fields": {"finding": case.finding, "gold": answer, "right": "|".join(right) or NOBODY},
    }


def _marked(sentence: str, saying: Any) -> list[Any]:
    marks = [Mark(m.start, m.end, str(m.ruling.verdict)) for m in saying.mentions]
    marks += [Mark(a, b, "cue") for m in saying.mentions for a, b in m.cues]
    return cut_at_marks(sentence, marks)


def _filters(cases: list[dict[str, Any]], names: Sequence[str]) -> list[Filter]:
    def values(name: str) -> list[str]:
        return [value for case in cases for value in case["fields"][name].split("|")]

    findings = values("finding")
    titles = {name: name.replace("_", " ") for name in dict.fromkeys(findings)}
    return [
        Filter("finding", "Finding", options(findings, titles)),
        Filter("gold", "Gold", options(values("gold"))),
        Filter("right", "Right", options(values("right"), {n: n for n in (*names, NOBODY)})),
    ]
