"""What a run reads of a source that has a watermark: what is new, and all that was read before.

The watermark moves on when the run has published its tables, not before: a run that fails, is
killed or is refused by the gate leaves it where it was.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from flows.road import Job
from mining.deidentifying import the_deidentifier
from mining.ingest import SourceError
from mining.ingest.journal import Journal

JOURNALS = "journals"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """The job, with all that it is to mine; `commit` is called when its tables are published."""

    job: Job
    commit: Callable[[], None]


@contextlib.contextmanager
def reading(job: Job, cache: Path) -> Iterator[Reading]:
    """The job as it is; of a source with a watermark, with what is new and all read before.

    Another run that reads the same source by its watermark is waited for. Errors: SourceError.
    """
    journal = journal_of(job, cache)
    if journal is None:
        yield Reading(job, lambda: None)
        return
    with journal.held():
        taken = journal.take()
        for note, count in taken.notes.items():
            _LOG.warning("%s: %d %s", Path(job.source).name, count, note)
        yield Reading(replace(job, taken=taken), lambda: journal.commit(taken))


def journal_of(job: Job, cache: Path) -> Journal | None:
    """The journal of the job's source; None where it has no watermark. Errors: SourceError."""
    if not job.watermark.column:
        return None
    if job.origin is not None or job.source == "openi":
        to_do = "Take the watermark out, or name a local folder or a query."
        raise SourceError(job.origin or job.source, "a source that has no watermark", to_do)
    return Journal(
        cache / JOURNALS, job.source, job.watermark, mapping=job.mapping, format=job.format,
        deidentifier=the_deidentifier(job.privacy),
    )  # fmt: skip
