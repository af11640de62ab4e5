"""How the pieces of a run are worked off: here, by processes of this machine, or by Dask."""

from .pool import ENGINES, Engine, EngineError, Pool, WorkerLostError

__all__ = ["ENGINES", "Engine", "EngineError", "Pool", "WorkerLostError"]
