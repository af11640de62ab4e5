"""Who uses the cache is known as long as it lives, and nobody else is kept waiting."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.cache_use import announce, running, touch
from flows.store import MANIFEST, Store

ROOT = Path(__file__).parents[2]
_USER = """
import sys
from pathlib import Path
from flows.cache_use import announce
announce(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def user_of(root: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the cache."""
    with subprocess.Popen(
        [sys.executable, "-c", _USER, str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_process_that_was_killed_uses_nothing(tmp_path: Path) -> None:
    with user_of(tmp_path) as process:
        assert len(running(tmp_path)) == 1
        process.kill()
        process.wait()
        assert running(tmp_path) == []
    assert list((tmp_path / "runs").iterdir()) == []


def test_one_that_ends_leaves_no_file(tmp_path: Path) -> None:
    with user_of(tmp_path) as process:
        process.communicate("")
        assert list((tmp_path / "runs").iterdir()) == []


def test_own_process_does_not_count(tmp_path: Path) -> None:
    announce(tmp_path)
    announce(tmp_path)
    assert running(tmp_path) == []


def test_what_is_found_is_marked_as_used(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.put("mine", "k", lambda folder: {"rows": (folder / "a").write_text("a")})
    manifest = made.folder / MANIFEST
    os.utime(manifest, (0, 0))
    assert store.look("mine", "k") is not None
    assert manifest.stat().st_mtime == 0
    assert store.find("mine", "k") is not None
    assert manifest.stat().st_mtime > 1e9


def test_what_is_gone_cannot_be_marked(tmp_path: Path) -> None:
    assert not touch(tmp_path, tmp_path / "nothing")


def test_manifest_says_what_the_key_is_made_of(tmp_path: Path) -> None:
    store = Store(tmp_path)
    parts = {"inputs": {"reports": "1"}, "fingerprint": {"rules": "2"}}
    made = store.put("mine", "k", lambda folder: {}, parts)
    assert store.made_from(made.folder) == parts
    assert store.made_from(tmp_path) == {}
