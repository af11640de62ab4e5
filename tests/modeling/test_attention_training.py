"""Training in two stages: what each learns from, what the cards say, and resuming to the bit."""

import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modeling.attention import MiningError, MiningNetwork, MiningOptions
from modeling.attention_training import (
    MiningStage,
    Objective,
    freeze_norms,
    load_mined,
    mining_stage,
    train_with_mining,
)
from modeling.checkpoints import checkpoints_in, load_network, network_of, read_card
from modeling.losses import loss
from modeling.network import Network
from modeling.preservation import Preservation, frozen_copy
from modeling.presets import Preset, preset
from modeling.training import ResumeError, train
from modeling.training_step import counts_of
from tests.modeling.small import FINDINGS, Squares, small_preset

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums come in one order, and the machine is shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(**changes: object) -> Preset:
    """A grid of cells that can be blocked one by one."""
    return small_preset(**{"backbone": "alexnet+msa", "grid": 8, "precision": "32", **changes})


def stage(**changes: object) -> MiningStage:
    return MiningStage(**{"length": 1.0, "rate": 0.5, **changes})  # type: ignore[arg-type]


def resumable() -> Preset:
    return small(steps=6, checkpoints=3, validations=3)


def trained(out: Path, how: MiningStage, **changes: object) -> Path:
    train_with_mining(Squares(16), Squares(8, seed=1), small(steps=2, **changes), out, stage=how,
                      accelerator="cpu")  # fmt: skip
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoints_in(folder, "step")[-1] / "weights.safetensors")


def test_cards_say_which_stage_and_whose_child(tmp_path: Path) -> None:
    how = stage(mining=MiningOptions(steps=1, merge="mean"), preservation=Preservation(2.0, "both"))
    out = trained(tmp_path, how)
    classifier, mined = read_card(out / "classifier"), read_card(out)
    assert classifier.provenance["stage"] == "classifier" and mining_stage(classifier) is None
    assert mined.provenance["stage"] == "attention-mining" and mining_stage(mined) == how
    assert (mined.parent, classifier.parent) == (classifier.checkpoint_id, None)


def test_a_mined_checkpoint_mines_for_its_heatmaps(tmp_path: Path) -> None:
    out = trained(tmp_path, stage(mining=MiningOptions(keep=0.0, hills=False)))
    mined, card = load_mined(out)
    plain, _ = load_network(out)
    again, _ = load_mined(out / "classifier")
    assert isinstance(mined, MiningNetwork) and isinstance(again, Network)
    pictures = Squares(4).images
    with torch.no_grad():
        one, other = mined(pictures), plain(pictures)
    torch.testing.assert_close(one.logits, other.logits)
    assert one.heatmaps.shape == (4, 3, 8, 8) and not torch.allclose(one.heatmaps, other.heatmaps)
    assert card.checkpoint_id == read_card(out).checkpoint_id


@pytest.mark.parametrize(
    ("kill", "where"),
    [pytest.param(3, "classifier", marks=pytest.mark.slow), (9, "mining")],
)
def test_killed_in_either_stage_and_resumed_gives_the_same_weights(
    kill: int, where: str, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train_with_mining(Squares(20), Squares(8, seed=1), resumable(), whole, stage=stage(),
                      accelerator="cpu")  # fmt: skip
    killed = _run_apart(broken, kill)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert bool(checkpoints_in(broken, "step")) == (where == "mining")
    resumed = _run_apart(broken, 0)
    assert resumed.returncode == 0, resumed.stderr
    for one, other in ((whole, broken), (whole / "classifier", broken / "classifier")):
        first, second = weights(one), weights(other)
        assert [name for name in first if not torch.equal(first[name], second[name])] == []
        assert (one / "steps.csv").read_text() == (other / "steps.csv").read_text()
    assert read_card(whole).checkpoint_id == read_card(broken).checkpoint_id


def _run_apart(out: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    """Both stages in a process of its own, killed when it has heard of so many steps."""
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from tests.modeling.small import Squares\n"
        "from tests.modeling.test_attention_training import Counter, resumable, stage\n"
        "from modeling.attention_training import train_with_mining\n"
        "train_with_mining(Squares(20), Squares(8, seed=1), resumable(), Path(sys.argv[1]),\n"
        "    stage=stage(), resume=True, accelerator='cpu', watcher=Counter(int(sys.argv[2])))\n"
    )
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(out), str(kill_at)],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


class Counter:
    """Ends this very process with SIGKILL once it has heard of `at` steps, of either stage."""

    def __init__(self, at: int) -> None:
        self.at, self.heard = at, 0

    def begin(self, step: int, total: int) -> None:
        """Nothing."""

    def stepped(self, step: int, loss: float, rate: float) -> None:
        import os

        self.heard += 1
        if self.heard == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def validated(self, step: int, metrics: object, best: bool) -> None:
        """Nothing."""


def test_other_options_are_no_resume(tmp_path: Path) -> None:
    out = trained(tmp_path, stage())
    with pytest.raises(ResumeError) as error:
        train_with_mining(Squares(16), Squares(8, seed=1), small(steps=2), out, resume=True,
                          stage=stage(mined=2.0), accelerator="cpu")  # fmt: skip
    assert error.value.key == "attention-mining"


def test_another_classifier_is_no_resume(tmp_path: Path) -> None:
    data, settings = Squares(16), small(steps=1)
    for name, seed in (("one", 0), ("other", 1)):
        train(data, None, settings.changed({"seed": seed}), tmp_path / name, accelerator="cpu")
    out = tmp_path / "mined"
    common = {"stage": stage(), "accelerator": "cpu"}
    train_with_mining(data, None, settings, out, classifier=tmp_path / "one", **common)
    with pytest.raises(ResumeError) as error:
        train_with_mining(
            data, None, settings, out, classifier=tmp_path / "other", resume=True, **common
        )
    assert error.value.key == "parent"


def test_a_classifier_of_another_network_is_refused(tmp_path: Path) -> None:
    train(Squares(16), None, small(steps=1, grid=4), tmp_path / "one", accelerator="cpu")
    with pytest.raises(ResumeError, match="classifier of grid"):
        train_with_mining(Squares(16), None, small(steps=1), tmp_path / "mined",
                          classifier=tmp_path / "one", accelerator="cpu")  # fmt: skip


def test_the_second_stage_is_shorter_and_slower() -> None:
    settings = MiningStage(length=0.5, rate=0.1).settings(small(steps=100, epochs=4.0))
    assert (settings.steps, settings.epochs) == (50, 2.0)
    assert settings.learning_rate == pytest.approx(0.001)


def _network() -> Network:
    torch.manual_seed(0)
    return network_of(small(), FINDINGS)


def _gradients(parts: int, how: MiningStage, reduction: str) -> list[torch.Tensor]:
    """Those of the objective over the same 12 images in so many parts."""
    network = _network().eval()
    original = frozen_copy(network)
    with torch.no_grad():
        network.prediction.weight.mul_(1.5)
    data, size = Squares(12, unknown=0.3), 12 // parts
    batches = [data.__getitems__(list(range(n, n + size))) for n in range(0, 12, size)]
    objective = Objective(network, original, loss("wcel", reduction=reduction), how)
    counts = counts_of(batches, False)
    for batch in batches:
        objective(network, batch, counts, 12).backward()
    return [weight.grad.clone() for weight in network.parameters() if weight.grad is not None]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("block", ["features", "image"])
def test_accumulating_is_one_batch(block: str, reduction: str) -> None:
    how = stage(mining=MiningOptions(steps=2, block=block))
    whole = _gradients(1, how, reduction)
    for one, other in zip(whole, _gradients(4, how, reduction), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-5)


def _value(how: MiningStage, *, moved: float = 1.0) -> float:
    network = _network().eval()
    original = frozen_copy(network) if how.preservation.weight else None
    with torch.no_grad():
        network.prediction.bias.add_(moved)
        batch = Squares(8).__getitems__(list(range(8)))
        objective = Objective(network, original, loss("cel", reduction="mean"), how)
        return float(objective(network, batch, counts_of([batch], False), 8))


def test_the_parts_of_the_objective_add_up() -> None:
    said = stage(mined=0.0, preservation=Preservation(0.0))
    mined = stage(classification=0.0, preservation=Preservation(0.0))
    moved = stage(classification=0.0, mined=0.0)
    assert _value(stage()) == pytest.approx(sum(map(_value, (said, mined, moved))), rel=1e-5)
    # All logits moved by 1: so is the mean of the squared differences.
    assert _value(moved, moved=1.0) == pytest.approx(1.0, rel=1e-4)
    assert _value(moved, moved=0.0) == pytest.approx(0.0, abs=1e-8)


def test_preservation_holds_the_responses(tmp_path: Path) -> None:
    """The same mining, with and without: with it the logits stay nearer to the classifier's."""
    data = Squares(24)
    train(data, None, small(steps=10), tmp_path / "classifier", accelerator="cpu")
    before, _ = load_network(tmp_path / "classifier")
    moved = []
    for weight in (0.0, 5.0):
        out = tmp_path / f"kp-{weight:g}"
        train_with_mining(
            data, None, small(steps=10), out, classifier=tmp_path / "classifier",
            stage=stage(preservation=Preservation(weight)), accelerator="cpu",
        )  # fmt: skip
        after, _ = load_network(out)
        with torch.no_grad():
            moved.append(float((after(data.images).logits - before(data.images).logits).norm()))
    assert moved[1] < 0.7 * moved[0]


def test_mining_raises_what_is_said_of_the_rest(tmp_path: Path) -> None:
    """After it, positives are recognised better with their hottest part blocked than before."""
    from modeling.attention import mine, positive_pairs

    data = Squares(24)
    settings = small(steps=12, batch=8, accumulate=1)
    train(data, None, settings, tmp_path / "classifier", accelerator="cpu")
    train_with_mining(data, None, settings, tmp_path / "mined", accelerator="cpu",
                      classifier=tmp_path / "classifier", stage=stage(rate=1.0))  # fmt: skip
    said = []
    for name in ("classifier", "mined"):
        network, _ = load_network(tmp_path / name)
        with torch.no_grad():
            output = network(data.images, features=True)
            *_, last = mine(network, output, positive_pairs(data.targets), MiningOptions())
        said.append(float(last.logits.mean()))
    assert said[1] > said[0] + 0.05


@pytest.mark.parametrize("freeze", [True, False])
def test_normalisations_keep_the_classifiers_statistics(freeze: bool, tmp_path: Path) -> None:
    out = trained(tmp_path, stage(freeze_norms=freeze))
    before, _ = load_network(out / "classifier")
    kept = weights(out)
    same = [
        torch.equal(kept[name], value)
        for name, value in before.state_dict().items()
        if name.endswith("running_mean")
    ]
    assert same and all(value is freeze for value in same)


def test_freezing_leaves_the_rest_in_training() -> None:
    network = _network().train()
    freeze_norms(network)
    assert network.training and network.transition.training
    assert not any(norm.training for norm in network.transition.norms)


def test_no_positive_no_mining(tmp_path: Path) -> None:
    """A batch without positives trains on what is left, and gives a number."""
    data = Squares(8)
    data.targets = torch.zeros_like(data.targets)
    result = train_with_mining(data, None, small(steps=1), tmp_path, stage=stage(),
                               accelerator="cpu")  # fmt: skip
    assert result.steps == 1
    assert all(math.isfinite(float(value.double().sum())) for value in weights(tmp_path).values())


def test_the_preset_has_finer_heatmaps() -> None:
    network = network_of(preset("attention-mining", image_size=64, transition_width=8), FINDINGS)
    with torch.no_grad():
        assert network.eval()(Squares(2).images).heatmaps.shape == (2, 3, 4, 4)


def test_blocking_the_image_trains(tmp_path: Path) -> None:
    out = trained(tmp_path, stage(mining=MiningOptions(steps=1, block="image")))
    assert mining_stage(read_card(out)) is not None


def test_half_precision_trains(tmp_path: Path) -> None:
    out = trained(tmp_path, stage(preservation=Preservation(1.0, "both")), precision="bf16")
    assert {value.dtype for value in weights(out).values()} <= {torch.float32, torch.int64}


@pytest.mark.parametrize("option", ["length", "rate", "mined", "classification"])
def test_options_that_cannot_be(option: str) -> None:
    with pytest.raises(MiningError):
        MiningStage(**{option: -1.0})
