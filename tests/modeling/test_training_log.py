"""The curves of a training: CSV always, TensorBoard where it is installed."""

from pathlib import Path

import pytest

from modeling.training_log import CurveLog, read_curve


def test_a_resumed_curve_goes_on_where_the_checkpoint_was(tmp_path: Path) -> None:
    log = CurveLog(tmp_path, "steps", 0, tensorboard=False)
    for step in (1, 2, 3):
        log.add({"step": step, "loss": step / 10, "rate": None})
    with log.path.open("a") as stream:
        stream.write("4,0.")  # killed while writing
    again = CurveLog(tmp_path, "steps", 2, tensorboard=False)
    again.add({"step": 3, "loss": 0.5, "rate": 0.1})
    assert [(row["step"], row["loss"], row["rate"]) for row in read_curve(log.path)] == [
        ("1", "0.1", ""), ("2", "0.2", ""), ("3", "0.5", "0.1"),
    ]  # fmt: skip


def test_tensorboard_has_the_same_figures(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed: pip install it",
    )
    log = CurveLog(tmp_path, "validation", 0)
    log.add({"step": 7, "loss": 0.25, "auc": None})
    log.close()
    events = reader.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert events.Tags()["scalars"] == ["validation/loss"]
    assert [(event.step, event.value) for event in events.Scalars("validation/loss")] == [(7, 0.25)]
