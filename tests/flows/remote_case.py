"""File systems of fsspec's for tests: in memory, and one that fails after so many files."""

import errno
from pathlib import Path
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.local import LocalFileSystem


class FlakyFileSystem(LocalFileSystem):  # type: ignore[misc]
    """Local files at flaky://; puts or gets fail after the `left` next ones, if that is set."""

    protocol = "flaky"
    puts_left: ClassVar[int | None] = None
    gets_left: ClassVar[int | None] = None
    fetched: ClassVar[list[str]] = []

    @classmethod
    def steady(cls) -> None:
        """Nothing fails from now on, and nothing was fetched yet."""
        cls.puts_left = cls.gets_left = None
        cls.fetched = []

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        """As the base class, as long as it may; the last file that fails is half there."""
        kind = type(self)
        if kind.puts_left is not None:
            kind.puts_left -= 1
            if kind.puts_left < 0:
                self.makedirs(self._parent(rpath), exist_ok=True)
                Path(self._strip_protocol(rpath)).write_bytes(Path(lpath).read_bytes()[:7])
                raise OSError(errno.EIO, "secret words of the library", rpath)
        super().put_file(lpath, rpath, **kwargs)

    def get_file(self, rpath: str, lpath: str, **kwargs: Any) -> None:
        """As the base class, as long as it may."""
        kind = type(self)
        if kind.gets_left is not None:
            kind.gets_left -= 1
            if kind.gets_left < 0:
                raise OSError(errno.ECONNRESET, "secret words of the library")
        kind.fetched.append(Path(rpath).name)
        super().get_file(rpath, lpath, **kwargs)


def register() -> None:
    """Returns when flaky:// is known to fsspec."""
    fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)


def into_memory(folder: Path, path: str) -> None:
    """Puts the files of a folder below memory://PATH, which holds nothing else then."""
    memory = fsspec.filesystem("memory")
    if memory.exists(path):
        memory.rm(path, recursive=True)
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            memory.pipe(f"{path}/{file.relative_to(folder).as_posix()}", file.read_bytes())
