"""One file that says what a label set is made of and how it is checked: TOML → dataclasses.

Every key has a default that `cxrmine config show` writes with its meaning. A key that is not known
is an error that names the nearest known one, with the line it stands in. Relative paths are taken
from the folder of the file.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from flows.configuration_sections import (
    MEANINGS,
    AuditSection,
    EngineSection,
    OutputSection,
    ScheduleSection,
    SourceSection,
)
from flows.remote.address import is_address
from mining.drift import DriftLimits
from mining.engine import EngineError
from mining.gate import GateLimits
from mining.ingest.exams import ExamFilter
from mining.privacy import Privacy
from mining.settings import MiningSettings


class ConfigurationError(ValueError):
    """A configuration that cannot be used: the `path`, `where` in it, what was wrong."""

    def __init__(self, path: Path, where: str, wrong: str) -> None:
        self.path, self.where = path, where
        super().__init__(f"{path}{where}: {wrong}")


@dataclass(frozen=True)
class Configuration:
    """All sections of the file."""

    path: Path
    source: SourceSection = field(default_factory=SourceSection)
    exams: ExamFilter = field(default_factory=ExamFilter)
    mining: MiningSettings = field(default_factory=MiningSettings)
    privacy: Privacy = field(default_factory=Privacy)
    output: OutputSection = field(default_factory=OutputSection)
    audit: AuditSection = field(default_factory=AuditSection)
    engine: EngineSection = field(default_factory=EngineSection)
    drift: DriftLimits = field(default_factory=DriftLimits)
    gate: GateLimits = field(default_factory=GateLimits)
    schedule: ScheduleSection = field(default_factory=ScheduleSection)

    @property
    def publishing(self) -> GateLimits | None:
        """The gate, with its folder found from that of the file; None: nothing is published.

        Errors: ConfigurationError for an address.
        """
        folder = self.located(self.gate.published)
        if is_address(folder):
            wrong = "published: expected a local folder; [output] folder may be an address"
            raise ConfigurationError(self.path, " [gate]", wrong)
        return replace(self.gate, published=folder) if folder else None

    def located(self, name: str) -> str:
        """A path of the file, from its folder; names that are no path stay ("openi", "s3://…")."""
        if name in ("", "openi", "none") or is_address(name):
            return name
        return str((self.path.parent / Path(name).expanduser()).resolve())


SECTIONS: Mapping[str, type] = {
    "source": SourceSection,
    "exams": ExamFilter,
    "mining": MiningSettings,
    "privacy": Privacy,
    "output": OutputSection,
    "audit": AuditSection,
    "engine": EngineSection,
    "drift": DriftLimits,
    "gate": GateLimits,
    "schedule": ScheduleSection,
}


def read_configuration(path: Path) -> Configuration:
    """The configuration in a TOML file.

    Errors: OSError; ConfigurationError for what is no TOML, a section, key or type that is not
    known, a setting out of its range.
    """
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # bytes that are no text; nested too deeply
        raise ConfigurationError(path, "", f"no TOML: {error}") from error
    known = tuple(SECTIONS)
    made: dict[str, Any] = {}
    for name, section in content.items():
        where = f":{_line(text, None, name)}"
        if name not in known:
            raise ConfigurationError(path, where, _unknown(f"[{name}]", name, known, "section"))
        if not isinstance(section, dict):
            raise ConfigurationError(path, where, f"{name}: expected a section, [{name}]")
        made[name] = _section(path, text, name, section)
    return Configuration(path, **made)


def default_text() -> str:
    """The file with every section and key, each at its default and with its meaning."""
    lines = []
    for name, kind in SECTIONS.items():
        lines += [f"[{name}]", f"# {(kind.__doc__ or '').splitlines()[0]}"]
        for item in fields(kind):
            meaning = item.metadata.get("meaning") or MEANINGS.get(item.name, "")
            lines.append(f"# {item.name} = {_toml(_default(item))}".ljust(40) + f"  # {meaning}")
        lines.append("")
    return "\n".join(lines)


def _section(path: Path, text: str, name: str, content: Mapping[str, Any]) -> Any:
    kind = SECTIONS[name]
    hints = get_type_hints(kind)
    for key, value in content.items():
        where = f":{_line(text, name, key)}"
        if key not in hints:
            raise ConfigurationError(path, where, _unknown(key, key, tuple(hints), "key"))
        expected = _kinds(hints[key])
        right = type(value) in expected or (float in expected and type(value) is int)
        if not right:
            names = dict.fromkeys(_NAMES.get(one, one.__name__) for one in expected)
            wanted = " or ".join(names)
            raise ConfigurationError(path, where, f"{key} = {value!r}: expected {wanted}")
    try:
        return kind(**content)
    except (ValueError, EngineError) as error:  # out of its range: the setting names itself
        raise ConfigurationError(path, f" [{name}]", str(error)) from error


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false",
          list: "a list", tuple: "a list", dict: "a table, { ours = \"THEIRS\" }"}  # fmt: skip


def _kinds(hint: Any) -> tuple[type, ...]:
    """The plain types that a hint allows.

    >>> _kinds(dict[str, str])
    (<class 'dict'>,)
    """
    if get_origin(hint) in (Union, UnionType):
        return tuple(
            kind for part in get_args(hint) for kind in _kinds(part) if kind is not type(None)
        )
    return (get_origin(hint) or hint,)


def _unknown(shown: str, name: str, known: tuple[str, ...], what: str) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    nearest = f"the nearest is {near[0]}" if near else f"expected one of {', '.join(known)}"
    return f"{shown}: no such {what}; {nearest}"


def _line(text: str, section: str | None, key: str) -> int:
    """The line where a section begins, or a key of it stands; 1 where that cannot be told."""
    inside = section is None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([\w.\"-]+)", line)
        if header:
            if section is None and header[1].split(".")[0].strip('"') == key:
                return number
            inside = section is None or header[1].split(".")[0].strip('"') == section
        elif inside and re.match(rf"\s*\"?{re.escape(key)}\"?\s*[=.]", line):
            return number
    return 1


def _default(item: Any) -> Any:
    return item.default if item.default is not MISSING else item.default_factory()


def _toml(value: Any) -> str:
    """A default as TOML.

    >>> _toml(""), _toml(False), _toml({}), _toml(None), _toml(())
    ('""', 'false', '{}', '""', '[]')
    """
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "[]" if value == () else str(value)
