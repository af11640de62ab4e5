"""ConText as medspaCy ships it, in an environment of its own: lines of JSON in, lines of JSON out.

    python -m benchmarks.rivals.medspacy_worker < requests > answers

A request is `{"text": …, "spans": [[first token, end], …]}`, one sentence each; its answer is a
list of lists of attributes that ConText set. The last line holds the CPU seconds and the version.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import spacy

from mining.assertion.spacy_spans import GROUP, OurTokenizer, make_doc

_ATTRIBUTES = ("is_negated", "is_uncertain", "is_historical", "is_hypothetical", "is_family")


def main() -> None:
    """Answer the requests on standard input."""
    # Only where it is run is there a medspaCy; the import registers its component.
    from medspacy.context import ConText  # type: ignore[import-not-found]

    requests = [json.loads(line) for line in sys.stdin]
    nlp = spacy.blank("en")
    tokenizer = nlp.tokenizer = OurTokenizer(nlp.vocab)
    config = {"input_span_type": "group", "span_group_name": GROUP}
    context: ConText = nlp.add_pipe("medspacy_context", config=config)
    start = time.process_time()
    answers = []
    for request in requests:
        doc = context(make_doc(tokenizer, request["text"], request["spans"]))
        answers.append([[a for a in _ATTRIBUTES if span._.get(a)] for span in doc.spans[GROUP]])
    seconds = time.process_time() - start
    for answer in answers:
        print(json.dumps(answer))
    print(json.dumps({"seconds": seconds, "version": version("medspacy")}))


if __name__ == "__main__":
    main()
