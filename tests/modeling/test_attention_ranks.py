"""The second stage on two processes: the same weights as on one, whatever each of them is dealt."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modeling.attention import MiningOptions
from modeling.attention_training import MiningStage, train_with_mining
from modeling.checkpoints import checkpoints_in
from modeling.presets import Preset
from modeling.training import train
from tests.modeling.small import Squares, small_preset

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

_RANK = """
import sys, torch; torch.set_num_threads(1)
from pathlib import Path
from tests.modeling.test_attention_ranks import mine_on
mine_on(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], accumulate=1)
"""


class Few(Squares):
    """Squares of which only one image shows anything: most batches have nothing to mine."""

    def __init__(self, count: int, seed: int = 0) -> None:
        super().__init__(count, seed=seed, unknown=0.0)
        self.targets[1:] = 0.0


def settings(**changes: object) -> Preset:
    return small_preset(steps=3, grid=8, checkpoints=1, validations=1, **changes)


def mine_on(classifier: Path, out: Path, block: str, accumulate: int) -> None:
    """Returns when the second stage is done, by as many processes as have been started."""
    stage = MiningStage(MiningOptions(steps=2, block=block), length=1.0, rate=0.5)
    train_with_mining(Few(16), None, settings(accumulate=accumulate), out, stage=stage,
                      classifier=classifier, accelerator="cpu", workers=0)  # fmt: skip


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoints_in(folder, "step")[-1] / "weights.safetensors")


@pytest.mark.parametrize("block", ["features", "image"])
def test_two_processes_mine_as_one(block: str, tmp_path: Path) -> None:
    classifier, one, two = (tmp_path / name for name in ("classifier", "one", "two"))
    train(Few(16), None, settings(accumulate=2), classifier, accelerator="cpu", workers=0)
    script = tmp_path / "rank.py"
    script.write_text(_RANK)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*launch, str(script), str(classifier), str(two), block],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    mine_on(classifier, one, block, accumulate=2)
    started, first, second = weights(classifier), weights(one), weights(two)
    assert any(not torch.equal(started[name], first[name]) for name in started)
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=1e-3, atol=1e-5)
