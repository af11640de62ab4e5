"""The job of mining a source: what lies at an address is fetched into the cache first."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flows.remote.address import RemoteError, local_path, shown

if TYPE_CHECKING:
    from flows.road import Job
    from mining.settings import MiningSettings


def job_for(
    source: str,
    settings: "MiningSettings",
    mapping: Mapping[str, str] | None = None,
    format: str | None = None,
) -> "Job":
    """The job of mining a source: a path, "openi", or an address.

    Of an address the job reads a local copy that has its names, so that the tables have the bytes
    that they would have from local files. Errors: RemoteError.
    """
    from flows.road import Job

    path = local_path(source)
    if path is not None:
        return Job(path, settings, mapping, format)
    return Job(fetch_source(source), settings, mapping, format, origin=shown(source))


def fetch_source(address: str) -> str:
    """The path of the local copy of the reports at an address. Errors: RemoteError."""
    from flows.environment import cache_root
    from flows.remote.address import open_place
    from flows.remote.copies import fetch
    from flows.store import Store

    copy = fetch(open_place(address), Store(cache_root()))
    if copy.path.suffix.lower() == ".toml":
        # Whoever can write there could have it asked of any database, with any variable of ours.
        to_do = "Keep the file with the query on this machine."
        raise RemoteError(shown(address), "a query, which is read from local files only", to_do)
    return str(copy.path)
