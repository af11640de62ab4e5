"""The findings of ChestX-ray8, ChestX-ray14 and CheXpert: their order, names and display names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SEPARATORS = re.compile(r"[\s_\-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: `name` as NIH writes it (also the column of a table), `display` for people.

    `disease` is false for what a report mentions of a healthy chest as well, a pacemaker say: it
    keeps no report from having no finding.
    """

    name: str
    display: str
    disease: bool = True


class UnknownFindingError(ValueError):
    """A name is no finding: the `name`, and the names that are `known`."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, tuple(known)
        super().__init__(
            f"finding {name!r} is unknown; expected one of {', '.join(self.known)}. "
            "Use one of these names or an alias in data_contracts/findings.py."
        )


# Wang et al., CVPR 2017: the eight of section 3.1, then the six that the data release added.
CHESTXRAY8: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
)
CHESTXRAY14: tuple[str, ...] = (
    *CHESTXRAY8,
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)

# Irvin et al., AAAI 2019. The fourteenth, "No Finding", is every label table's column no_finding.
CHEXPERT14: tuple[str, ...] = (
    "Enlarged_Cardiomediastinum",
    "Cardiomegaly",
    "Lung_Opacity",
    "Lung_Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural_Effusion",
    "Pleural_Other",
    "Fracture",
    "Support_Devices",
)
# ChestX-ray14 -> where CheXpert's labels hold it. Emphysema and Hernia are no label of CheXpert's;
# the other way round Enlarged_Cardiomediastinum, Fracture and Support_Devices are none of NIH's.
CHEXPERT_OF: Mapping[str, str | None] = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Effusion": "Pleural_Effusion",
    "Infiltration": "Lung_Opacity",
    "Mass": "Lung_Lesion",
    "Nodule": "Lung_Lesion",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Emphysema": None,
    "Fibrosis": "Lung_Opacity",
    "Pleural_Thickening": "Pleural_Other",
    "Hernia": None,
}
NO_DISEASE = frozenset({"Support_Devices"})

_SETS = {"chestxray8": CHESTXRAY8, "chestxray14": CHESTXRAY14, "chexpert14": CHEXPERT14}
# Other people's names for the same columns; no synonyms of the disease, those are vocabulary.
_ALIASES = {
    "infiltrate": "Infiltration",
    "infiltrates": "Infiltration",
    "pleural effusion": "Effusion",
    "pleuralthickening": "Pleural_Thickening",
    "oedema": "Edema",
}


def _plain(name: str) -> str:
    return _SEPARATORS.sub(" ", name.strip()).lower()


_BY_PLAIN = {_plain(name): name for name in CHESTXRAY14} | _ALIASES


def finding_set(name: str) -> tuple[Finding, ...]:
    """The findings of "chestxray8", "chestxray14" or "chexpert14", in the papers' order.

    ValueError for another name.

    >>> [finding.display for finding in finding_set("chestxray14")][-2:]
    ['Pleural Thickening', 'Hernia']
    """
    key = _plain(name).replace(" ", "")
    if key not in _SETS:
        raise ValueError(f"finding set {name!r} is unknown; expected one of {', '.join(_SETS)}.")
    return tuple(Finding(n, n.replace("_", " "), n not in NO_DISEASE) for n in _SETS[key])


def finding_set_names() -> tuple[str, ...]:
    """The names of the sets that `finding_set` knows."""
    return tuple(_SETS)


def nih_name(name: str) -> str:
    """The NIH name of a finding written any common way. UnknownFindingError for other names.

    >>> nih_name("pleural thickening"), nih_name("Infiltrate")
    ('Pleural_Thickening', 'Infiltration')
    """
    try:
        return _BY_PLAIN[_plain(name)]
    except KeyError:
        raise UnknownFindingError(name, CHESTXRAY14) from None


def finding_names(findings: Iterable[str | Finding]) -> tuple[str, ...]:
    """The column names of findings given as names or as `Finding`; names are kept as they are.

    ValueError when one comes twice.
    """
    names = tuple(item.name if isinstance(item, Finding) else item for item in findings)
    if len(set(names)) != len(names):
        raise ValueError(f"a finding comes twice in {', '.join(names)}; give each once.")
    return names
