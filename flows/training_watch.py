"""How far a training is, told on standard error: a bar on a terminal, a line per validation."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from modeling.auc import short
from modeling.training_log import Row


class TrainingWatch:
    """Watches a training; shows nothing before it begins."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("step {task.completed:.0f} of {task.total:.0f}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("")
        self._begun = time.perf_counter()

    def begin(self, step: int, total: int) -> None:
        """Starts the bar."""
        self._bar.update(self._task, completed=step, total=total)
        self._bar.start()
        self._begun = time.perf_counter()
        if step:
            self._console.print(f"going on after step {step:,} of {total:,}")

    def stepped(self, step: int, loss: float, rate: float) -> None:
        """Moves the bar."""
        self._bar.update(self._task, completed=step, description=f"loss {loss:.4g}")

    def validated(self, step: int, metrics: Row, best: bool) -> None:
        """A line: loss and AUC on the validation images."""
        loss, seconds = metrics["loss"], time.perf_counter() - self._begun
        mark = "  best" if best else ""
        self._console.print(
            f"step {step:>8,}  loss {loss:8.4f}  AUC {short(metrics['auc'])}{seconds:9.0f} s{mark}"
        )

    def end(self) -> None:
        """Removes the bar."""
        self._bar.stop()
