"""The configuration file: what it may say, and what is said about what it may not."""

import json
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from flows.configuration import (
    SECTIONS,
    ConfigurationError,
    default_text,
    read_configuration,
)
from flows.configuration_sections import EXAM_MEANINGS, MINING_MEANINGS
from mining.engine import Engine
from mining.gate import FindingLimits
from mining.ingest.exams import ExamFilter
from mining.ingest.marks import Watermark
from mining.settings import MiningSettings
from tests.flows.desk_case import exit_code


@pytest.fixture
def write(tmp_path):
    def write_file(text):
        path = tmp_path / "hospital.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def uncommented(text):
    """The defaults as if somebody had removed the signs before them."""
    lines = [line[2:] if " = " in line else line for line in text.splitlines()]
    return "\n".join(lines)


def test_an_empty_file_is_all_defaults(write):
    found = read_configuration(write(""))
    assert found.mining == MiningSettings()
    assert found.audit.gold == ""


def test_what_show_prints_is_the_defaults(write):
    assert tomllib.loads(default_text()) == {name: {} for name in SECTIONS}
    assert read_configuration(write(uncommented(default_text()))) == read_configuration(write(""))


def test_the_engine_of_the_file_is_the_engines(write):
    found = read_configuration(write("[engine]\nname = 'dask'\nscheduler = 'tcp://a:8786'\n"))
    assert found.engine.engine == Engine("dask", 0, "tcp://a:8786")
    assert read_configuration(write("")).engine.engine == Engine()


def test_every_setting_of_mining_has_a_meaning():
    assert set(MINING_MEANINGS) == {item.name for item in fields(MiningSettings)}
    assert set(EXAM_MEANINGS) == {item.name for item in fields(ExamFilter)}


def test_examinations_and_the_watermark_are_read(write):
    path = write(
        '[source]\nwatermark = "signed"\noverlap = "2h"\n'
        '[exams]\nmodality = ["CR", "DX"]\nlanguage = "en"\nmissing = "filter"\n'
    )
    found = read_configuration(path)
    assert found.source.marks == Watermark("signed", "2h")
    assert found.exams == ExamFilter(modality=["CR", "DX"], language="en", missing="filter")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[source]\nwatermark = "signed"\noverlap = "soon"\n', "overlap 'soon'"),
        ('[exams]\nmodality = "CR"\n', "expected a list"),
        ("[exams]\nmodality = [5]\n", "modality: found 5"),
        ('[exams]\nmodalities = ["CR"]\n', "the nearest is modality"),
    ],
)
def test_mistakes_in_them_are_told(write, text, said):
    with pytest.raises(ConfigurationError, match=said):
        read_configuration(write(text))


def test_sections_become_dataclasses(write):
    path = write(
        '[source]\npath = "in/reports.csv"\nmap = { text = "BODY" }\n'
        '[mining]\nprofile = "openi-mesh"\nmax_reject_rate = 0\n'
        '[gate]\npublished = "sets"\nmin_precision = 0.9\n[gate.findings.Mass]\nmin_judged = 9\n'
    )
    found = read_configuration(path)
    assert found.source.map == {"text": "BODY"}
    assert (found.mining.profile, found.mining.max_reject_rate) == ("openi-mesh", 0)
    assert found.gate.of("Mass") == FindingLimits(0.9, 0.0, 9)
    assert found.publishing.published == str(path.parent / "sets")
    assert found.located(found.source.path) == str(path.parent / "in/reports.csv")
    assert found.located("openi") == "openi"
    assert Path(found.located("/abs/x.csv")) == Path("/abs/x.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[minning]\n", r"hospital\.toml:1: \[minning\]: no such section; the nearest is mining"),
        ("\n[mining]\nprofil = 'x'\n", r":3: profil: no such key; the nearest is profile"),
        ("[source]\n[mining]\n\nzzz = 1", r":4: zzz: no such key; expected one of findings"),
        ("[mining]\nmax_reject_rate = 'x'", r":2: max_reject_rate = 'x': expected a number"),
        ("[mining]\nmax_reject_rate = true", r":2: max_reject_rate = True: expected a number"),
        ("[source]\npath = 5", r":2: path = 5: expected a text"),
        ("[source]\nmap = 'x'", r":2: map = 'x': expected a table"),
        ("source = 5", r":1: source: expected a section"),
        ("[mining]\nmax_reject_rate = 2", r"\[mining\]: .*max_reject_rate.*from 0 to 1"),
        ("[mining]\nassertion = 'vibes'", r"\[mining\]: .*assertion.*one of rules, negex"),
        ("[engine]\nname = 'spark'", r"\[engine\]: .*'spark', expected one of local, dask"),
        ("[engine]\nname = 'dask'", r"\[engine\]: .*no address, expected --scheduler"),
        ("[engine]\nscheduler = 'tcp://a:1'", r"\[engine\]: .*expected --engine dask"),
        ("[engine]\nworkers = -1", r"\[engine\]: .*found -1"),
        ("[mining", r"hospital\.toml: no TOML: "),
        ("a = \xff", r"no TOML"),
    ],
)
def test_a_mistake_is_told_with_its_place(write, text, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_configuration(write(text))
    assert "\n" not in str(caught.value)


CONFIGURED = """
[source]
path = "reports.tsv"
map = { report_id = "KEY", text = "BODY" }
[mining]
profile = "chexpert"
findings = "chestxray8"
[output]
folder = "labels"
"""


def cxrmine(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_run_takes_what_the_line_does_not_say_from_the_file(write):
    path = write(CONFIGURED)
    (path.parent / "reports.tsv").write_text("KEY\tBODY\nR1\tFINDINGS: Heart is enlarged.\n")
    assert exit_code("run", "--config", path, "--profile", "clinical") == 0
    record = json.loads((path.parent / "labels" / "run.json").read_text())
    assert record["settings"]["findings"] == "chestxray8"
    assert record["settings"]["profile"] == "clinical"
    assert record["input"]["mapping"] == {"report_id": "KEY", "text": "BODY"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "no source"),
        (["run", "x.csv"], "no --out"),
        (["run", "--config", "nowhere.toml"], "nowhere.toml"),
        (["mine", "x.csv", "--out", "o", "--engine", "spark"], "expected one of local, dask"),
        (["mine", "x.csv", "--out", "o", "--scheduler", "tcp://a:1"], "expected --engine dask"),
        (["config", "check", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_is_missing_is_told_in_one_line(arguments, said):
    done = cxrmine(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_ok_and_show_prints_what_check_takes(write):
    shown = cxrmine("config", "show")
    path = write(uncommented(shown.stdout))
    assert cxrmine("config", "check", path).stdout.strip().endswith("ok")
