"""Estimates from a stratified sample: by hand, at the edges, and by simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.coverage import HARD, POPULATIONS, measure
from data_contracts import SAMPLES
from mining.audit import AuditError, AuditResult, audit
from mining.audit.table import audit_footer
from mining.sampling import Stratum, draw_sample

Make = Callable[..., pa.Table]
FINDINGS = ("Mass", "Nodule")


def sample_of(strata: dict[str, tuple[int, list[str]]]) -> pa.Table:
    """The table of a sample from {stratum: (reports in it, those drawn)}."""
    rows = [
        {
            "report_id": report, "stratum": name, "stratum_size": size, "drawn": len(drawn),
            "weight": size / len(drawn),
        }
        for name, (size, drawn) in strata.items()
        for report in drawn
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SAMPLES.schema)


@pytest.fixture
def weighted(make_labels: Make, make_gold: Make) -> AuditResult:
    """A stratum of 100 positive labels, 2 of 4 judged right; one of 1,000 silent, 1 of 5 missed."""
    found, silent = [f"P{n}" for n in range(4)], [f"S{n}" for n in range(5)]
    labels = make_labels({**{r: {"Mass": "present"} for r in found}, **{r: {} for r in silent}})
    gold = make_gold({r: {"Mass": r in ("P0", "P1", "S0")} for r in (*found, *silent)})
    sample = sample_of({"mass": (100, found), "rest": (1000, silent)})
    return audit(labels, gold, findings=FINDINGS, sample=sample, bootstrap=200)


def test_totals_are_weighted(weighted: AuditResult) -> None:
    mass = weighted.findings["Mass"]
    assert (mass.tp, mass.fp, mass.fn, mass.tn) == (50, 50, 200, 800)
    assert (mass.precision, mass.recall) == (0.5, 0.2)
    assert mass.f1 == pytest.approx(2 * 50 / (2 * 50 + 50 + 200))
    assert mass.judged == 9


def test_intervals_hold_the_estimate_and_macro_is_the_mean(weighted: AuditResult) -> None:
    mass = weighted.findings["Mass"]
    for name in ("precision", "recall", "f1"):
        low, high = getattr(mass, f"{name}_interval")
        assert 0 <= low < getattr(mass, name) < high <= 1
    assert weighted.macro.precision == pytest.approx(0.5)
    assert weighted.findings["Nodule"].precision is None
    assert weighted.findings["Nodule"].precision_interval is None


def test_the_footer_says_what_is_estimated_and_that_few_were_judged(weighted: AuditResult) -> None:
    footer = "\n".join(audit_footer(weighted))
    assert "Estimates for 1,100 reports by 9 judged ones, drawn in 2 strata" in footer
    assert "Few judged: 4 reports in the smallest stratum" in footer
    assert weighted.to_json()["counts"]["sample"]["reports"] == 1100


def test_reports_outside_the_sample_are_not_scored(make_labels: Make, make_gold: Make) -> None:
    rows: dict[str, dict[str, Any]] = {r: {"Mass": "present"} for r in ("A", "B", "X")}
    gold = make_gold({"A": {"Mass": True}, "B": {"Mass": True}, "X": {}})
    result = audit(
        make_labels(rows), gold, findings=FINDINGS, sample=sample_of({"m": (10, ["A", "B"])})
    )
    assert result.findings["Mass"].precision == 1
    assert result.counts["scored"] == 2


def test_reports_that_nobody_judged_are_stood_for_by_their_stratum(
    make_labels: Make, make_gold: Make
) -> None:
    drawn = ["A", "B", "C", "D"]
    labels = make_labels({r: {"Mass": "present"} for r in drawn})
    gold = make_gold({"A": {"Mass": True}, "B": {}})
    result = audit(
        labels, gold, findings=FINDINGS, sample=sample_of({"m": (10, drawn[:3]), "n": (7, ["D"])})
    )
    assert result.findings["Mass"].tp == 5  # 1 of 2 judged, of 10
    assert result.counts["sample"]["silent_reports"] == 7
    assert "Nothing is known of 7 reports in 1 strata" in "\n".join(audit_footer(result))


def test_a_whole_stratum_judged_leaves_no_doubt(make_labels: Make, make_gold: Make) -> None:
    ids = [f"R{n}" for n in range(30)]
    labels = make_labels({r: {"Mass": "present" if n < 20 else None} for n, r in enumerate(ids)})
    gold = make_gold({r: {"Mass": n % 4 != 0} for n, r in enumerate(ids)})
    plain = audit(labels, gold, findings=FINDINGS, bootstrap=50)
    whole = audit(
        labels, gold, findings=FINDINGS, sample=sample_of({"all": (30, ids)}), bootstrap=50
    )
    mass, same = whole.findings["Mass"], plain.findings["Mass"]
    assert (mass.tp, mass.fp, mass.fn) == (same.tp, same.fp, same.fn)
    assert mass.precision_interval == (mass.precision, mass.precision)
    assert mass.f1_interval == pytest.approx((mass.f1, mass.f1))


def test_another_sample_is_an_error(make_labels: Make, make_gold: Make) -> None:
    with pytest.raises(AuditError, match="none of the 1 reports drawn is judged"):
        audit(
            make_labels({"A": {}}), make_gold({"A": {}}), findings=FINDINGS,
            sample=sample_of({"m": (5, ["Z"])}),
        )  # fmt: skip


def test_the_estimate_is_right_on_average(make_labels: Make, make_gold: Make) -> None:
    """Oversampling a bad rule does not pull the estimate down."""
    good, bad = [f"G{n}" for n in range(900)], [f"B{n}" for n in range(100)]
    labels = make_labels({r: {"Mass": "present"} for r in (*good, *bad)})
    wrong = {*good[:45], *bad[:50]}  # 5 % and 50 %: 905 of 1,000 are right
    gold = make_gold({r: {"Mass": r not in wrong} for r in (*good, *bad)})
    strata = [Stratum(("Mass", "present", "a"), tuple(good)), Stratum(("Mass",), tuple(bad))]
    estimates = [
        audit(
            labels, gold, findings=FINDINGS, bootstrap=1,
            sample=draw_sample(strata, [40, 40], seed=seed),
        ).findings["Mass"].precision
        for seed in range(60)
    ]  # fmt: skip
    assert np.mean([e for e in estimates if e is not None]) == pytest.approx(0.905, abs=0.015)


def test_nominal_intervals_cover_with_twenty_judged_per_stratum() -> None:
    """A small version of `python -m benchmarks.coverage`: the mean over populations."""
    names = [name for name in POPULATIONS if name not in HARD]
    rows = [measure(name, 20, samples=300, bootstrap=60, seed=1) for name in names]
    for share in np.mean([row.held for row in rows], axis=0):
        assert 0.93 <= share <= 0.975
    assert min(min(row.held) for row in rows) > 0.88


def test_few_judged_give_wide_intervals() -> None:
    few, enough = (measure("rare misses", n, samples=40, bootstrap=40) for n in (5, 40))
    assert few.width[1] > 2 * enough.width[1]
