"""The draw: reports of each stratum at random, with the weight that each then carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from data_contracts import SAMPLES
from mining.sampling.design import Stratum


def draw_sample(strata: Sequence[Stratum], drawn: Sequence[int], *, seed: int = 0) -> pa.Table:
    """The sample under its contract, in random order: a row's place says nothing of its stratum.

    The same strata, numbers and seed give the same sample.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for stratum, count in zip(strata, drawn, strict=True):
        chosen = generator.choice(len(stratum), size=count, replace=False)
        rows += [
            {
                "report_id": stratum.report_ids[place],
                "stratum": stratum.name,
                "stratum_size": len(stratum),
                "drawn": count,
                "weight": len(stratum) / count,
            }
            for place in sorted(chosen)
        ]
    order = generator.permutation(len(rows))
    return pa.Table.from_pylist([rows[n] for n in order], schema=SAMPLES.schema)
