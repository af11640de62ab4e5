"""Workers of a Dask cluster. They must see the cache and the source under the same paths."""

from __future__ import annotations

import contextlib
import logging
from asyncio import CancelledError as AsyncCancelled
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from .pool import EngineError, Item, Result, WorkerLostError

_PATIENCE = 15  # seconds until a scheduler must have answered


class DaskPool:
    """Gives items to a cluster; what a lost worker had is given to another by the scheduler."""

    def __init__(self, client: Any, scheduler: str) -> None:
        self._client, self._scheduler = client, scheduler

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """The results in the order of the items.

        Errors: those of the function; WorkerLostError when an item has killed its workers;
        EngineError when the scheduler is gone.
        """
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        futures = []
        try:
            # Not pure: the same item in another run is to be done again.
            futures = [self._client.submit(function, item, pure=False) for item in items]
            for number, future in enumerate(futures):
                try:
                    yield future.result()
                except KilledWorker as error:
                    raise WorkerLostError(function.__name__, len(items) - number) from error
        except (CancelledError, AsyncCancelled, CommClosedError, TimeoutError) as error:
            raise EngineError(
                f"{function.__name__}: the Dask scheduler at {self._scheduler} is gone, expected "
                "it to stay until the run ends; start it and run again: what is stored is kept"
            ) from error
        finally:
            with contextlib.suppress(Exception):
                self._client.cancel(futures)


@contextlib.contextmanager
def dask_pool(scheduler: str) -> Iterator[DaskPool]:
    """The pool of the cluster with this scheduler.

    Errors: EngineError when Dask is not installed, or nobody answers at the address.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise EngineError(
            "--engine dask: distributed is not installed; pip install 'cxrmine[dask]'"
        ) from error
    try:
        client: Any = Client(scheduler, timeout=_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise EngineError(
            f"--scheduler {scheduler}: nobody answers there; start one with `dask scheduler`"
        ) from error
    for name in ("distributed.client", "distributed.core", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what it would say, an error says
    with client:
        yield DaskPool(client, scheduler)
