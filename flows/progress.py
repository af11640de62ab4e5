"""How far a run is, told on standard error: a bar on a terminal, a line per stage anywhere."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from flows.road import Step


class Watch:
    """Watches a walk along the road; a context manager around it."""

    def __init__(self, stages: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<10}"),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f} stages"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=stages)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, stage: str) -> None:
        """Shows that the stage is under way."""
        self._bar.update(self._task, description=stage)

    def passed(self, step: "Step") -> None:
        """Shows the accounts of a stage: rows in = rows out + where the others went."""
        self._bar.advance(self._task)
        time = "from cache" if step.cached else f"{step.seconds:7.1f} s"
        self._console.print(f"{step.stage:<10}{accounts(step):<64}{time:>12}", soft_wrap=True)


def accounts(step: "Step") -> str:
    """The stage's rows as an equation, nothing left out."""
    report = step.report
    terms = [f"{report.rows_out:,} out", f"{report.rejects:,} rejects"]
    for name in ("superseded", "duplicates", "filtered"):
        if count := getattr(report, name):
            terms.append(f"{count:,} {name}")
    return f"{report.rows_in:,} in = {' + '.join(terms)}"
