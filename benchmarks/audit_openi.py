"""The audit on OpenI beside other tools, measured in one run.

    python -m benchmarks.audit_openi [--gold CSV] [--json FILE] [--markdown FILE]

Every engine is given the same reports, sentences, tokens, mentions and profile; only who judges
the mentions differs. The gold is the indexers' MeSH headings that come with the reports, or a CSV
file. OpenI's published test split and the reports that nobody indexed are left out before any text
is looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.audit_rows import OURS, Engines, Row, audit_rows
from benchmarks.corpus import OPENI, Corpus, audited_gold, read_corpus
from benchmarks.rivals.medspacy_context import medspacy_python
from benchmarks.view import (
    Figures,
    outcome_cell,
    pooled_cells,
    print_figures,
    share,
    with_interval,
    write_markdown,
)

COMMAND = "python -m benchmarks.audit_openi"
_HEADER = (
    "judged by",
    "P",
    "R",
    "F1, 13 findings",
    "tp/fp/fn",
    "F1 minus cxrmine's",
    "P/R/F1, all 14",
    "reports/s",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write what was asked for."""
    options = _options(arguments)
    gold = audited_gold(options.gold, options.source)
    corpus = read_corpus(gold["report_id"].to_pylist(), options.source)
    engines = Engines(medspacy=medspacy_python(options.medspacy_python), parser=options.parser)
    rows = audit_rows(corpus, gold, engines.judge(corpus), bootstrap=options.bootstrap)
    figures = audit_figures(rows, corpus, engines.parser_id, options.gold)
    print_figures([figures])
    if options.markdown:
        write_markdown(options.markdown, "OpenI beside other tools", COMMAND, [figures])
    if options.json:
        content = {"reports": len(corpus.report_ids), "rows": [row.to_json() for row in rows]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def audit_figures(rows: Sequence[Row], corpus: Corpus, parser_id: str, gold: str | None) -> Figures:
    """The table of the audit with what a reader must know beside it."""
    groups = [row.group for row in rows]
    return Figures(
        f"{len(corpus.report_ids):,} OpenI reports outside the published test split",
        _HEADER,
        [_cells(row) for row in rows],
        notes=_notes(rows, corpus, parser_id, gold),
        breaks=[n for n in range(len(groups) - 1) if groups[n] != groups[n + 1]],
    )


def _cells(row: Row) -> list[str]:
    if row.result is None:
        return [row.name, *["–"] * (len(_HEADER) - 1)]
    pooled, every = row.result.micro_subsets["without_hernia"], row.result.micro
    apart = row.difference
    return [
        row.name,
        *pooled_cells(pooled),
        outcome_cell(pooled),
        with_interval(apart.difference, apart.interval) if apart else "",
        "/".join(share(figure) for figure in (every.precision, every.recall, every.f1)),
        f"{row.reports_per_second:,.0f}" if row.reports_per_second else "–",
    ]


def _notes(rows: Sequence[Row], corpus: Corpus, parser_id: str, gold: str | None) -> list[str]:
    reference = "the MeSH headings of OpenI's indexers" if gold is None else Path(gold).name
    ours = next(row.result for row in rows if row.name == OURS)
    missing = ours.counts["missing_in_labels"] if ours else 0
    return [
        *(f"{row.name} – {row.note}" for row in rows if row.note),
        f"Gold: {reference}; the test split and unindexed reports are left out. "
        f"{missing} reports of the gold have no text and are not scored. 13 findings: without "
        "Hernia, which the gold released for these reports never sets.",
        "All rows: the same sentences, tokens, mentions and forms of profile openi-mesh (one row: "
        "clinical). A piece of a discontinuous mention that a rival negates negates the mention. "
        "The row of negspacy is also the ablation in which NegEx judges cxrmine's spans.",
        "negspacy knows no doubt; medspacy's POSSIBLE is uncertain, and only present is positive.",
        "without the graph: rules over words only. every parse failed: fail closed, a mention "
        "beside a cue is unparsed.",
        "Intervals: 95 %, bootstrap over reports; differences are paired on the same samples.",
        f"reports/s: per CPU second from text to verdicts in memory, start-up apart; "
        f"{len(corpus.texts):,} distinct sentences, each judged once by every engine. "
        f"Parser {parser_id}.",
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--gold", metavar="CSV", help="0/1 per finding; default: MeSH headings")
    parser.add_argument("--source", default=OPENI, help="folder or .tgz of OpenI's XML files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table")
    parser.add_argument("--bootstrap", type=int, default=1000, help="samples per interval")
    parser.add_argument(
        "--medspacy-python", metavar="PATH", help="the Python of an environment with medspaCy"
    )
    parser.add_argument(
        "--parser", type=Path, metavar="FOLDER", help="other weights, for one more ablation"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
