"""`cxrmine train` as processes of their own: several ranks, and one that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modeling.checkpoints import checkpoints_in
from modeling.training_log import read_curve
from tests.flows.phantoms import make_phantoms

ROOT = Path(__file__).parents[2]
TINY = [
    "--backbone", "alexnet", "--size", "64", "--batch", "4", "--accelerator", "cpu",
    "--workers", "0", "--findings", "Effusion,Infiltration", "--set", "transition_width=16",
]  # fmt: skip
MODULE = ["-m", "flows.cli"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_phantoms(tmp_path_factory.mktemp("phantoms") / "set", 60)


def begin(
    launcher: list[str], phantoms: Path, out: Path, *options: object
) -> subprocess.Popen[str]:
    """The verb train, started by `launcher`."""
    verb = [*launcher, "train", "--labels", phantoms, "--images", phantoms, "--out", out]
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
        "CXRMINE_CACHE": str(phantoms / "cache"),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, *map(str, [*verb, *TINY, *options])],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(started: subprocess.Popen[str]) -> str:
    out, error = started.communicate(timeout=600)
    assert started.returncode == 0, error[-2000:]
    return out


def test_two_ranks_have_the_losses_of_one_with_twice_the_accumulation(
    phantoms: Path, tmp_path: Path
) -> None:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *MODULE]
    finish(begin(MODULE, phantoms, tmp_path / "one", "--steps", 3, "--accumulate", 2))
    told = finish(begin(torchrun, phantoms, tmp_path / "two", "--steps", 3, "--accumulate", 1))
    assert told.count("3 steps") == told.count("evaluation.md") == 1  # one rank speaks
    one, two = (
        [float(row["loss"]) for row in read_curve(tmp_path / name / "steps.csv")]
        for name in ("one", "two")
    )
    # W-CEL's β counted over both ranks; counted per rank, the first loss would differ already.
    assert two == pytest.approx(one, rel=1e-3) and len(one) == 3
    assert (tmp_path / "two" / "evaluation.json").is_file()


def test_several_devices_without_torchrun(phantoms: Path, tmp_path: Path) -> None:
    told = finish(begin(MODULE, phantoms, tmp_path / "two", "--steps", 2, "--accumulate", 1,
                        "--devices", 2))  # fmt: skip
    assert told.count("2 steps") == 1


def test_killed_and_resumed_ends_with_the_same_weights(phantoms: Path, tmp_path: Path) -> None:
    steps = ["--steps", 60, "--accumulate", 1, "--set", "checkpoints=12"]
    finish(begin(MODULE, phantoms, tmp_path / "whole", *steps))
    started = begin(MODULE, phantoms, tmp_path / "broken", *steps)
    deadline = time.monotonic() + 600
    while not checkpoints_in(tmp_path / "broken", "step") and time.monotonic() < deadline:
        time.sleep(0.002)
    started.kill()
    started.communicate()
    assert started.returncode == -signal.SIGKILL  # it was still at work
    assert not list((tmp_path / "broken" / "checkpoints").glob("step-00000060"))
    finish(begin(MODULE, phantoms, tmp_path / "broken", *steps, "--resume"))
    whole, broken = (
        load_file(checkpoints_in(tmp_path / name, "step")[-1] / "weights.safetensors")
        for name in ("whole", "broken")
    )
    assert [name for name in whole if not torch.equal(whole[name], broken[name])] == []
    for curve in ("steps.csv", "validation.csv"):
        texts = [(tmp_path / name / curve).read_text() for name in ("whole", "broken")]
        assert texts[0] == texts[1]
