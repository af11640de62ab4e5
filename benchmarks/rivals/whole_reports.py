"""negspacy or medspaCy over whole reports, as their users run them: figures out, no text.

    python -m benchmarks.rivals.whole_reports negspacy REQUEST.json [IN.parquet OUT.parquet]

The request holds the phrases of each finding and the texts. The answer, one line of JSON, says how
many CPU seconds loading and reading took. With tables the texts come from one and the mentions go
into another. Run by the Python that has the rival, so only the rival and spaCy are imported.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Something of everything, so that whatever is loaded at first need is loaded.
WARM_UP = (
    "FINDINGS: The heart is enlarged. Panlobular emphysma. Possible pneumonia."
    " Right middle lobe atelectasis (RMLA)."
)
Row = tuple[int, int, int, str, str]


def negspacy_pipeline(phrases: Mapping[str, Sequence[str]]) -> Any:
    """A blank English pipeline: sentences by punctuation, phrases as entities, NegEx."""
    import spacy
    from negspacy.negation import Negex  # noqa: F401  registers the component

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler: Any = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns(
        [{"label": name, "pattern": text} for name, own in phrases.items() for text in own]
    )
    nlp.add_pipe("negex")
    return nlp


def medspacy_pipeline(phrases: Mapping[str, Sequence[str]]) -> Any:
    """medspaCy's own pipeline: PyRuSH, target matcher, ConText."""
    import medspacy  # type: ignore[import-not-found]
    from medspacy.target_matcher import TargetRule  # type: ignore[import-not-found]

    nlp = medspacy.load()
    rules = [TargetRule(text, name) for name, own in phrases.items() for text in own]
    nlp.get_pipe("medspacy_target_matcher").add(rules)
    return nlp


PIPELINES = {"negspacy": negspacy_pipeline, "medspacy": medspacy_pipeline}


def verdicts(engine: str, nlp: Any, texts: Sequence[str]) -> list[Row]:
    """Report, start, end, finding and verdict of every mention."""
    rows = []
    for number, doc in enumerate(nlp.pipe(texts)):
        for span in doc.ents:
            if engine == "negspacy":
                said = "absent" if span._.negex else "present"
            elif span._.is_negated:
                said = "absent"
            else:
                said = "uncertain" if span._.is_uncertain else "present"
            rows.append((number, span.start_char, span.end_char, span.label_, said))
    return rows


def main() -> None:
    """Answer the request."""
    engine, request, *tables = sys.argv[1:]
    if tables:
        import pyarrow.parquet  # noqa: F401  is start-up
    asked = json.loads(Path(request).read_text(encoding="utf-8"))
    begun = time.process_time()
    nlp = PIPELINES[engine](asked["phrases"])
    verdicts(engine, nlp, [WARM_UP])
    loaded = time.process_time()
    if tables:
        _by_tables(engine, nlp, *tables)
        count = -1
    else:
        count = len(verdicts(engine, nlp, asked["texts"]))
    done = time.process_time()
    answer = {"start": loaded - begun, "seconds": done - loaded, "mentions": count}
    print(json.dumps({**answer, "version": version(engine)}))


def _by_tables(engine: str, nlp: Any, source: str, target: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    read = pq.read_table(source).to_pydict()
    names = ("report_id", "start", "end", "finding", "verdict")
    columns = zip(*verdicts(engine, nlp, read["text"]), strict=True)
    table = dict(zip(names, map(list, columns), strict=True))
    table["report_id"] = [read["report_id"][number] for number in table["report_id"]]
    pq.write_table(pa.table(table), target, compression="zstd")


if __name__ == "__main__":
    main()
