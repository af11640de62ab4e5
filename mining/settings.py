"""What can be set for a mining run."""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts import finding_set_names


class SettingsError(ValueError):
    """A setting out of its range: which, what was found, what was expected."""

    def __init__(self, key: str, found: object, expected: str) -> None:
        self.key, self.found, self.expected = key, found, expected
        super().__init__(f"setting {key}: found {found!r}, expected {expected}")


@dataclass(frozen=True)
class MiningSettings:
    """The settings of a mining run; every one of them is part of the artifacts' keys.

    Raises:
        SettingsError: a value out of its range.
    """

    findings: str = "chestxray14"  # a set of findings (the label columns), or a path to a TOML file
    profile: str = "clinical"  # what a label set calls positive; a name or a path to a TOML file
    concepts: str = "both"  # who finds mentions: phrases, linker (misspelt words), both, or umls
    umls: str = ""  # folder of scispaCy's UMLS linker for concepts umls; empty: scispaCy's cache
    parser: str = "embedded"  # who parses: embedded, scispacy, stanza, or an installed spaCy model
    assertion: str = "rules"  # who judges: rules, or negex (negspacy, the rival)
    shards: int = 0  # part files per table, equal and contiguous; 0: one per block
    block: int = 20_480  # reports in a block: what is read, mined and found again as one piece
    max_reject_rate: float = (
        0.05  # past this share of rejects a run is failed and publishes nothing
    )

    def __post_init__(self) -> None:
        known_sets = () if self.findings.endswith(".toml") else finding_set_names()
        for key, known in (
            ("findings", known_sets),
            ("concepts", ("phrases", "linker", "both", "umls")),
            ("assertion", ("rules", "negex")),
        ):
            if known and getattr(self, key) not in known:
                more = ", or a path to a .toml" if key == "findings" else ""
                raise SettingsError(key, getattr(self, key), f"one of {', '.join(known)}{more}")
        if not 0 <= self.shards <= 4096:
            raise SettingsError("shards", self.shards, "1 to 4096, or 0 for one per block")
        if not 1 <= self.block <= 1_000_000:
            raise SettingsError("block", self.block, "1 to 1,000,000 reports")
        if not 0 <= self.max_reject_rate <= 1:
            raise SettingsError("max_reject_rate", self.max_reject_rate, "a share from 0 to 1")
