"""The mentions of one shard: its sentences joined with their judgements out of the store."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import JUDGEMENTS, SENTENCES, read_table
from mining import stages
from mining.sentence_store import BUCKETS, Layer
from mining.settings import MiningSettings
from mining.stages import StageReport

# Buckets that a process keeps from one shard to the next, until this many bytes are held.
_HELD_BYTES = 448 << 20
_held: dict[tuple[str, ...], pa.Table] = {}


def mine_shard(
    sentences: Path, layer: Layer, out: Path, *, settings: MiningSettings
) -> StageReport:
    """mentions.parquet: the mentions of the shard's sentences.

    Errors: NotJudgedError when the layer lacks one of them.
    """
    ids = read_table(sentences, SENTENCES, columns=["sentence_id"]).column("sentence_id").unique()
    return stages.join(sentences, _judgements(ids, layer), out, settings=settings)


def _judgements(ids: pa.Array, layer: Layer) -> pa.Table:
    """The judgements of these sentences, sorted by sentence."""
    first = pc.utf8_slice_codeunits(ids, 0, 1)
    found = [JUDGEMENTS.empty()]
    for bucket in BUCKETS:
        wanted = ids.filter(pc.equal(first, bucket))
        if len(wanted):
            rows = _bucket(layer, bucket)
            found.append(rows.filter(pc.is_in(rows.column("sentence_id"), value_set=wanted)))
    return pa.concat_tables(found)


def _bucket(layer: Layer, bucket: str) -> pa.Table:
    key = (str(layer.folder), bucket, *(path.name for path in layer.segments(bucket)))
    if key not in _held:
        rows = layer.read(bucket)
        for old in [held for held in _held if held[:2] == key[:2]]:
            del _held[old]
        if rows.nbytes + sum(table.nbytes for table in _held.values()) > _HELD_BYTES:
            return rows
        _held[key] = rows
    return _held[key]
