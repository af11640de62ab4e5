"""Fuzzing guided by coverage, for as many seconds as CXRMINE_FUZZ_SECONDS says."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.guided import GET

SECONDS = int(os.environ.get("CXRMINE_FUZZ_SECONDS", "5"))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason=GET)
@pytest.mark.parametrize("what", ["readers", "text"])
def test_nothing_crashes_hangs_or_is_lost(what, tmp_path):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", what, f"-max_total_time={SECONDS}",
         f"-artifact_prefix={tmp_path}/"],
        cwd=root, capture_output=True, text=True, timeout=SECONDS + 300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done" in done.stderr


def test_without_atheris_it_says_how_to_get_it(monkeypatch):
    from tests.fuzz import guided

    monkeypatch.setitem(sys.modules, "atheris", None)
    with pytest.raises(SystemExit, match="pip install atheris"):
        guided.main()
