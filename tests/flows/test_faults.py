"""What a run leaves when something breaks: the same bytes, or one line and nothing half done."""

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.flows.engine_case import command, digests, environment, start, write_files

FILES, EACH = 6, 150
_PATIENCE = 300  # seconds; a run takes five on a free machine


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files, each of them a shard."""
    return write_files(tmp_path_factory.mktemp("faults") / "reports", FILES, EACH)


@pytest.fixture(scope="module")
def expected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run leaves that nothing happens to."""
    folder = tmp_path_factory.mktemp("expected")
    mine(source, folder / "out", folder / "cache")
    return digests(folder / "out")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A store of its own for each test."""
    return tmp_path / "cache"


def mine(source: Path, out: Path, cache: Path) -> None:
    """Mines without a pool, undisturbed."""
    line = command("mine", source, "--out", out, "--workers", 1)
    subprocess.run(line, env=environment(cache), check=True, capture_output=True, text=True)


def until(holds: Callable[[], bool], run: "subprocess.Popen[str]") -> None:
    """Returns as soon as it holds; fails when the run is over before."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ended(run: "subprocess.Popen[str]") -> tuple[int, str]:
    """The exit code, and what was said of the error: lines of progress left out."""
    _, said = run.communicate(timeout=_PATIENCE)
    return run.returncode, "\n".join(x for x in said.splitlines() if not re.match(_PROGRESS, x))


_PROGRESS = r"(ingest|sentences|parse|mine|label) +[\d,]+ in = "


def workers_of(run: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The processes of the pool: children of the server that forks them."""
    workers = []
    with contextlib.suppress(psutil.NoSuchProcess):  # the run has just ended
        for child in psutil.Process(run.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.ppid() != run.pid:
                    workers.append(child)
    return workers


def killed(workers: list[psutil.Process]) -> int:
    """How many of them were still there to be killed."""
    count = 0
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
            count += 1
    return count


def judging(cache: Path) -> Callable[[], bool]:
    """Whether a part of the sentences has been judged."""
    return lambda: any(cache.glob("sentences/judgements/*/*/*.parquet"))


def cutting(cache: Path) -> Callable[[], bool]:
    """Whether a part of the source has been read."""
    return lambda: any(cache.glob("artifacts/pieces/*"))


@pytest.mark.parametrize("stage", [pytest.param(cutting, marks=pytest.mark.slow), judging])
def test_a_killed_worker_costs_nothing_but_time(
    source: Path, expected: dict[str, str], tmp_path: Path, cache: Path,
    stage: Callable[[Path], Callable[[], bool]],
) -> None:  # fmt: skip
    for number in range(5):  # a busy machine may let us see the workers only when they are done
        store, out = cache / str(number), tmp_path / f"out-{number}"
        run = start(store, "mine", source, "--out", out, "--workers", 2)
        until(stage(store), run)
        hit = killed(workers_of(run)[:1])
        assert ended(run) == (0, "")
        assert digests(out) == expected
        if hit:
            return
    pytest.fail("no worker was ever there to be killed")


def test_workers_killed_over_and_over_end_the_run_in_one_line(
    source: Path, expected: dict[str, str], tmp_path: Path, cache: Path
) -> None:
    """As the kernel does where memory is short: whoever starts to work is killed."""
    run = start(cache, "mine", source, "--out", tmp_path / "out", "--workers", 2)
    until(judging(cache), run)
    while run.poll() is None:
        killed(workers_of(run))
        time.sleep(0.02)
    code, said = ended(run)
    assert code == 2
    assert re.fullmatch(r"cxrmine: \w+: a worker was killed 3 times .* use fewer --workers.*", said)
    assert not (tmp_path / "out").exists()
    mine(source, tmp_path / "out", cache)
    assert digests(tmp_path / "out") == expected


def test_workers_end_with_the_run_that_was_killed(
    source: Path, expected: dict[str, str], tmp_path: Path, cache: Path
) -> None:
    run = start(cache, "mine", source, "--out", tmp_path / "out", "--workers", 2)
    until(judging(cache), run)
    workers = workers_of(run)
    run.kill()
    run.communicate(timeout=_PATIENCE)
    _, alive = psutil.wait_procs(workers, timeout=_PATIENCE)
    assert workers and not alive
    assert not (tmp_path / "out").exists()
    mine(source, tmp_path / "out", cache)
    assert digests(tmp_path / "out") == expected


def limit(size: int) -> Callable[[], None]:
    """Lets no file of a process grow beyond so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    ("workers", "size"), [(1, 2_000), pytest.param(2, 13_500, marks=pytest.mark.slow)]
)
def test_a_full_disk_is_one_line_and_no_table(
    source: Path, expected: dict[str, str], tmp_path: Path, cache: Path, workers: int, size: int
) -> None:
    out = tmp_path / "out"
    line = command("mine", source, "--out", out, "--workers", workers)
    run = subprocess.Popen(
        line, env=environment(cache), text=True, preexec_fn=limit(size),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    code, said = ended(run)
    assert code == 2
    assert re.fullmatch(r"cxrmine: .*(File too large|too large).*", said)
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]
    mine(source, out, cache)
    assert digests(out) == expected


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for one small run."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=240k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("full", ["cache", pytest.param("out", marks=pytest.mark.slow)])
def test_no_space_left_is_one_line_and_keeps_the_earlier_run(
    source: Path, small_disk: Path, tmp_path: Path, full: str
) -> None:
    one = write_files(tmp_path / "one", 1, 5)
    places = {"cache": tmp_path / "cache", "out": tmp_path / "out"} | {full: small_disk / full}
    mine(one, places["out"], places["cache"])
    before = digests(places["out"])
    run = start(places["cache"], "mine", source, "--out", places["out"], "--workers", 2)
    code, said = ended(run)
    assert code == 2
    assert re.fullmatch(r"cxrmine: .*No space left on device.*", said)
    assert digests(places["out"]) == before
    assert [path.name for path in places["out"].parent.glob(".out*")] == []


def test_two_runs_into_one_folder_leave_one_of_them_whole(
    source: Path, expected: dict[str, str], tmp_path: Path, cache: Path
) -> None:
    other = write_files(tmp_path / "other", FILES, EACH + 1)
    mine(other, tmp_path / "alone", tmp_path / "cache2")
    out = tmp_path / "out"
    runs = [start(cache, "mine", s, "--out", out, "--workers", 1) for s in (source, other)]
    assert [ended(run) for run in runs] == [(0, ""), (0, "")]
    assert digests(out) in (expected, digests(tmp_path / "alone"))
    named = json.loads((out / "run.json").read_text())["files"]
    assert {name: named[name] for name in digests(out)} == digests(out)


@pytest.mark.slow
def test_two_runs_of_one_source_share_what_they_store(
    source: Path, expected: dict[str, str], tmp_path: Path, cache: Path
) -> None:
    outs = [tmp_path / "a", tmp_path / "b"]
    runs = [start(cache, "mine", source, "--out", out, "--workers", 1) for out in outs]
    assert [ended(run) for run in runs] == [(0, ""), (0, "")]
    assert [digests(out) for out in outs] == [expected, expected]


# --- a cluster ------------------------------------------------------------------------------


def python(*arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address of a scheduler with two workers, and its process."""
    pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    said = tmp_path / "scheduler.json"
    scheduler = python(
        "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", 0,
        "--dashboard-address", ":0", "--no-show", "--scheduler-file", said,
    )  # fmt: skip
    deadline = time.monotonic() + _PATIENCE
    while not (said.exists() and said.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers = python(
        "distributed.cli.dask_worker", "--scheduler-file", said, "--nworkers", 2,
        "--nthreads", 1, "--no-dashboard", "--local-directory", tmp_path / "dask",
    )  # fmt: skip
    yield json.loads(said.read_text())["address"], scheduler
    for process in (workers, scheduler):
        with contextlib.suppress(psutil.NoSuchProcess):
            killed(psutil.Process(process.pid).children(recursive=True))
        process.kill()
        process.wait()


def busy_dask_workers(address: str) -> list[int]:
    from distributed import Client

    with Client(address, timeout=_PATIENCE, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=_PATIENCE)
        return list(client.run(os.getpid).values())


def test_a_killed_worker_of_the_cluster_costs_nothing_but_time(
    source: Path, expected: dict[str, str], tmp_path: Path, cache: Path,
    cluster: tuple[str, "subprocess.Popen[bytes]"],
) -> None:  # fmt: skip
    address, _ = cluster
    pids = busy_dask_workers(address)
    run = start(
        cache, "mine", source, "--out", tmp_path / "out", "--engine", "dask", "--scheduler", address
    )
    until(judging(cache), run)
    os.kill(pids[0], signal.SIGKILL)
    assert ended(run) == (0, "")
    assert digests(tmp_path / "out") == expected


def test_a_scheduler_that_is_gone_is_told_in_one_line(
    source: Path, expected: dict[str, str], tmp_path: Path, cache: Path,
    cluster: tuple[str, "subprocess.Popen[bytes]"],
) -> None:  # fmt: skip
    address, scheduler = cluster
    busy_dask_workers(address)
    out = tmp_path / "out"
    run = start(cache, "mine", source, "--out", out, "--engine", "dask", "--scheduler", address)
    until(judging(cache), run)
    scheduler.kill()
    code, said = ended(run)
    assert code == 2
    assert re.fullmatch(r"cxrmine: \w+: the Dask scheduler at \S+ is gone, .* run again.*", said)
    assert not out.exists()
    mine(source, out, cache)
    assert digests(out) == expected
