"""Pools of workers: the same functions over the same items, whoever does the work.

A function writes what it makes to files of its own and returns something small, so that the result
does not depend on the number of workers, and an item may be done twice.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol, TypeVar

ENGINES = ("local", "dask")
_ATTEMPTS = 3
# One thread per worker: the workers are as many as the cores.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")

Item = TypeVar("Item")
Result = TypeVar("Result")


class EngineError(RuntimeError):
    """The engine, not the reports, is why a run could not go on; the message says what to do."""


class WorkerLostError(EngineError):
    """Workers were killed over and over: `left` items of `function` were not done."""

    def __init__(self, function: str, left: int) -> None:
        self.function, self.left = function, left
        super().__init__(
            f"{function}: a worker was killed {_ATTEMPTS} times with {left} pieces still to do, "
            "expected it to live; most often the machine has no memory left: use fewer --workers. "
            "Run again to go on from where it stopped."
        )


class Pool(Protocol):
    """Whoever calls a function for many items."""

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """The results in the order of the items. `function` must be importable by its name.

        Errors: those of the function; EngineError.
        """


class Serial:
    """Does the work itself, one item after the other."""

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """The results in order."""
        return map(function, items)


class LocalPool:
    """Processes of this machine, started with the first work that is worth it.

    What a process loads (rules, vocabulary, parser) it keeps for the next items. When one is
    killed the others are ended too, and what they had not finished is done again by new ones.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._executor: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """The results in order; a single item is done here, without a process."""
        if len(items) < 2:
            yield from map(function, items)
            return
        done: dict[int, Result] = {}
        given = 0
        for _ in range(_ATTEMPTS):
            try:
                for number, result in self._tried(function, items, done):
                    done[number] = result
                    while given in done:
                        yield done[given]
                        given += 1
                return
            except BrokenProcessPool:
                self.close()
        raise WorkerLostError(function.__name__, len(items) - len(done))

    def _tried(
        self, function: Callable[[Item], Result], items: Sequence[Item], done: dict[int, Result]
    ) -> Iterator[tuple[int, Result]]:
        executor = self._started()
        left = [number for number in range(len(items)) if number not in done]
        futures = {number: executor.submit(function, items[number]) for number in left}
        try:
            for number, future in futures.items():
                yield number, future.result()
        except BrokenProcessPool:
            # What others had finished before counts.
            for number, future in futures.items():
                if future.done() and not future.cancelled() and future.exception() is None:
                    done.setdefault(number, future.result())
            raise
        finally:
            for future in futures.values():
                future.cancel()

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            for name in _THREADS:
                os.environ.setdefault(name, "1")
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["mining.engine.worker"])
            self._executor = ProcessPoolExecutor(
                self.workers, mp_context=context, initializer=prepare_worker
            )
        return self._executor

    def close(self) -> None:
        """Ends the processes."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None


def prepare_worker() -> None:
    """Sets a worker to one thread of Arrow, and to end when the run is gone that it works for."""
    import pyarrow as pa

    threading.Thread(target=_end_with_parent, daemon=True).start()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _end_with_parent() -> None:
    # A worker waits for work on a pipe that it holds open itself: nobody would tell it.
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


@dataclass(frozen=True)
class Engine:
    """Who works a run off: "local" processes, as many as `workers` (0: the cores we may use), or
    "dask", the workers of the cluster whose scheduler is at this address.
    """

    name: str = "local"
    workers: int = 0
    scheduler: str | None = None

    def __post_init__(self) -> None:
        """Raises EngineError for what cannot be meant."""
        if self.name not in ENGINES:
            expected = ", ".join(ENGINES)
            raise EngineError(f"--engine: found {self.name!r}, expected one of {expected}")
        if self.workers < 0:
            raise EngineError(f"--workers: found {self.workers}, expected 1 or more, or 0")
        if self.name == "dask" and not self.scheduler:
            raise EngineError(
                "--engine dask: found no address, expected --scheduler tcp://HOST:8786"
            )
        if self.name == "local" and self.scheduler:
            raise EngineError(
                f"--scheduler {self.scheduler}: the engine is local, which has none; expected "
                "--engine dask beside it"
            )

    @contextlib.contextmanager
    def open(self) -> Iterator[Pool]:
        """Its pool, closed at the end. Errors: EngineError when there is none of that kind."""
        if self.scheduler:
            from .dask_pool import dask_pool

            with dask_pool(self.scheduler) as pool:
                yield pool
            return
        wanted = self.workers or len(os.sched_getaffinity(0))
        if wanted == 1:
            yield Serial()
            return
        local = LocalPool(wanted)
        try:
            yield local
        finally:
            local.close()
