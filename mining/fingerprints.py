"""What a stage's result depends on beside its input tables: the parts of an artifact's address."""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import uuid4

from mining.assertion.negex import negex_print
from mining.concepts.linker import SETTINGS as LINKER_SETTINGS
from mining.concepts.umls import find_umls
from mining.concepts.umls_matcher import SETTINGS as UMLS_SETTINGS
from mining.deidentifying import deidentifier_id
from mining.ingest.exams import ExamFilter
from mining.ingest.formats import OPENI
from mining.ingest.openi import openi_corpus
from mining.privacy import OPEN, Privacy
from mining.resources import load_resources, the_findings, the_parser, the_profile
from mining.settings import MiningSettings

# Raised by hand when a stage's code changes what it writes.
STAGE_VERSIONS = {"ingest": 3, "sentences": 4, "parse": 2, "mine": 2, "label": 1}
STAGES = tuple(STAGE_VERSIONS)
_SECTIONS = Path(__file__).parent / "sections.toml"


def stage_fingerprint(stage: str, settings: MiningSettings) -> dict[str, str]:
    """The settings, files, parser and versions that the stage's tables depend on.

    Raises:
        KeyError: no such stage.
    """
    prints = {"stage": stage, "stage_version": str(STAGE_VERSIONS[stage])}
    prints["cxrmine_version"] = version("cxrmine")
    if stage == "ingest":
        prints["shards"] = str(settings.shards or f"one per {settings.block} reports")
    if stage == "sentences":
        abbreviated = settings.concepts != "phrases"
        prints["abbreviations"] = f"scispacy {_version('scispacy')}" if abbreviated else "off"
        prints["sections"] = hashlib.sha256(_SECTIONS.read_bytes()).hexdigest()
    if stage in ("parse", "mine"):
        resources = load_resources(settings)
        prints["findings"] = the_findings(settings.findings).id
        prints["vocabulary"] = resources.vocabulary.content_hash
        prints["concepts"] = settings.concepts
        if settings.concepts != "phrases":
            prints["linker"] = linker_print()
        if settings.concepts == "umls":
            own = hashlib.sha256(UMLS_SETTINGS.read_bytes()).hexdigest()
            prints["umls"] = f"{own} {find_umls(settings.umls).fingerprint}"
        prints["parser"] = the_parser(settings.parser).id
        negex = settings.assertion == "negex"
        prints["assertion"] = negex_print() if negex else settings.assertion
    if stage == "parse":
        prints["graph_rules"] = resources.book.graph_hash
    if stage == "mine":
        prints["rules"] = resources.book.content_hash
    if stage == "label":
        profile = the_profile(settings.profile)
        prints["profile"] = f"{profile.name} {profile.content_hash}"
        prints["findings"] = the_findings(settings.findings).id
    return prints


def ingest_fingerprint(
    settings: MiningSettings, exams: ExamFilter, privacy: Privacy = OPEN
) -> dict[str, str]:
    """What the tables of reports depend on: settings, versions, which examinations are wanted,
    how reports were de-identified.

    Raises:
        DeidentifierError: what is needed for that is not installed.
    """
    prints = stage_fingerprint("ingest", settings)
    if exams.asks:
        prints["exams"] = exams.fingerprint
    if privacy.deidentify:
        prints["deidentified"] = deidentifier_id(privacy.names)
    return prints


def linker_print() -> str:
    """What the linker's answers depend on beside the vocabulary: its settings, the libraries."""
    digest = hashlib.sha256(LINKER_SETTINGS.read_bytes()).hexdigest()
    libraries = ("scispacy", "scikit-learn", "nmslib-metabrainz")
    return " ".join([digest, *(f"{name} {_version(name)}" for name in libraries)])


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def source_fingerprint(source: str) -> str:
    """The content hash of the input's files, names included.

    A database has no content hash: its print never repeats, so that a query is always asked again.
    What it gives is addressed by content from there on.

    Raises:
        FileNotFoundError: no such file or folder.
    """
    if source != OPENI and Path(source).suffix.lower() == ".toml" and Path(source).is_file():
        return f"asked {uuid4().hex}"
    digest = hashlib.sha256()
    for name, path in _files(source):
        digest.update(os.fsencode(name) + b"\0")
        with path.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()


def _files(source: str) -> list[tuple[str, Path]]:
    """The files of a source with their names below it, in a fixed order."""
    path = openi_corpus() if source == OPENI else Path(source)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file())
        return [(p.relative_to(path).as_posix(), p) for p in found]
    if not path.exists():
        raise FileNotFoundError(f"{source}: no such file or folder; give a path, or {OPENI!r}")
    return [(path.name, path)]
