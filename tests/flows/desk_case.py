"""Made-up reports with every kind of label, one of them hostile, and label sets mined from them."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from flows.cli.app import app, main
from flows.mine import mine_reports
from flows.road import Job
from mining.settings import MiningSettings

EVIL = "<script>window.evil = 1</script><img src=x onerror='window.evil = 2'>"
REPORTS = [
    (
        "D1",
        "FINDINGS: Blunted left costophrenic angle. Probable small effusion. Heart is large.",
    ),
    ("D2", "FINDINGS: No effusion, pneumothorax or consolidation. IMPRESSION: Clear chest."),
    ("D3", f"FINDINGS: {EVIL} There is a large pneumothorax. No evidence of edema."),
    ("D4", "FINDINGS: Opacity may represent pneumonia or atelectasis. Borderline heart size."),
    ("D5", "IMPRESSION: Findings consistent with mild edema. Calcified granuloma."),
    ("D6", "FINDINGS: The lungs are clear. No mass or nodule."),
]
# What a person says is in them: some of it on purpose not what the reports say, as errors to show.
GOLD = {
    "D1": {"Effusion", "Cardiomegaly"},
    "D2": {"Pneumothorax"},
    "D3": set(),
    "D4": {"Pneumonia", "Cardiomegaly"},
    "D5": {"Edema"},
    "D6": set(),
}
FINDINGS = ("Effusion", "Cardiomegaly", "Pneumothorax", "Pneumonia", "Edema", "Mass")


def mine_case(folder: Path, profile: str) -> Path:
    """The folder of a run over the reports by this profile."""
    source = folder / "desk.csv"
    with source.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("report_id", "text"), *REPORTS])
    mine_reports(Job(str(source), MiningSettings(profile=profile)), folder / profile)
    return folder / profile


def write_gold(path: Path) -> Path:
    """The gold of the reports as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("report_id", *FINDINGS))
        for report, there in GOLD.items():
            writer.writerow((report, *(int(f in there) for f in FINDINGS)))
    return path


def cxrmine(*arguments: object) -> int:
    """The exit code of the command, run in this process; its errors are raised."""
    return int(app([str(a) for a in arguments], standalone_mode=False) or 0)


def exit_code(*arguments: object) -> int:
    """The exit code of the command, run in this process; its errors are told as users see them."""
    before = sys.argv
    sys.argv = ["cxrmine", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    raise AssertionError("main returned without an exit code")
