"""Which rule stood behind a hash: small files that let `cache explain` name what has changed.

A rule book's hash says that something is another; its witness holds a hash per rule, so that two of
them tell which rules. They hold rules only, no word of a report.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.environment import private_folder

if TYPE_CHECKING:
    from mining.settings import MiningSettings

_FOLDER = "witness"


def remember(root: Path, settings: "MiningSettings") -> None:
    """Returns when the cache holds the witnesses of the rules and words that are used now."""
    from mining.resources import load_resources

    resources = load_resources(settings)
    rules = resources.book.rules
    book = {f"{rule.file}: rule {rule.id}": _hash(rule) for rule in rules}
    book["graph.toml: how far a cue climbs"] = _hash(resources.book.policy)
    book["order of the rules"] = _hash([rule.id for rule in rules])
    _write(root, resources.book.content_hash, book)
    words = {f"vocabulary of {entry.name}": _hash(entry) for entry in resources.vocabulary.entries}
    words["words at which a phrase stops"] = _hash(resources.vocabulary.stops)
    _write(root, resources.vocabulary.content_hash, words)


def changed(root: Path, before: str, now: str) -> list[str]:
    """What differs between two hashes: rules, or findings; empty where a witness is missing."""
    one, other = _read(root, before), _read(root, now)
    if one is None or other is None:
        return []
    told = []
    for name in sorted(one.keys() | other.keys()):
        if name not in one:
            told.append(f"{name}: new")
        elif name not in other:
            told.append(f"{name}: gone")
        elif one[name] != other[name]:
            told.append(f"{name}: changed")
    return told or ["comments or layout only"]


def _read(root: Path, name: str) -> dict[str, str] | None:
    try:
        return dict(json.loads((root / _FOLDER / f"{name}.json").read_bytes()))
    except (OSError, ValueError):
        return None


def _write(root: Path, name: str, witness: Mapping[str, str]) -> None:
    path = root / _FOLDER / f"{name}.json"
    if path.exists():
        return
    private_folder(private_folder(root) / _FOLDER)
    waiting = path.with_name(f".{secrets.token_hex(8)}")
    waiting.write_text(json.dumps(witness, indent=1, sort_keys=True), encoding="utf-8")
    os.replace(waiting, path)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(_plain(value)).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """The value as JSON has it, sets in order: the same in every process."""
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *(_plain(getattr(value, f.name)) for f in fields(value))]
    if isinstance(value, Mapping):
        return sorted(([_plain(k), _plain(v)] for k, v in value.items()), key=json.dumps)
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=json.dumps)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
