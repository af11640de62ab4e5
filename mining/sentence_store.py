"""The sentence store: parses and judgements of distinct sentences, found again by later runs.

A layer holds what one parser, or one set of rules, says of all sentences. It is a folder of 16
buckets by the first hex digit of the sentence's id; a bucket holds segments, Parquet files sorted
by id that are never changed, each named by the SHA-256 of its bytes. Several runs may use and fill
a layer at once: a segment is there whole or not at all, and where two runs have read the same
sentence both say the same of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import (
    JUDGEMENTS,
    PARSES,
    Contract,
    ContractError,
    content_hash,
    read_table,
    write_table,
)
from mining.assertion.reach import RulePrints, RuleReach, read_prints, rule_prints, rule_reach
from mining.fingerprints import stage_fingerprint
from mining.resources import load_resources, the_parser
from mining.settings import MiningSettings

BUCKETS = tuple("0123456789abcdef")
CONTRACTS: Mapping[str, Contract] = {"parses": PARSES, "judgements": JUDGEMENTS}
ABOUT = "about.json"
RULES = "rules.json"
_SUFFIX = ".parquet"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Layer:
    """What one parser or one set of rules says of sentences. Small; passed between processes."""

    kind: str
    key: str
    folder: Path

    @property
    def about(self) -> Mapping[str, str]:
        """What the key is a hash of."""
        about: dict[str, str] = json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))
        return about

    @property
    def contract(self) -> Contract:
        """The contract of its rows."""
        return CONTRACTS[self.kind]

    def segments(self, bucket: str) -> list[Path]:
        """The files of a bucket in name order."""
        return sorted((self.folder / bucket).glob(f"[0-9a-f]*{_SUFFIX}"))

    def ids(self, bucket: str) -> pa.Array:
        """The sentences of a bucket, some perhaps more than once: less work than reading it."""
        return self.read(bucket, ["sentence_id"]).column("sentence_id").combine_chunks()

    def read(self, bucket: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a bucket sorted by sentence, each sentence as one segment has it.

        `columns`: only these, "sentence_id" among them.
        """
        for _ in range(_ATTEMPTS):
            before = self.segments(bucket)
            tables = [table for path in before if (table := self._whole(path, columns)) is not None]
            if self.segments(bucket) == [p for p in before if p.exists()]:
                break  # else another run has made one segment of many meanwhile
        return merged(tables, self.contract, columns)

    def add(self, bucket: str, rows: pa.Table) -> Path | None:
        """The new segment that holds these rows, sorted by sentence; None without rows."""
        if not rows.num_rows:
            return None
        folder = self.folder / bucket
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        waiting = folder / f".{secrets.token_hex(8)}{_SUFFIX}"
        try:
            write_table(waiting, by_sentence(rows), self.contract)
            target = folder / f"{content_hash(waiting)}{_SUFFIX}"
            os.replace(waiting, target)
        finally:
            waiting.unlink(missing_ok=True)
        return target

    def compact(self, bucket: str, more_than: int = 8) -> None:
        """Makes one segment of many."""
        before = self.segments(bucket)
        if len(before) > more_than:
            self._replace(bucket, before, self.read(bucket))

    def remove(self, sentence_ids: Collection[str], buckets: Sequence[str] = BUCKETS) -> int:
        """Forgets these sentences; how many of them there were."""
        gone = pa.array(sorted(sentence_ids), pa.string())
        removed = 0
        for bucket in buckets:
            before = self.segments(bucket)
            table = self.read(bucket)
            held = pc.is_in(table.column("sentence_id"), value_set=gone)
            if pc.any(held).as_py():
                removed += len(pc.unique(table.column("sentence_id").filter(held)))
                self._replace(bucket, before, table.filter(pc.invert(held)))
        return removed

    def _replace(self, bucket: str, before: list[Path], rows: pa.Table) -> None:
        made = self.add(bucket, rows)
        for path in before:
            if path != made:
                path.unlink(missing_ok=True)

    def _whole(self, path: Path, columns: Sequence[str] | None) -> pa.Table | None:
        """The segment. What is damaged is no answer and goes: its sentences are read anew."""
        try:
            if content_hash(path) == path.stem:
                return read_table(path, self.contract, columns)
        except FileNotFoundError:
            return None
        except ContractError:
            pass
        path.unlink(missing_ok=True)
        return None


@dataclass(frozen=True)
class Kin:
    """Judgements by other rules, and how those differ: most of them hold for the new ones too."""

    layer: Layer
    reach: RuleReach


class SentenceStore:
    """The layers below one folder, readable by its owner only: they hold words of reports."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def layers(self) -> list[Layer]:
        """All that is stored, parses and judgements."""
        return [
            Layer(kind, about.parent.name, about.parent)
            for kind in CONTRACTS
            for about in sorted((self.root / kind).glob(f"*/{ABOUT}"))
        ]

    def parses(self, settings: MiningSettings) -> Layer:
        """The layer of the settings' parser."""
        return self._layer("parses", {"parser": the_parser(settings.parser).id})

    def judgements(self, settings: MiningSettings) -> Layer:
        """The layer of the settings' rules, vocabulary, finders of mentions, judge and parser."""
        layer = self._layer("judgements", stage_fingerprint("mine", settings))
        if settings.assertion == "rules" and not (layer.folder / RULES).exists():
            _write_whole(layer.folder / RULES, rule_prints(load_resources(settings).book).to_json())
        return layer

    def kin(self, layer: Layer) -> Kin | None:
        """The judgements that differ from these by their rules, and by the fewest of them."""
        own = _prints(layer)
        if own is None:
            return None
        about = _but_rules(layer)
        found = []
        for other in self.layers():
            if other.kind != layer.kind or other.key == layer.key or _but_rules(other) != about:
                continue
            theirs = _prints(other)
            reach = rule_reach(theirs, own) if theirs else None
            if reach is not None:
                found.append(Kin(other, reach))
        return min(found, key=lambda kin: len(kin.reach.ways), default=None)

    def _layer(self, kind: str, about: Mapping[str, str]) -> Layer:
        layer = Layer(kind, layer_key(kind, about), self.root / kind / layer_key(kind, about))
        if not (layer.folder / ABOUT).exists():
            for folder in (self.root, self.root / kind, layer.folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_whole(layer.folder / ABOUT, json.dumps(dict(about), indent=1, sort_keys=True))
        return layer


def _write_whole(path: Path, text: str) -> None:
    waiting = path.with_name(f".{secrets.token_hex(8)}.json")
    waiting.write_text(text, encoding="utf-8")
    os.replace(waiting, path)


def _but_rules(layer: Layer) -> dict[str, str] | None:
    try:
        return {name: value for name, value in layer.about.items() if name != "rules"}
    except (OSError, ValueError):  # another run prunes it
        return None


def _prints(layer: Layer) -> RulePrints | None:
    try:
        return read_prints((layer.folder / RULES).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):  # judged by NegEx, or by an older version
        return None


def layer_key(kind: str, about: Mapping[str, str]) -> str:
    """The name of the layer that rests on these things.

    >>> layer_key("parses", {"parser": "a"}) == layer_key("parses", {"parser": "b"})
    False
    """
    content = {"kind": kind, "version": CONTRACTS[kind].version, "about": dict(about)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def by_sentence(rows: pa.Table) -> pa.Table:
    """The rows sorted by sentence; those of one sentence keep their order."""
    ids = rows.column("sentence_id").to_numpy(zero_copy_only=False)
    if len(ids) < 2 or bool(np.all(ids[1:] >= ids[:-1])):
        return rows
    # numpy's stable sort: pyarrow's is not.
    return rows.take(pa.array(np.argsort(ids, kind="stable")))


def merged(
    tables: list[pa.Table], contract: Contract, columns: Sequence[str] | None = None
) -> pa.Table:
    """One table of all, sorted by sentence; a sentence of several is taken from the first."""
    seen: pa.Array | None = None
    kept = []
    for table in tables:
        ids = table.column("sentence_id")
        fresh = table if seen is None else table.filter(pc.invert(pc.is_in(ids, value_set=seen)))
        kept.append(fresh)
        own = pc.unique(fresh.column("sentence_id").combine_chunks())
        seen = own if seen is None else pa.concat_arrays([seen, own])
    if not kept:
        return contract.empty().select(columns or contract.columns)
    return by_sentence(pa.concat_tables(kept))
