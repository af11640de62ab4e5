"""Where caches lie and how Prefect behaves, set before Prefect is imported."""

import os
from pathlib import Path

import platformdirs

from flows.guard import guard_servers


def cache_root() -> Path:
    """The folder of all caches: CXRMINE_CACHE, else `cxrmine` in the user's cache folder."""
    named = os.environ.get("CXRMINE_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("cxrmine"))


def private_folder(folder: Path) -> Path:
    """The folder, made for its owner only if it was not there: caches hold patients' text."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def prepare_prefect() -> None:
    """Returns when the environment keeps Prefect quiet, at home and without a server.

    What the user has set already stands. Prefect reads these once, at import.
    """
    defaults = {
        # Nothing is sent anywhere: reports are patients' data and machines may have no network.
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Errors reach the user by the command line, in one line; Prefect would add two tracebacks.
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        # What we say ourselves of a night stands on Prefect's page of it.
        "PREFECT_LOGGING_EXTRA_LOGGERS": "cxrmine.nightly",
        # Twenty seconds, the default, are too few for a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    }
    if not _server_configured():
        # The temporary server's database holds names and counts, and is a cache like any other.
        defaults["PREFECT_HOME"] = str(private_folder(private_folder(cache_root()) / "prefect"))
        defaults["PREFECT_LOGGING_TO_API_ENABLED"] = "false"
    if not os.environ.get("PREFECT_API_URL"):
        guard_servers()
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _server_configured() -> bool:
    """Whether the user runs Prefect: by an address, a home of its own or a profile."""
    named = any(os.environ.get(name) for name in ("PREFECT_API_URL", "PREFECT_HOME"))
    return named or Path("~/.prefect/profiles.toml").expanduser().exists()
