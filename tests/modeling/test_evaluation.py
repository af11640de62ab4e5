"""Evaluation: the figures are the textbooks' figures, and chance is told."""

import itertools
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from data_contracts import CHESTXRAY8
from modeling.auc import (
    average_precision,
    bootstrap_auc,
    patient_draws,
    patient_numbers,
    roc_auc,
)
from modeling.calibration import calibration
from modeling.curve_plots import curves_svg
from modeling.evaluation import Evaluation, EvaluationError, evaluate
from modeling.evaluation_tables import (
    baseline_table,
    evaluation_grids,
    print_evaluation,
    published,
    table_3,
    table_17,
)
from modeling.known_facts import KnownFacts, baseline_scores

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=2, max_size=40).filter(
    lambda rows: len({wanted for _, wanted in rows}) == 2
)


@given(PAIRS)
@settings(deadline=None)
def test_auc_and_precision_are_scikit_learns(rows: list[tuple[int, int]]) -> None:
    scores, wanted = (np.array(column, float) for column in zip(*rows, strict=True))
    assert roc_auc(scores, wanted) == pytest.approx(roc_auc_score(wanted, scores))
    assert average_precision(scores, wanted) == pytest.approx(
        average_precision_score(wanted, scores)
    )


def test_unknown_targets_count_for_nothing() -> None:
    assert roc_auc([0.1, 0.9, 0.5], [0, 1, np.nan]) == 1.0


@pytest.mark.parametrize("wanted", [[0, 0], [1, 1], [np.nan, np.nan]])
def test_without_both_sides_there_is_no_auc(wanted: list[float]) -> None:
    assert roc_auc([0.2, 0.3], wanted) is None


def test_pairs_of_two_strata_do_not_count() -> None:
    # Between the views the order is perfect, within each it is reversed.
    scores, wanted, view = [0.2, 0.1, 0.9, 0.8], [0, 1, 0, 1], ["PA", "PA", "AP", "AP"]
    assert roc_auc(scores, wanted, view) == 0.0
    assert roc_auc(scores, wanted) == 0.25


def test_a_replicate_is_the_auc_of_the_images_drawn() -> None:
    random = np.random.default_rng(0)
    scores, wanted = random.random((30, 1)).round(1), (random.random((30, 1)) < 0.4).astype(float)
    patients = [f"p{n // 3}" for n in range(30)]
    draws, numbers = patient_draws(patients, 20, 0), patient_numbers(patients)
    found = bootstrap_auc(scores, wanted, draws, numbers)
    for replicate, draw in enumerate(draws):
        rows = list(itertools.chain.from_iterable([n] * draw[numbers[n]] for n in range(30)))
        assert found[replicate, 0] == pytest.approx(roc_auc_score(wanted[rows, 0], scores[rows, 0]))


def test_a_patients_images_are_drawn_together() -> None:
    """Ten copies of each patient's image say no more than one."""
    random = np.random.default_rng(1)
    scores = random.random((40, 1))
    wanted = (scores + random.normal(0, 0.4, scores.shape) > 0.5).astype(float)
    once = evaluate(scores, wanted, findings=["Mass"], patients=range(40))
    copied = evaluate(np.repeat(scores, 10, 0), np.repeat(wanted, 10, 0), findings=["Mass"],
                      patients=np.repeat(range(40), 10).tolist())  # fmt: skip
    images = evaluate(np.repeat(scores, 10, 0), np.repeat(wanted, 10, 0), findings=["Mass"])
    width = [r.macro.high - r.macro.low for r in (once, copied, images)]  # type: ignore[operator]
    assert width[1] == pytest.approx(width[0]) and width[2] < 0.6 * width[0]


def test_intervals_hold_the_truth_about_95_times_in_100() -> None:
    random, inside = np.random.default_rng(2), 0
    truth = 0.7602  # P(N(1, 1) > N(0, 1)) = Φ(1/√2)
    for _ in range(100):
        wanted = (random.random((120, 1)) < 0.5).astype(float)
        scores = 1 / (1 + np.exp(-(random.normal(size=(120, 1)) + wanted)))
        found = evaluate(scores, wanted, findings=["Mass"], replicates=200).macro
        inside += found.low <= truth <= found.high  # type: ignore[operator]
    assert 88 <= inside <= 99


def test_calibration_of_known_chances() -> None:
    random = np.random.default_rng(0)
    chance = random.random(20_000)
    wanted = (random.random(20_000) < chance).astype(float)
    honest, boastful = calibration(chance, wanted), calibration(np.sqrt(chance), wanted)
    assert honest is not None and boastful is not None
    assert honest.ece < 0.02 < 0.1 < boastful.ece
    assert honest.brier == pytest.approx(brier_score_loss(wanted, chance))


def _learnt_view(count: int = 400) -> tuple[np.ndarray, np.ndarray, KnownFacts, list[int]]:
    """Scores that look at nothing but the view, which the finding follows."""
    random = np.random.default_rng(0)
    view = random.random(count) < 0.5
    wanted = (random.random((count, 1)) < np.where(view, 0.7, 0.2)[:, None]).astype(float)
    scores = np.clip(np.where(view, 0.7, 0.3) + random.normal(0, 0.01, count), 0, 1)[:, None]
    facts = KnownFacts(
        tuple(np.where(view, "AP", "PA").tolist()),
        tuple("FM"[n % 2] for n in range(count)),
        tuple(float(n % 90) if n % 7 else None for n in range(count)),
    )
    return scores, wanted, facts, [n // 2 for n in range(count)]


def test_a_network_that_only_knows_the_view_is_found_out() -> None:
    scores, wanted, facts, patients = _learnt_view()
    result = evaluate(scores, wanted, findings=["Nodule"], patients=patients, facts=facts)
    found = result.baseline
    assert found is not None and result.macro.value is not None and result.macro.value > 0.7
    gain, within = found.gain["macro"], found.within_view["macro"]
    assert gain.low is not None and gain.high is not None and gain.low < 0.05
    assert within.low is not None and within.high is not None and within.low < 0.5 < within.high


def test_nobody_is_judged_by_a_model_that_has_seen_him() -> None:
    """Each patient has a view of his own and a coin of his own: seen before, he is known."""
    random = np.random.default_rng(3)
    wanted = np.repeat(random.integers(0, 2, 60), 4)[:, None].astype(float)
    patients = np.repeat(range(60), 4).tolist()
    facts = KnownFacts(tuple(f"view {n}" for n in patients), ("F",) * 240, (None,) * 240)
    scores, folds = baseline_scores(facts, wanted, patients)
    value = roc_auc(scores[:, 0], wanted[:, 0], folds.tolist())
    assert value is not None and value < 0.65
    strangers = list(range(240))  # as if every image were of another patient
    scores, folds = baseline_scores(facts, wanted, strangers)
    leaked = roc_auc(scores[:, 0], wanted[:, 0], folds.tolist())
    assert leaked is not None and leaked > 0.95


def test_facts_are_judged_in_the_folds_that_are_given() -> None:
    _, wanted, facts, patients = _learnt_view()
    fold = np.array(patients) % 3
    scores, folds = baseline_scores(facts, wanted, patients, fold)
    assert (folds == fold).all() and not np.isnan(scores).any()
    for left_out in range(3):  # its own labels have no say in what a fold is told
        other = np.where((fold == left_out)[:, None], 1 - wanted, wanted)
        again, _ = baseline_scores(facts, other, patients, fold)
        assert (again == scores)[fold == left_out].all()
        assert not (again == scores)[fold != left_out].all()


def test_facts_that_say_nothing_are_worth_a_half() -> None:
    """Over folds their AUC would be far below: a rare finding's folds differ in how rare it is."""
    found = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        wanted = (random.random((100, 1)) < 0.08).astype(float)
        facts = KnownFacts(("PA", "AP") * 50, ("F",) * 100, tuple(random.random(100) * 80))
        scores, folds = baseline_scores(facts, wanted, range(100))
        value = roc_auc(scores[:, 0], wanted[:, 0], folds.tolist())
        if value is not None and not np.isnan(scores).any():
            found.append(value)
    assert 0.4 < np.mean(found) < 0.6


def test_groups_have_rates_and_areas() -> None:
    scores, wanted, facts, patients = _learnt_view()
    result = evaluate(scores, wanted, findings=["Nodule"], patients=patients, facts=facts)
    assert set(result.groups) == {"view", "sex", "age"}
    views = result.groups["view"]
    assert sum(group.images for group in views.values()) == 400
    rows = np.array(facts.view) == "AP"
    assert views["AP"].rate["Nodule"] == pytest.approx(wanted[rows].mean())
    assert views["AP"].auc["Nodule"].value == roc_auc(scores[rows, 0], wanted[rows, 0])


def _whole(seed: int = 0) -> tuple[np.ndarray, np.ndarray, Evaluation]:
    random = np.random.default_rng(seed)
    wanted = (random.random((80, 8)) < 0.3).astype(float)
    wanted[random.random(wanted.shape) < 0.1] = np.nan
    scores = np.clip(random.random(wanted.shape) * 0.7 + np.nan_to_num(wanted) * 0.3, 0, 1)
    facts = KnownFacts(("PA", "AP") * 40, (None,) * 80, (None,) * 80)
    return scores, wanted, evaluate(scores, wanted, findings=CHESTXRAY8, facts=facts,
                                    replicates=50)  # fmt: skip


def test_the_papers_figures_stand_beside_ours() -> None:
    _, _, result = _whole()
    text = table_3({"ours": result}).markdown()
    for row in published("table3"):
        assert row.name in text
    assert ".696" in text  # the mean of ResNet-50 with W-CEL
    assert len(table_3({"ours": result}).rows) == 5 + 2
    assert ".745" in table_17(result).markdown()


@pytest.mark.parametrize(
    ("name", "mean"),
    [("AlexNet", 0.639), ("GoogLeNet", 0.639), ("VGG-16", 0.625), ("ResNet-50 CEL", 0.658),
     ("ResNet-50 W-CEL", 0.696)],
)  # fmt: skip
def test_published_means(name: str, mean: float) -> None:
    row = next(row for row in published("table3") if row.name == name)
    assert row.mean == pytest.approx(mean, abs=5e-4) and tuple(row.auc) == CHESTXRAY8


def test_all_tables_print_and_everything_is_json() -> None:
    _, _, result = _whole()
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_evaluation(result, console=console)
    text = console.export_text()
    assert all(grid.title in text for grid in evaluation_grids(result))
    assert json.loads(json.dumps(result.to_json()))["macro"]["value"] == result.macro.value
    assert len(baseline_table(result).rows) == 9


def test_the_picture_has_a_line_per_finding_and_panel() -> None:
    scores, wanted, result = _whole()
    root = ET.fromstring(curves_svg(scores, wanted, result))
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3 * 8
    first = [point.split(",") for point in lines[0].attrib["points"].split()]
    assert (float(first[0][0]), float(first[-1][1])) == (0, 0)  # from no alarm to every one


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [(np.zeros((0, 1)), np.zeros((0, 1))), (np.zeros((2, 2)), np.zeros((2, 1))),
     (np.full((2, 1), 1.5), np.zeros((2, 1))), (np.full((2, 1), np.nan), np.zeros((2, 1)))],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_refused(scores: np.ndarray, wanted: np.ndarray) -> None:
    with pytest.raises(EvaluationError):
        evaluate(scores, wanted, findings=["Mass"])


def test_logits_order_what_probabilities_round_to_one() -> None:
    wanted = np.array([[0.0], [1.0]] * 50)
    logits = 100.0 + wanted
    found = evaluate(np.ones((100, 1)), wanted, findings=["Mass"], logits=logits, replicates=20)
    assert found.findings["Mass"].auc.text() == "1.000 [1.000, 1.000]"
    assert found.findings["Mass"].average_precision.value == 1.0
    assert found.findings["Mass"].calibration is not None
    assert found.findings["Mass"].calibration.brier == 0.5  # of the probabilities
    rounded = evaluate(np.ones((100, 1)), wanted, findings=["Mass"], replicates=20)
    assert rounded.findings["Mass"].auc.value == 0.5
