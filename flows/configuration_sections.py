"""The sections of a configuration file: keys, defaults, and what they mean for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mining.engine import Engine
from mining.ingest.marks import Watermark


def said(default: Any, meaning: str) -> Any:
    """A field with what it means, for people."""
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class SourceSection:
    """Where the reports come from."""

    path: str = said(
        "", 'a file, a folder, an address (s3://…) of one, a .toml with a query, or "openi"'
    )
    format: str = said("", "its format, where its name does not say; see docs/sources.md")
    map: dict[str, str] = field(
        default_factory=dict,
        metadata={"meaning": 'the source\'s columns by ours: { text = "BODY" }'},
    )
    watermark: str = said(
        "", 'read what is new only: a column of the query that grows, or "modified" for files'
    )
    overlap: str = said("", 'read so much again, for what came late: "2h", "3d", or "100"')

    def __post_init__(self) -> None:
        """Asks the watermark what it thinks of it. Raises MarkError."""
        _ = self.marks

    @property
    def marks(self) -> Watermark:
        """The watermark itself."""
        return Watermark(self.watermark, self.overlap)


@dataclass(frozen=True)
class OutputSection:
    """Where the tables go."""

    folder: str = said("", "the folder of the run, or an address; replaced whole by the next one")


@dataclass(frozen=True)
class AuditSection:
    """What the labels are checked against."""

    gold: str = said("", 'a CSV file of judged reports, or "openi"; empty: no audit')


@dataclass(frozen=True)
class EngineSection:
    """Who works. Results do not depend on it. Raises EngineError for what cannot be meant."""

    name: str = said("local", "local: processes of this machine; dask: a cluster's workers")
    workers: int = said(0, "processes of engine local; 0: as many as cores, 1: none")
    scheduler: str = said("", "address of the scheduler of engine dask: tcp://HOST:8786")

    def __post_init__(self) -> None:
        """Asks the engine what it thinks of it."""
        _ = self.engine

    @property
    def engine(self) -> Engine:
        """The engine itself."""
        return Engine(self.name, self.workers, self.scheduler or None)


@dataclass(frozen=True)
class ScheduleSection:
    """Nights: what `cxrmine schedule` and `cxrmine serve` do beside running when it is due."""

    retries: int = said(2, "tries after an error that may pass: source, disk, database, workers")
    retry_delay: int = said(600, "seconds before each of them")
    pages: str = said("", "address at which a server of yours shows FOLDER.reports; empty: none")

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be meant."""
        for name in ("retries", "retry_delay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)}: expected 0 or more")
        if self.pages and not self.pages.startswith(("http://", "https://")):
            raise ValueError(f"pages = {self.pages!r}: expected http://… or https://…")


# The meanings of settings stand as comments in mining; people read these.
EXAM_MEANINGS = {
    "modality": '["CR", "DX"]; values or patterns (* and ?), capitals or not; empty: all',
    "procedure_codes": '["7104?", "7105*"]; empty: all',
    "body_parts": '["CHEST*"]; empty: all',
    "language": 'of the reports, as "en"; empty: all',
    "detect_language": "tell it from the text where the record does not: cxrmine[language]",
    "missing": "a report whose record does not say: keep, or filter",
}
MINING_MEANINGS = {
    "findings": "chestxray14, chestxray8, chexpert14, or a path to a .toml of your own",
    "profile": "what counts as positive: clinical, openi-mesh, chexpert, or a path to a .toml",
    "concepts": "who finds mentions: both, phrases, linker, umls",
    "umls": "folder of scispaCy's UMLS linker, for concepts umls; empty: scispaCy's cache",
    "parser": "who parses: embedded, scispacy, stanza, or an installed spaCy model",
    "assertion": "who judges: rules, or negex (the rival)",
    "shards": "part files per table; 0: one per block",
    "block": "reports in a block: what is read, mined and found again as one piece",
    "max_reject_rate": "past this share of rejected rows a run has failed",
}
PRIVACY_MEANINGS = {
    "deidentify": "mask dates, names and numbers before anything is stored: cxrmine[deid]",
    "names": "with deidentify: an installed spaCy model that knows persons",
    "text": "false: published tables hold offsets and hashes, no word of a report",
}

MEANINGS = {**EXAM_MEANINGS, **PRIVACY_MEANINGS, **MINING_MEANINGS}
