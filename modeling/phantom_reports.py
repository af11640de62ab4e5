"""A short report for a phantom, which says of each finding what its label says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Generator = np.random.Generator

# {side} is right or left, {zone} upper, mid or lower. The heart has no side.
_SAYS = {
    "Atelectasis": (
        "There is linear atelectasis in the {side} {zone} lung.",
        "Plate-like atelectasis is seen in the {side} {zone} zone.",
        "Subsegmental atelectasis on the {side}.",
    ),
    "Cardiomegaly": (
        "The heart is enlarged.",
        "There is cardiomegaly.",
        "The heart is moderately enlarged.",
    ),
    "Effusion": (
        "There is a {side} pleural effusion.",
        "A small {side} pleural effusion blunts the costophrenic angle.",
        "A layering {side} pleural effusion is present.",
    ),
    "Infiltration": (
        "There is an infiltrate in the {side} {zone} lung.",
        "Patchy infiltrate is seen in the {side} {zone} zone.",
        "Reticular infiltrates on the {side}.",
    ),
    "Mass": (
        "There is a lung mass in the {side} {zone} zone.",
        "A lobulated mass projects over the {side} {zone} lung.",
        "Large {side} lung mass.",
    ),
    "Nodule": (
        "There is a nodule in the {side} {zone} lung.",
        "A small pulmonary nodule projects over the {side} {zone} zone.",
        "Rounded nodule on the {side}.",
    ),
    "Pneumonia": (
        "There is {side} {zone} lobe pneumonia.",
        "There is pneumonia with air bronchograms on the {side}.",
        "The {side} lung shows pneumonia.",
    ),
    "Pneumothorax": (
        "There is a {side} pneumothorax.",
        "A {side} apical pneumothorax is present.",
        "Pleural line on the {side} with a pneumothorax.",
    ),
}
_DOUBTS = {
    "Atelectasis": ("Possible atelectasis at the {side} base.",),
    "Cardiomegaly": ("Possible mild cardiomegaly.",),
    "Effusion": ("Possible small {side} pleural effusion.",),
    "Infiltration": ("Questionable infiltrate in the {side} {zone} lung.",),
    "Mass": ("Possible mass in the {side} {zone} lung.",),
    "Nodule": ("Questionable nodule in the {side} {zone} lung.",),
    "Pneumonia": ("Opacity in the {side} {zone} lung may represent pneumonia.",),
    "Pneumothorax": ("A small {side} pneumothorax cannot be excluded.",),
}
_DENIES = {
    "Cardiomegaly": "The heart is not enlarged.",
    "Effusion": "No pleural effusion.",
    "Pneumothorax": "No pneumothorax.",
    "Pneumonia": "No evidence of pneumonia.",
    "Nodule": "No nodule is seen.",
}
_DENIAL_CHANCE = 0.6
_REASONS = ("Cough.", "Shortness of breath.", "Chest pain.", "Fever.", "Follow-up.", "Fall.")


def write_report(
    states: Mapping[str, str],
    places: Mapping[str, Sequence[tuple[str, str]]],
    rng: Generator,
    *,
    view: str,
) -> str:
    """The text: technique, findings, impression.

    `states` are present, absent or uncertain per finding; `places` the sides and zones of its
    lesions, invented where a label is wrong and there are none. Some findings that are absent are
    denied, the others not mentioned, as people do.
    """
    said, headlines, denied = [], [], []
    for finding, state in states.items():
        wording = int(rng.integers(3))
        invented = (str(rng.choice(["right", "left"])), str(rng.choice(["upper", "mid", "lower"])))
        denies = rng.random() < _DENIAL_CHANCE
        if state == "absent":
            denied += [_DENIES[finding]] if denies and finding in _DENIES else []
            continue
        phrases = _SAYS[finding] if state == "present" else _DOUBTS[finding]
        for side, zone in dict.fromkeys(places.get(finding) or [invented]):
            sentence = phrases[wording % len(phrases)].format(side=side, zone=zone)
            if sentence not in said:
                said.append(sentence)
        headlines.append(said[-1])
    nothing = not said
    if nothing:
        said.append("The lungs are clear.")
    rng.shuffle(denied)
    impression = "No acute disease." if nothing else " ".join(headlines[:3])
    return (
        f"CHEST, {view} VIEW\n\nINDICATION: {rng.choice(_REASONS)}\n\n"
        f"FINDINGS: {' '.join([*said, *denied])}\n\nIMPRESSION: {impression}\n"
    )
