"""The findings, their order and their names."""

import pytest

from data_contracts import (
    CHESTXRAY8,
    CHESTXRAY14,
    CHEXPERT14,
    CHEXPERT_OF,
    Finding,
    UnknownFindingError,
    finding_set,
    findings_in,
    labels_contract,
    nih_name,
)


def test_the_fourteen_begin_with_the_eight():
    assert CHESTXRAY14[:8] == CHESTXRAY8
    assert len(set(CHESTXRAY14)) == 14


def test_a_set_gives_names_for_people():
    names = {finding.name: finding.display for finding in finding_set("ChestX-ray14")}
    assert tuple(names) == CHESTXRAY14
    assert names["Pleural_Thickening"] == "Pleural Thickening"


def test_an_unknown_set_is_refused():
    with pytest.raises(ValueError, match="chestxray8, chestxray14"):
        finding_set("chestxray15")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        *((name, name) for name in CHESTXRAY14),
        ("Infiltrate", "Infiltration"),
        ("Pleural Thickening", "Pleural_Thickening"),
        ("pleural-thickening ", "Pleural_Thickening"),
        ("PLEURALTHICKENING", "Pleural_Thickening"),
        ("Pleural Effusion", "Effusion"),
    ],
)
def test_names_of_others(written, name):
    assert nih_name(written) == name


def test_an_unknown_name_says_which_are_known():
    with pytest.raises(UnknownFindingError, match=r"'Fracture'.*Atelectasis") as caught:
        nih_name("Fracture")
    assert caught.value.name == "Fracture"


@pytest.mark.parametrize(
    "findings", [CHESTXRAY8, finding_set("chestxray8")], ids=["str", "Finding"]
)
def test_label_columns_follow_the_findings(findings):
    assert findings_in(labels_contract(findings).schema) == CHESTXRAY8


def test_a_finding_of_ones_own_gets_a_column():
    assert findings_in(labels_contract([Finding("Scoliosis", "Scoliosis")]).schema) == (
        "Scoliosis",
    )


def test_a_finding_named_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        labels_contract(["Mass", "Mass"])


def test_the_map_between_the_sets_names_findings_of_both():
    assert tuple(sorted(CHEXPERT_OF)) == tuple(sorted(CHESTXRAY14))
    assert {name for name in CHEXPERT_OF.values() if name} < set(CHEXPERT14)


def test_a_support_device_is_no_disease():
    healthy = [finding.name for finding in finding_set("chexpert14") if not finding.disease]
    assert healthy == ["Support_Devices"]
