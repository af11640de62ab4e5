"""Who works does not show in the tables: workers, engines, order; what blocks promise."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.mine import mine_reports
from flows.road import Job
from mining.engine import Engine, EngineError, Pool
from mining.settings import MiningSettings
from tests.flows.engine_case import digests, write_files

FILES, EACH = 5, 80
ONE = Engine(workers=1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for each test."""
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files, each of them a shard."""
    return write_files(tmp_path_factory.mktemp("engines") / "reports", FILES, EACH)


@pytest.fixture(scope="module")
def expected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process makes of it, without a pool."""
    folder = tmp_path_factory.mktemp("expected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXRMINE_CACHE", str(folder / "cache"))
        mine_reports(Job(str(source), MiningSettings()), folder / "out", engine=ONE)
    found = digests(folder / "out")
    assert len(found) == 3 * FILES + 1
    return found


def mined(source: Path, out: Path, engine: Engine = ONE, **settings: Any) -> dict[str, str]:
    mine_reports(Job(str(source), MiningSettings(**settings)), out, engine=engine)
    return digests(out)


@pytest.mark.parametrize("workers", [2, 3])
def test_processes_leave_the_bytes_of_one(
    source: Path, expected: dict[str, str], tmp_path: Path, workers: int
) -> None:
    assert mined(source, tmp_path / "out", Engine(workers=workers)) == expected


class Shuffled(Engine):
    """Works the items off in no order, and gives the results in that of the items."""

    @contextlib.contextmanager
    def open(self) -> Iterator[Pool]:
        """Itself."""
        yield self  # type: ignore[misc]

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """The results."""
        order = Random(len(items)).sample(range(len(items)), len(items))
        done = {number: function(items[number]) for number in order}
        return iter([done[number] for number in range(len(items))])


def test_the_order_of_the_work_leaves_the_same_bytes(
    source: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    assert mined(source, tmp_path / "out", Shuffled()) == expected


def test_a_cluster_of_dask_leaves_the_same_bytes(
    source: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        engine = Engine("dask", scheduler=cluster.scheduler_address)
        assert mined(source, tmp_path / "out", engine) == expected


def test_nobody_at_the_address_is_told_in_one_line(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    monkeypatch.setattr("mining.engine.dask_pool._PATIENCE", 1)
    engine = Engine("dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(EngineError, match="nobody answers there; start one") as caught:
        mined(source, tmp_path / "out", engine)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def content(out: Path, name: str) -> pa.Table:
    path = out / f"{name}.parquet"
    parts = sorted(path.iterdir()) if path.is_dir() else [path]
    return pa.concat_tables([pq.read_table(part) for part in parts]).replace_schema_metadata()


def test_blocks_of_another_size_hold_the_same_rows(source: Path, tmp_path: Path) -> None:
    lines = "".join(path.read_text() for path in sorted(source.iterdir()))
    whole = tmp_path / "whole.jsonl"
    whole.write_text(lines)
    mined(whole, tmp_path / "one")
    in_blocks = mined(whole, tmp_path / "many", block=130)
    assert len([name for name in in_blocks if name.startswith("labels")]) == 4
    for name in ("reports", "mentions", "labels"):
        assert content(tmp_path / "many", name).equals(content(tmp_path / "one", name))


def test_equal_shards_hold_the_same_rows(source: Path, tmp_path: Path) -> None:
    mined(source, tmp_path / "files")
    in_shards = mined(source, tmp_path / "shards", shards=3)
    assert len([name for name in in_shards if name.startswith("labels")]) == 3
    for name in ("mentions", "labels"):
        assert content(tmp_path / "shards", name).equals(content(tmp_path / "files", name))


def test_reports_at_the_end_of_a_file_change_its_last_block_only(
    source: Path, tmp_path: Path
) -> None:
    files = sorted(source.iterdir())
    growing = tmp_path / "growing.jsonl"
    growing.write_text("".join(path.read_text() for path in files[:-1]))
    before = mined(growing, tmp_path / "out", block=90)
    with growing.open("a") as end:
        end.write(files[-1].read_text())
    after = mined(growing, tmp_path / "out", block=90)
    kept = [name for name in before if not name.endswith("part-00003.parquet")]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert len(after) > len(before)


def test_a_file_more_leaves_the_other_parts_as_they_are(source: Path, tmp_path: Path) -> None:
    growing = tmp_path / "reports"
    shutil.copytree(source, growing)
    last = growing / f"reports-{FILES - 1:03}.jsonl"
    held = last.read_text()
    last.unlink()
    before = mined(growing, tmp_path / "out")
    last.write_text(held)
    after = mined(growing, tmp_path / "out")
    assert {name: after[name] for name in before} == before
