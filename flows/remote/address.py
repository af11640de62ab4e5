"""Addresses: what names a place of fsspec's, how it is shown, and what goes wrong on the way there.

An address may hold a password or a token, and so may what a library says of it: neither is ever
shown. Errors name the address without them, and the kind of what went wrong.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ADDRESS = re.compile(r"[a-z][a-z0-9+.\-]*(://|::.*://)", re.IGNORECASE | re.DOTALL)
_LOCAL = ("file://", "local://")
_HOST_AND_PORT = re.compile(r"[^/@:]*:\d+(/|$)")
_FULL = (errno.ENOSPC, errno.EDQUOT)
# protocol -> what `pip install` calls the package that knows it
_PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
    "abfss": "adlfs", "http": "aiohttp", "https": "aiohttp", "sftp": "paramiko", "ssh": "paramiko",
    "smb": "smbprotocol", "hdfs": "pyarrow",
}  # fmt: skip


class RemoteError(Exception):
    """A place that cannot be used: `address` without secrets, what was `found`, what `to_do`."""

    def __init__(self, address: str, found: str, to_do: str) -> None:
        self.address, self.found, self.to_do = address, found, to_do
        super().__init__(f"{address}: {found}. {to_do}")


@dataclass(frozen=True)
class Place:
    """A path on a file system of fsspec's. The address may hold a password and is not shown."""

    fs: Any
    path: str
    address: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return shown(self.address)

    def below(self, name: str) -> str:
        """The path of what has this name in the place."""
        return f"{self.path.rstrip('/')}/{name}"


def is_address(name: str) -> bool:
    """Whether this names a place of fsspec's and not a local path.

    >>> is_address("s3://bucket/reports"), is_address("dir::file:///reports"), is_address("a/b.csv")
    (True, True, False)
    """
    return _ADDRESS.match(name) is not None


def local_path(name: str) -> str | None:
    """The local path that is meant by this; None for a place elsewhere.

    As fsspec has it, `%20` after file:// are three letters of a name.

    >>> local_path("file:///data/reports"), local_path("reports.csv"), local_path("s3://b/reports")
    ('/data/reports', 'reports.csv', None)
    """
    if not is_address(name):
        return name
    for protocol in _LOCAL:
        if name.lower().startswith(protocol):
            return name[len(protocol) :]
    return None


def shown(address: str) -> str:
    """The address without user, password and query: where in doubt, with less than it could show.

    A path is shown as it is.

    >>> shown("sftp://me:se/cr@t@host/reports"), shown("https://host:8080/r.csv?token=1")
    ('sftp://host/reports', 'https://host:8080/r.csv')
    """
    if not is_address(address):
        return address
    return "::".join(_without_user(part).partition("?")[0] for part in address.split("::"))


def without_user(address: str) -> str:
    """The address without user and password, which say nothing of what lies there.

    >>> without_user("https://me:secret@host/reports.csv?year=2026")
    'https://host/reports.csv?year=2026'
    """
    return "::".join(map(_without_user, address.split("::")))


def _without_user(part: str) -> str:
    protocol, colon, rest = part.partition("://")
    if not colon:
        return part
    before, at, after = rest.rpartition("@")
    if at and ":" in before and not _HOST_AND_PORT.match(rest):
        rest = after  # a password may hold a slash or an @
    host, slash, path = rest.partition("/")
    return f"{protocol}://{host.rpartition('@')[2]}{slash}{path}"


def open_place(address: str) -> Place:
    """The place at an address. Errors: RemoteError for a protocol that nothing here knows."""
    with reaching(address):
        from fsspec.core import url_to_fs

        fs, path = url_to_fs(address)
    return Place(fs, str(path), address)


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Turns what goes wrong at an address into a RemoteError that tells no secret.

    A full disk on this side stays what it is.
    """
    try:
        yield
    except RemoteError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        found, to_do = _told(error, address)
        # Not `from error`: its words may hold the address as it was given.
        raise RemoteError(shown(address), found, to_do) from None


def _told(error: Exception, address: str) -> tuple[str, str]:
    """What was found and what to do, out of the kind of an error; its words are not used."""
    kind = type(error).__name__
    protocol = _protocol(address)
    if isinstance(error, ImportError):
        return "needs a package that is not installed", f"Run: pip install {_package(protocol)}"
    if isinstance(error, ValueError) and "rotocol not known" in str(error):
        return f"protocol {protocol!r} is unknown", "Use one that fsspec knows, as s3:// or gs://."
    if isinstance(error, FileNotFoundError):
        return "nothing is there", "Check the name, that of the bucket first."
    if isinstance(error, PermissionError):
        return "access refused", "Check the credentials, and what they may do there."
    if "redential" in kind or "TokenRetrieval" in kind:
        return f"no credentials ({kind})", "Set them in the environment, as the provider has it."
    if isinstance(error, ConnectionError | TimeoutError) or "Connect" in kind or "Timeout" in kind:
        return f"cannot be reached ({kind})", "Check the network and the endpoint, then run again."
    number = getattr(error, "errno", None)
    reason = os.strerror(number) if isinstance(number, int) else kind
    return f"failed ({reason})", "Check the address and the credentials, then run again."


def _protocol(address: str) -> str:
    """The protocol of the place that is reached last: that of the bucket, in a chain."""
    for part in reversed(address.split("::")):
        protocol = part.partition("://")[0].lower()
        if protocol not in ("", "file", "local"):
            return protocol
    return address.partition("://")[0].lower()


def _package(protocol: str) -> str:
    if protocol in _PACKAGES:
        return _PACKAGES[protocol]
    from fsspec.registry import known_implementations

    named = known_implementations.get(protocol, {}).get("class", protocol)
    return str(named).partition(".")[0]


def as_local(name: str | Path, what: str) -> Path:
    """The local path. Errors: RemoteError for an address, saying that `what` takes local paths."""
    found = local_path(str(name))
    if found is None:
        to_do = "Give a local path: mount it, or copy it."
        raise RemoteError(shown(str(name)), f"an address, but {what} takes local paths only", to_do)
    return Path(found)
