"""Work on many images, spread over processes that end when their parent does."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    chunk: int = 1,
) -> Iterator[Result]:
    """`work` of each item, in their order; by `workers` processes (default: one per processor).

    One worker, or no more items than a chunk: no process is started. A script that uses more needs
    the usual `if __name__ == "__main__":`. BrokenProcessPool when a worker is killed.
    """
    workers = cores() if workers is None else workers
    if workers <= 1 or len(items) <= chunk:
        yield from map(work, items)
        return
    # Not forked: the parent may hold threads of torch or of the loader.
    pool = ProcessPoolExecutor(
        min(workers, -(-len(items) // chunk)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_die_with_parent,
    )
    try:
        yield from pool.map(work, items, chunksize=chunk)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _die_with_parent() -> None:
    """A killed parent says nothing to its workers, which would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()
