"""ConText as medspaCy ships it, on our mentions. Chapman et al., BioNLP 2007.

medspaCy 1.3.1 needs spaCy < 3.8 and cannot be installed beside this package, so it is run by
another Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.corpus import Judged, MentionedSentence
from data_contracts import Verdict
from mining.assertion.spacy_spans import pieces
from mining.concepts.phrases import Found

VERSION = "1.3.1"
ENVIRONMENT = Path(".venv-medspacy")
HOW_TO_GET = (
    f"not installed: python3.11 -m venv {ENVIRONMENT} && "
    f"{ENVIRONMENT}/bin/pip install medspacy=={VERSION}"
)
_VARIABLE = "CXRMINE_MEDSPACY_PYTHON"
_ROOT = Path(__file__).parents[2]


class MedspacyError(RuntimeError):
    """medspaCy could not be run: by which `python`, and what it `said`."""

    def __init__(self, python: str, said: str) -> None:
        self.python, self.said = python, said
        super().__init__(
            f"{python}: no verdicts from medspaCy, it said {said!r}; expected an environment with"
            f" medspacy {VERSION}. Make one ({HOW_TO_GET}) or run without it."
        )


def medspacy_python(given: str | None = None) -> str | None:
    """The Python that has medspaCy: the one given, named by the environment, found, or None."""
    named = given or os.environ.get(_VARIABLE)
    if named:
        return named
    if find_spec("medspacy") is not None:
        return sys.executable
    local = _ROOT / ENVIRONMENT / "bin" / "python"
    return str(local) if local.exists() else None


def judge_by_context(
    sentences: Sequence[MentionedSentence], python: str
) -> tuple[list[list[Judged]], float]:
    """The verdicts, and the CPU seconds that ConText took (start-up and transfer apart).

    Raises:
        MedspacyError: that Python has no working medspaCy.
    """
    asked = [n for n, sentence in enumerate(sentences) if sentence.found]
    owners = {
        n: [(i, piece) for i, m in enumerate(sentences[n].found) for piece in pieces(m.tokens)]
        for n in asked
    }
    requests = [
        {"text": sentences[n].sentence.text, "spans": [piece for _, piece in owners[n]]}
        for n in asked
    ]
    *answers, last = _run(python, [json.dumps(request) for request in requests])
    judged: list[list[Judged]] = [[] for _ in sentences]
    for n, answer in zip(asked, answers, strict=True):
        attributes: list[set[str]] = [set() for _ in sentences[n].found]
        for (i, _), found in zip(owners[n], answer, strict=True):
            attributes[i].update(found)
        mentions = zip(sentences[n].found, attributes, strict=True)
        judged[n] = [context_verdict(m, own) for m, own in mentions]
    return judged, float(last["seconds"])


def context_verdict(mention: Found, attributes: Collection[str]) -> Judged:
    """The verdict that medspaCy's attributes of a mention amount to; a negation outweighs a doubt.

    >>> mention = Found((0,), "Edema", "edema", None)
    >>> context_verdict(mention, {"is_uncertain", "is_negated"}).verdict.value
    'absent'
    """
    if "is_negated" in attributes:
        verdict = Verdict.ABSENT
    elif "is_uncertain" in attributes:
        verdict = Verdict.UNCERTAIN
    else:
        verdict = Verdict.PRESENT
    temporality = "current"
    if "is_hypothetical" in attributes:
        temporality = "hypothetical"
    elif "is_historical" in attributes:
        temporality = "past"
    return Judged(
        mention.finding, mention.form, verdict, f"context.{verdict.value}", temporality,
        "other" if "is_family" in attributes else "patient",
    )  # fmt: skip


def _run(python: str, requests: Sequence[str]) -> list[dict[str, float]]:
    command = [python, "-m", "benchmarks.rivals.medspacy_worker"]
    try:
        done = subprocess.run(
            command, input="\n".join(requests), capture_output=True, text=True, cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)}, check=False,
        )  # fmt: skip
    except OSError as error:
        raise MedspacyError(python, str(error)) from error
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != len(requests) + 1:
        raise MedspacyError(python, (done.stderr.strip().splitlines() or ["nothing"])[-1])
    return [json.loads(line) for line in lines]
