"""The curves of a training: CSV files that a resumed run carries on, TensorBoard beside them."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

Row = Mapping[str, float | int | None]


class Watcher(Protocol):
    """Who wants to know how far a training is."""

    def begin(self, step: int, total: int) -> None:
        """Hears at which step it begins, of how many."""

    def stepped(self, step: int, loss: float, rate: float) -> None:
        """Hears the mean loss since the last time."""

    def validated(self, step: int, metrics: Row, best: bool) -> None:
        """Hears what a validation gave."""


class NobodyWatches:
    """A watcher that does nothing with what it hears."""

    def begin(self, step: int, total: int) -> None:
        """Nothing."""

    def stepped(self, step: int, loss: float, rate: float) -> None:
        """Nothing."""

    def validated(self, step: int, metrics: Row, best: bool) -> None:
        """Nothing."""


class CurveLog:
    """Rows with the column `step`, in `NAME.csv` of a folder, and in TensorBoard if installed."""

    def __init__(self, folder: Path, name: str, step: int, tensorboard: bool = True) -> None:
        """Rows after `step`, which a killed run may have left, are dropped."""
        self.path, self.name = folder / f"{name}.csv", name
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = _tensorboard(folder / "tensorboard") if tensorboard else None
        rows = read_curve(self.path) if self.path.is_file() else []
        kept = [row for row in rows if int(row["step"]) <= step]
        self._names = list(kept[0]) if kept else []
        if kept:
            self._rewrite(kept)
        else:
            self.path.unlink(missing_ok=True)

    def add(self, row: Row) -> None:
        """Appends a row; the first one decides the columns."""
        new = not self._names
        self._names = self._names or list(row)
        with self.path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, self._names, extrasaction="ignore")
            if new:
                writer.writeheader()
            writer.writerow({key: "" if value is None else value for key, value in row.items()})
        if self._writer is not None:
            for key, value in row.items():
                if key != "step" and value is not None:
                    self._writer.add_scalar(f"{self.name}/{key}", value, row["step"])

    def close(self) -> None:
        """Nothing: what TensorBoard still holds back is on disk then."""
        if self._writer is not None:
            self._writer.close()

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        work = self.path.with_suffix(".tmp")
        with work.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, self._names)
            writer.writeheader()
            writer.writerows(rows)
        work.replace(self.path)


def read_curve(path: Path) -> list[dict[str, str]]:
    """The rows of a curve; a last line that a killed run left half-written is dropped."""
    text = path.read_text()
    lines = text[: text.rfind("\n") + 1].splitlines()
    return list(csv.DictReader(lines))


def _tensorboard(folder: Path) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))  # type: ignore[no-untyped-call]
