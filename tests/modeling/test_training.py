"""Training: the accumulated batch is one batch, and a killed run ends with the same weights."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric
from safetensors.torch import load_file

from modeling.batches import BatchStream
from modeling.checkpoints import CheckpointError, checkpoints_in, network_of, read_card
from modeling.losses import loss
from modeling.optimisation import make_optimizer
from modeling.presets import PresetError, preset
from modeling.training import ResumeError, train
from modeling.training_log import NobodyWatches, read_curve
from modeling.training_step import optimise
from tests.modeling.small import FINDINGS, Squares, small_preset

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums come in one order, and the machine is shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "weights.safetensors")


def assert_same_bits(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    differing = [name for name in first if not torch.equal(first[name], second[name])]
    assert differing == []


class Killer(NobodyWatches):
    """Ends this very process with SIGKILL once it hears of step `at`."""

    def __init__(self, at: int) -> None:
        self.at = at

    def stepped(self, step: int, loss: float, rate: float) -> None:
        if step == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def run_apart(out: Path, name: str, kill_at: int) -> subprocess.CompletedProcess[str]:
    """The small training in a process of its own, killed at a step (0: not) or resumed."""
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from tests.modeling.small import Squares, small_preset\n"
        "from tests.modeling.test_training import Killer, resumable\n"
        "from modeling.training import train\n"
        "out, name, at = sys.argv[1:]\n"
        "train(Squares(40), Squares(16, seed=1), resumable(name), Path(out), resume=True,\n"
        "      accelerator='cpu', watcher=Killer(int(at)))\n"
    )
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(out), name, str(kill_at)],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def resumable(name: str):  # type: ignore[no-untyped-def]
    # 40 images and steps of 8: a checkpoint at step 3 and 6 lies in the middle of an epoch.
    return small_preset(name, steps=9, checkpoints=3, validations=3, precision="32")


@pytest.mark.parametrize("name", [pytest.param("chestxray8", marks=pytest.mark.slow), "modern"])
def test_killed_and_resumed_gives_the_weights_of_one_never_killed(
    name: str, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(Squares(40), Squares(16, seed=1), resumable(name), whole, accelerator="cpu")
    killed = run_apart(broken, name, 5)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [path.name for path in checkpoints_in(broken, "step")] == ["step-00000003"]
    resumed = run_apart(broken, name, 0)
    assert resumed.returncode == 0, resumed.stderr
    for kind in ("step", "best"):
        assert_same_bits(checkpoints_in(whole, kind)[-1], checkpoints_in(broken, kind)[-1])
    for curve in ("steps.csv", "validation.csv"):
        assert (broken / curve).read_text() == (whole / curve).read_text()


def test_a_resumed_optimiser_remembers(tmp_path: Path) -> None:
    state = checkpoints_in(_trained(tmp_path, steps=2), "step")[-1] / "state.safetensors"
    momenta = [v for k, v in load_file(state).items() if k.endswith("momentum_buffer")]
    assert momenta and all(bool(momentum.any()) for momentum in momenta[-2:])


def _trained(out: Path, **changes: object) -> Path:
    train(Squares(16), None, small_preset(**changes), out, accelerator="cpu")
    return out


def _gradients(parts: int, kind: str, per_finding: bool, reduction: str) -> list[torch.Tensor]:
    """Gradients of one step over the same 12 images in so many parts; no running means involved."""
    torch.manual_seed(0)
    network = network_of(small_preset(), FINDINGS).eval()
    settings = small_preset(learning_rate=1.0, momentum=0.0, weight_decay=0.0)
    before = [weight.detach().clone() for weight in network.parameters()]
    data, size = Squares(12, unknown=0.3), 12 // parts
    batches = [data.__getitems__(list(range(n, n + size))) for n in range(0, 12, size)]
    fabric = Fabric(accelerator="cpu", devices=1)
    wrapped, optimizer = fabric.setup(network, make_optimizer(network, settings))
    optimise(
        wrapped,
        optimizer,
        loss(kind, reduction=reduction, per_finding=per_finding),
        batches,
        fabric,
    )
    after = network.parameters()
    return [old - new.detach() for old, new in zip(before, after, strict=True)]


@pytest.mark.parametrize(("kind", "per_finding"), [("wcel", False), ("wcel", True), ("cel", False)])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_accumulating_is_one_batch(kind: str, per_finding: bool, reduction: str) -> None:
    whole = _gradients(1, kind, per_finding, reduction)
    for parts in (3, 12):
        for one, other in zip(whole, _gradients(parts, kind, per_finding, reduction), strict=True):
            torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-6)


def test_two_ranks_draw_what_one_draws_with_twice_the_accumulation() -> None:
    def micro(**how: int) -> list[list[int]]:
        stream = BatchStream(10, batch=3, seed=1, first=0, last=4, **how)
        return [[draw.index for draw in batch] for batch in stream]

    alone = micro(accumulate=4)
    ranks = [micro(accumulate=2, ranks=2, rank=rank) for rank in (0, 1)]
    assert [batch for pair in zip(*ranks, strict=True) for batch in pair] == alone


def test_every_epoch_has_every_image_once_and_an_order_of_its_own() -> None:
    stream = BatchStream(7, batch=7, accumulate=1, seed=3, first=0, last=2)
    first, second = ([draw.index for draw in batch] for batch in stream)
    assert sorted(first) == sorted(second) == list(range(7)) and first != second


def test_training_learns(tmp_path: Path) -> None:
    settings = small_preset(steps=40, batch=8, accumulate=1, learning_rate=0.02)
    result = train(Squares(64), Squares(48, seed=1), settings, tmp_path, accelerator="cpu")
    curve = read_curve(tmp_path / "steps.csv")
    assert float(curve[-1]["loss"]) < 0.7 * float(curve[0]["loss"])
    assert result.metrics["auc"] is not None and result.metrics["auc"] > 0.85


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    settings = small_preset(steps=10, validations=10, patience=2, learning_rate=1e-12)
    result = train(Squares(16), Squares(16, seed=1), settings, tmp_path, accelerator="cpu")
    assert result.steps < 10
    again = train(
        Squares(16), Squares(16, seed=1), settings, tmp_path, accelerator="cpu", resume=True
    )
    assert again.steps == result.steps


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    one, other = (_trained(tmp_path / str(seed), steps=1, seed=seed) for seed in (0, 1))
    first, second = (weights(checkpoints_in(path, "step")[-1]) for path in (one, other))
    assert not torch.equal(first["prediction.weight"], second["prediction.weight"])


def test_the_card_names_the_parent(tmp_path: Path) -> None:
    parent = _trained(tmp_path / "parent", steps=1)
    train(Squares(16), None, small_preset(steps=1), tmp_path / "child", init=parent,
          accelerator="cpu")  # fmt: skip
    assert read_card(tmp_path / "child").parent == read_card(parent).checkpoint_id


class OtherFindings(Squares):
    """The same images, asked for something else."""

    findings = ("Atelectasis", "Cardiomegaly", "Mass")


@pytest.mark.parametrize(
    ("data", "changes", "told"),
    [(OtherFindings(16), {}, "findings Atelectasis, Cardiomegaly, Effusion"),
     (Squares(16), {"transition_width": 8}, "size mismatch"),
     (Squares(16), {"backbone": "vgg16"}, "alexnet, expected vgg16")],
)  # fmt: skip
def test_weights_to_start_from_that_do_not_fit_are_one_line(
    data: Squares, changes: dict[str, object], told: str, tmp_path: Path
) -> None:
    parent = _trained(tmp_path / "parent", steps=1)
    with pytest.raises(CheckpointError, match=told) as caught:
        train(data, None, small_preset(steps=1, **changes), tmp_path / "child", init=parent,
              accelerator="cpu")  # fmt: skip
    assert "\n" not in str(caught.value)


def test_a_folder_with_a_training_is_not_overwritten(tmp_path: Path) -> None:
    _trained(tmp_path, steps=1)
    with pytest.raises(CheckpointError, match="Resume it"):
        _trained(tmp_path, steps=1)


@pytest.mark.parametrize("key", ["learning_rate", "labels"])
def test_other_settings_or_data_are_no_resume(key: str, tmp_path: Path) -> None:
    data = Squares(16)
    train(data, None, small_preset(steps=2), tmp_path, provenance={"labels": "a"},
          accelerator="cpu")  # fmt: skip
    changed = small_preset(steps=2, **({"learning_rate": 0.5} if key != "labels" else {}))
    with pytest.raises(ResumeError) as error:
        train(data, None, changed, tmp_path, provenance={"labels": "b" if key == "labels" else "a"},
              resume=True, accelerator="cpu")  # fmt: skip
    assert error.value.key == key


def test_half_precision_trains(tmp_path: Path) -> None:
    train(Squares(16), Squares(8, seed=1), small_preset(steps=2, precision="bf16"), tmp_path,
          accelerator="cpu")  # fmt: skip
    saved = weights(checkpoints_in(tmp_path, "best")[-1])
    assert {tensor.dtype for tensor in saved.values()} <= {torch.float32, torch.int64}


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(
        "import sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from tests.modeling.small import Squares, small_preset\n"
        "from modeling.training import train\n"
        "train(Squares(40), Squares(15, seed=1), small_preset(steps=3, accumulate=1),\n"
        "      Path(sys.argv[1]), accelerator='cpu')\n"
    )
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*launch, str(script), str(tmp_path / "two")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    train(Squares(40), Squares(15, seed=1), small_preset(steps=3, accumulate=2), tmp_path / "one",
          accelerator="cpu")  # fmt: skip
    one, two = (weights(checkpoints_in(tmp_path / n, "step")[-1]) for n in ("one", "two"))
    for name, tensor in one.items():
        if not name.startswith("transition.norm.running") and "num_batches" not in name:
            torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5)
    judged = [read_curve(tmp_path / n / "steps.csv")[-1]["loss"] for n in ("one", "two")]
    assert all(math.isfinite(float(value)) for value in judged)


def test_unknown_keys_name_the_nearest() -> None:
    with pytest.raises(PresetError, match="nearest is weight_decay"):
        preset("modern", weigth_decay=0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch", "many"),
        ("augment", "perhaps"),
        ("learning_rate", 0),
        ("steps", 1.5),
        ("warmup", 1),
    ],
)
def test_values_of_another_kind_are_refused(key: str, value: object) -> None:
    with pytest.raises(PresetError):
        preset("modern", **{key: value})


def test_the_papers_batch_is_eighty() -> None:
    paper = preset("chestxray8")
    assert (paper.batch * paper.accumulate, paper.steps, paper.optimizer) == (80, 10_000, "sgd")
