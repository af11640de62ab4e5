"""The addresses that label sets were written to from a cache, for who forgets reports."""

import json
import secrets
from pathlib import Path

_KNOWN = "addresses.json"


def remember_address(cache: Path, shown: str) -> None:
    """Returns when the cache knows of an address, given without its secrets."""
    addresses = {*known_addresses(cache), shown}
    beside = cache / f".{_KNOWN}.{secrets.token_hex(4)}"
    beside.write_text(json.dumps(sorted(addresses)) + "\n")
    beside.replace(cache / _KNOWN)


def known_addresses(cache: Path) -> list[str]:
    """The addresses that label sets were written to from this cache."""
    try:
        return [str(one) for one in json.loads((cache / _KNOWN).read_text())]
    except (OSError, ValueError):
        return []
