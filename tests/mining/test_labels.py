"""Mentions → labels: the profile, the aggregation table, normal."""

from __future__ import annotations

from itertools import chain, combinations
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts import Verdict
from mining.assertion.rule_files import load_rules
from mining.labels import label_table
from mining.profiles import Profile, ProfileError, load_profile, profile_names
from mining.vocabulary import load_vocabulary

CLINICAL = load_profile("clinical")
OPENI = load_profile("openi-mesh")


def _mentions(*rows: tuple[str, str, str, str, str]) -> pa.Table:
    names = ("report_id", "finding", "concept_form", "verdict", "rule_id")
    columns = {n: [row[i] for row in rows] for i, n in enumerate(names)}
    columns["temporality"] = ["current"] * len(rows)
    columns["experiencer"] = ["patient"] * len(rows)
    return pa.table({k: pa.array(v, pa.string()) for k, v in columns.items()})


def _label(profile: Profile, *rows: tuple[str, str, str, str, str]) -> dict[str, object]:
    ids = pa.chunked_array([["r1"]])
    table = label_table(ids, _mentions(*rows), profile, ["Effusion", "Nodule"])
    row: dict[str, object] = table.to_pylist()[0]
    return row


def test_not_mentioned_is_null() -> None:
    assert _label(CLINICAL)["Effusion"] is None


@pytest.mark.parametrize(
    ("seen", "label"),
    [
        (["present", "absent"], "present"),
        (["absent", "uncertain"], "uncertain"),
        (["absent", "unparsed"], "unparsed"),
        (["present", "uncertain", "unparsed", "absent"], "present"),
        (["absent"], "absent"),
    ],
)
def test_what_wins(seen: list[str], label: str) -> None:
    rows = [("r1", "Effusion", "effusion", state, "x") for state in seen]
    assert _label(CLINICAL, *rows)["Effusion"] == label


@pytest.mark.parametrize("name", profile_names())
def test_every_set_of_states_has_a_row(name: str) -> None:
    states = list(Verdict)
    for seen in chain.from_iterable(combinations(states, n) for n in range(1, 5)):
        assert load_profile(name).aggregation.state(seen) in seen


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1), st.sampled_from(list(Verdict)))
def test_a_present_mention_is_never_lost(seen: list[Verdict], more: Verdict) -> None:
    aggregation = CLINICAL.aggregation
    before, after = aggregation.state(seen), aggregation.state([*seen, more])
    assert (before == Verdict.PRESENT) <= (after == Verdict.PRESENT)


@pytest.mark.parametrize(
    ("temporality", "experiencer", "verdict", "state"),
    [
        ("past", "patient", "present", None),
        ("hypothetical", "patient", "present", None),
        ("current", "other", "present", None),
        ("past", "patient", "absent", "absent"),
        ("current", "patient", "present", "present"),
        ("past", "patient", "unparsed", "unparsed"),
    ],
)
def test_time_and_person_of_a_mention(
    temporality: str, experiencer: str, verdict: str, state: str | None
) -> None:
    found = CLINICAL.state(
        "Effusion",
        "effusion",
        verdict=Verdict(verdict),
        rule_id="x",
        temporality=temporality,
        experiencer=experiencer,
    )
    assert found == state


@pytest.mark.parametrize("profile", profile_names())
def test_an_unparsed_mention_never_makes_a_label_present(profile: str) -> None:
    for entry in load_vocabulary().entries:
        for phrase in entry.phrases:
            state = load_profile(profile).state(
                entry.name, phrase.form, verdict=Verdict.UNPARSED, rule_id="unparsed"
            )
            assert state in (None, Verdict.UNPARSED)


@pytest.mark.parametrize(
    ("rule", "state"), [("unc.consistent_with", "present"), ("unc.may", "uncertain")]
)
def test_openi_counts_firm_hedges_only(rule: str, state: str) -> None:
    found = OPENI.state("Effusion", "effusion", verdict=Verdict.UNCERTAIN, rule_id=rule)
    assert found == state


@pytest.mark.parametrize("profile", profile_names())
def test_a_profile_names_only_forms_and_rules_that_exist(profile: str) -> None:
    known = {(e.name, p.form) for e in load_vocabulary().entries for p in e.phrases}
    loaded = load_profile(profile)
    assert {(f, form) for f, forms in loaded.forms.items() for form in forms} <= known
    assert set(loaded.rules) <= {r.id for r in load_rules().rules}


def test_normal_is_no_finding_and_no_other_abnormality() -> None:
    fracture = ("r1", "Other", "abnormality", "present", "default.present")
    called = ("r1", "Other", "normal", "present", "default.present")
    effusion = ("r1", "Effusion", "effusion", "present", "default.present")
    assert _label(CLINICAL)["normal"] is True
    assert _label(CLINICAL, fracture)["normal"] is False
    assert _label(CLINICAL, fracture, called)["normal"] is True
    assert _label(CLINICAL, effusion, called)["normal"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\ncolour = 1', "unknown keys"),
        ('[rules]\n"unc.may" = "maybe"', "expected one of"),
        ('[forms.Effusion]\nblunting = "absent"', "expected one of"),
        ("name", "no valid TOML"),
    ],
)
def test_a_bad_profile_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(ProfileError, match=message):
        load_profile(str(file))


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ProfileError, match="clinical, openi-mesh"):
        load_profile("strict")
