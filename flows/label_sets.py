"""A label set on disk: its labels, and the mentions, reports and profile behind them, if there."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import MENTIONS, iter_tables
from flows.output import RUN_FILE, OutputRefused, read_run
from flows.tables import NotFound, find_labels, read_labels, run_settings
from mining.deciding import Contribution, Pair, columns_of, contributions
from mining.quoting import sentence_of

if TYPE_CHECKING:
    from mining.settings import MiningSettings


@dataclass(frozen=True)
class LabelSet:
    """A label table, and what lies beside it in the folder of a run."""

    path: Path
    table: pa.Table
    mentions: Path | None
    reports: Path | None
    run: dict[str, Any] | None

    @property
    def settings(self) -> "MiningSettings | None":
        """The settings that the run was made with; None for a bare table."""
        return None if self.run is None else run_settings(self.path.parent)

    @property
    def made(self) -> str:
        """When, and by which profile, in a few words; empty for a bare table."""
        if self.run is None:
            return ""
        return f"{self.run['finished'][:16].replace('T', ' ')}, {self.run['settings']['profile']}"

    def reasons(self, pairs: Collection[Pair]) -> dict[Pair, list[Contribution]]:
        """The mentions behind these (report, finding) labels; none where the run has no mentions.

        Errors: ProfileError when the run's profile is gone.
        """
        if self.mentions is None or self.run is None or not pairs:
            return {}
        from mining.profiles import load_profile

        columns = columns_of(self.mentions)
        wanted = pa.array(sorted({report for report, _ in pairs}), pa.string())
        parts = [
            part.filter(pc.is_in(part["report_id"], value_set=wanted))
            for part in iter_tables(self.mentions, MENTIONS, columns=columns)
        ]
        chosen = frozenset(pairs)
        profile = load_profile(self.run["settings"]["profile"])
        empty = MENTIONS.empty().select(columns)
        found = contributions(pa.concat_tables([empty, *parts]), profile)
        return {pair: own for pair, own in found.items() if pair in chosen}

    def texts(self, report_ids: Collection[str]) -> dict[str, str]:
        """The texts of these reports. Errors: NotFound when the set has no reports beside it."""
        from modeling.quotes import read_texts

        if self.reports is None:
            to_do = "Text needs the folder of a run: reports.parquet beside labels.parquet."
            raise NotFound("reports.parquet", self.path.parent, to_do)
        return read_texts(self.reports, report_ids)


def open_label_set(path: Path) -> LabelSet:
    """The label set of a label table or of the folder of a run. Errors: NotFound, ContractError."""
    labels = find_labels(path)
    beside = {name: labels.with_name(f"{name}.parquet") for name in ("mentions", "reports")}
    there = {name: file if file.exists() else None for name, file in beside.items()}
    try:
        run = read_run(labels.parent) if (labels.parent / RUN_FILE).is_file() else None
    except OutputRefused:  # somebody else's run.json
        run = None
    return LabelSet(labels, read_labels(labels), there["mentions"], there["reports"], run)


def sentences_of(text: str, own: Collection[Contribution]) -> list[str]:
    """The sentences of the mentions that decided a label, each once, in the text's order."""
    spans = dict.fromkeys(sentence_of(text, c.start, c.end) for c in own if c.decides)
    return list(dict.fromkeys(text[start:end] for start, end in spans))
