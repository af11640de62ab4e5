"""A profile's decisions are read off by one rule, and never off the reports they are scored on."""

from collections import Counter

import pytest

from benchmarks.corpus import Corpus, Judged
from benchmarks.cross_validation import fit_folds, label_held_out
from benchmarks.fitting import (
    FOLDS,
    Evidence,
    collect_evidence,
    fit_profile,
    fold_of,
    never_read,
    restrict,
)
from data_contracts import Verdict
from mining.profiles import Profile, load_profile
from mining.reading import HEDGED_FORM_RULE

IDS = [f"R{n}" for n in range(100)]


@pytest.fixture(scope="module")
def clinical() -> Profile:
    return load_profile("clinical")


def present(form: str, finding: str = "Nodule") -> Judged:
    return Judged(finding, form, Verdict.PRESENT, "default.present")


def hedged(form: str, rule: str = "unc.probable", finding: str = "Nodule") -> Judged:
    return Judged(finding, form, Verdict.UNCERTAIN, rule)


def evidence(count: int, *mentions: Judged, first: int = 0) -> list[Evidence]:
    ids = range(first, first + count)
    return [Evidence(f"R{n}", mentions[0].finding, mentions) for n in ids]


def positives(count: int, finding: str = "Nodule", first: int = 0) -> frozenset[tuple[str, str]]:
    return frozenset((f"R{n}", finding) for n in range(first, first + count))


@pytest.mark.parametrize(
    ("cases", "positive", "state"),
    [
        (4, 2, None),  # half is enough: counts as it is
        (4, 1, "ignore"),
        (2, 2, "uncertain"),  # too few: clinical.toml calls a nodular opacity uncertain
        (3, 3, None),
    ],
)
def test_a_form_counts_if_half_of_its_reports_are_positive(
    cases: int, positive: int, state: str | None, clinical: Profile
) -> None:
    fitted = fit_profile(evidence(cases, present("nodular_opacity")), positives(positive), clinical)
    assert fitted.forms["Nodule"].get("nodular_opacity") == state


def test_a_report_with_two_forms_says_nothing_about_either(clinical: Profile) -> None:
    both = evidence(9, present("nodular_opacity"), present("granuloma"))
    fitted = fit_profile(both, positives(9), clinical)
    assert fitted.forms == clinical.forms


def test_a_phrase_that_is_a_hedge_is_fitted_apart_from_its_form(clinical: Profile) -> None:
    borderline = hedged("borderline_size", HEDGED_FORM_RULE, "Cardiomegaly")
    fitted = fit_profile(evidence(3, borderline), positives(3, "Cardiomegaly"), clinical)
    assert fitted.forms["Cardiomegaly"]["borderline_size"] == "present"
    assert "unc.probable" not in fitted.rules


@pytest.mark.parametrize(
    ("cases", "positive", "state"), [(4, 2, "present"), (4, 1, "uncertain"), (2, 2, None)]
)
def test_a_hedge_counts_if_half_of_its_reports_are_positive(
    cases: int, positive: int, state: str | None, clinical: Profile
) -> None:
    fitted = fit_profile(evidence(cases, hedged("nodule")), positives(positive), clinical)
    assert fitted.rules.get("unc.probable") == state


def test_a_hedge_is_not_blamed_for_a_form_that_never_counts(clinical: Profile) -> None:
    granuloma = evidence(9, hedged("granuloma"), first=10)
    fitted = fit_profile([*evidence(3, hedged("nodule")), *granuloma], positives(3), clinical)
    assert fitted.rules["unc.probable"] == "present"


def test_a_hedge_beside_an_assertion_decides_nothing(clinical: Profile) -> None:
    mixed = evidence(9, hedged("nodule"), present("nodule"))
    assert "unc.probable" not in fit_profile(mixed, positives(9), clinical).rules


@pytest.mark.parametrize(
    "mention",
    [
        Judged("Nodule", "nodule", Verdict.ABSENT, "neg.no"),
        Judged("Nodule", "nodule", Verdict.UNPARSED, "unparsed"),
        Judged("Nodule", "nodule", Verdict.PRESENT, "default.present", temporality="past"),
        Judged("Nodule", "nodule", Verdict.PRESENT, "default.present", experiencer="other"),
    ],
)
def test_what_is_denied_past_or_not_the_patients_is_no_evidence(mention: Judged) -> None:
    corpus = Corpus(("R1",), ("made up",), ((0,),), 0.0)
    assert collect_evidence(corpus, [[mention]]) == []


def test_folds_are_stable_and_of_like_size() -> None:
    sizes = Counter(fold_of(f"CXR{n}") for n in range(3000))
    assert sorted(sizes) == list(range(FOLDS))
    assert max(sizes.values()) < 1.2 * min(sizes.values())
    assert [fold_of(name) for name in ("CXR1", "CXR2", "CXR3")] == [0, 4, 4]


def test_the_part_that_was_never_read_is_fixed() -> None:
    part = [name for name in IDS if never_read(name)]
    assert part[:4] == ["R1", "R3", "R4", "R8"]
    assert 30 < len(part) < 50


def test_a_fold_is_never_fitted_on_itself(clinical: Profile) -> None:
    # Only the reports of fold 0 speak for the form: fold 0's own profile must not know of them.
    own = [name for name in IDS if fold_of(name) == 0]
    items = [Evidence(name, "Nodule", (present("granuloma"),)) for name in own]
    gold = frozenset((name, "Nodule") for name in own)
    first, *others = fit_folds(items, gold, clinical)
    assert first.forms["Nodule"]["granuloma"] == "ignore"
    assert all("granuloma" not in profile.forms["Nodule"] for profile in others)


def test_held_out_reports_are_labelled_by_the_profile_without_them(clinical: Profile) -> None:
    corpus = Corpus(tuple(IDS), ("made up",), tuple((0,) for _ in IDS), 0.0)
    items = [
        Evidence(name, "Nodule", (present("granuloma"),)) for name in IDS if fold_of(name) == 0
    ]
    gold = frozenset((item.report_id, "Nodule") for item in items)
    labels = label_held_out(corpus, [[present("granuloma")]], fit_folds(items, gold, clinical))
    states = dict(zip(labels["report_id"].to_pylist(), labels["Nodule"].to_pylist(), strict=True))
    assert {name for name, state in states.items() if state is None} == {n for n, _ in gold}
    assert sorted(states) == sorted(IDS)


def test_restricting_a_corpus_keeps_each_reports_sentences() -> None:
    corpus = Corpus(("A", "B"), ("one", "two"), ((0,), (1,)), 0.0)
    assert restrict(corpus, {"B"}).sentences_of == ((1,),)
