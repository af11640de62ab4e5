"""Work folders of many at once, with sweepers about."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.work import sweep, work_folder


def test_sweepers_take_nothing_from_the_living(tmp_path: Path) -> None:
    def work(number: int) -> bool:
        with work_folder(tmp_path, "test") as folder:
            (folder / "a").write_text("a")
            sweep(tmp_path)
            return (folder / "a").exists()

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(400)))
    assert list(tmp_path.iterdir()) == []
