"""`cxrmine rules try`: another rule book over a run, from sentences and parses that are kept."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows.environment import cache_root
from flows.files import digest_tree, table_hash
from flows.label_sets import LabelSet
from flows.store import Artifact, Store, artifact_key
from flows.tables import NotFound
from mining import stages
from mining.assertion.rule_files import RULES, RuleFileError, load_rules
from mining.assertion.rulebook import RuleBook
from mining.examples import fires, judge_example
from mining.fingerprints import stage_fingerprint
from mining.resources import load_resources, the_parser
from mining.rulecheck.trial import RunTables, Trial, try_rules
from mining.settings import MiningSettings

STAGE = "trial"
_SHARED = "graph.toml"


def load_tried(path: Path) -> RuleBook:
    """The package's rules with this file in the place of its namesake; a folder as it is.

    Errors: RuleFileError for a name that no rule file has, or rules that cannot be read.
    """
    if path.is_dir():
        return load_rules(path)
    if path.name != _SHARED and not (path.suffix == ".toml" and path.name[:2].isdigit()):
        raise RuleFileError(
            path.name,
            "found this name, expected NN_name.toml (the number is the order of judgement) or "
            f"{_SHARED}; rename the file, or give a folder of rule files",
        )
    with _merged(path) as folder:
        return load_rules(folder)


def try_on_run(book: RuleBook, run: LabelSet) -> Trial:
    """What this book would change in the labels of a run.

    The run's sentences and parses come from the store; they are made and kept the first time.
    Errors: NotFound when the folder holds no run with reports and mentions.
    """
    settings = run.settings
    if settings is None or run.run is None or run.mentions is None or run.reports is None:
        raise NotFound("a run", run.path.parent, "Give the folder of a cxrmine run with --run.")
    kept = kept_parses(run.reports, settings)
    tables = RunTables(
        sentences=kept.table("sentences"),
        distinct=kept.table("distinct"),
        parses=kept.table("parses"),
        mentions=run.mentions,
        labels=run.table,
    )
    return try_rules(book, tables, settings, known=_mined_by_package_rules(run.run, settings))


def kept_parses(reports: Path, settings: MiningSettings) -> Artifact:
    """The sentences, distinct sentences and parses of these reports, in the store."""
    inputs = {"reports": table_hash(_digests(reports), "reports")}
    fingerprint = {
        f"{stage}.{name}": value
        for stage in ("sentences", "parse")
        for name, value in stage_fingerprint(stage, settings).items()
    }

    def write(folder: Path) -> dict[str, Any]:
        cut = stages.sentences(reports, folder, settings=settings)
        parsed = stages.parse(folder / "distinct.parquet", folder, settings=settings)
        return {"sentences": asdict(cut), "parse": asdict(parsed)}

    store = Store(cache_root())
    key = artifact_key(STAGE, inputs, fingerprint)
    made_from = {"inputs": inputs, "fingerprint": fingerprint}
    return store.find(STAGE, key) or store.put(STAGE, key, write, made_from)


def broken_examples(book: RuleBook, settings: MiningSettings) -> list[str]:
    """One line for each example of a new or edited rule that it does not meet."""
    known = set(load_resources(settings).book.rules)
    parser = the_parser(settings.parser)
    lines = []
    for rule in (rule for rule in book.rules if rule not in known):
        form = min(rule.forms, default="")
        with_parser = None if rule.fallback else parser
        for wanted, sentences in ((True, rule.yes), (False, rule.no)):
            for sentence in sentences:
                ruling = judge_example(sentence, book, with_parser, form)
                if fires(rule, ruling) is not wanted:
                    verb = "does not decide" if wanted else "decides its `no`"
                    lines.append(f"{rule.id} {verb} {sentence!r}: {ruling.rule_id} does")
    return lines


def _mined_by_package_rules(record: dict[str, Any], settings: MiningSettings) -> bool:
    made_by = record["stages"]["mine"]["fingerprint"]
    return bool(made_by == stage_fingerprint("mine", settings))


def _digests(reports: Path) -> dict[str, str]:
    files = digest_tree(reports.parent)
    return {name: sha for name, sha in files.items() if name.split("/")[0] == reports.name}


@contextmanager
def _merged(file: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cxrmine-rules-") as name:
        folder = Path(name)
        for own in RULES.glob("*.toml"):
            shutil.copyfile(own, folder / own.name)
        shutil.copyfile(file, folder / file.name)
        yield folder
