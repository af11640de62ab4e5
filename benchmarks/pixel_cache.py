"""How fast the pixel cache is built, beside bare decoding of the same files on all cores.

    python benchmarks/pixel_cache.py FOLDER [--size 224] [--rounds 3] [--upscale 1024] [--images N]

FOLDER holds PNG files. Bare is what is left when all but decoding is left out: Pillow's
`Image.open(path).load()`, torchvision's `decode_image(read_file(path))`, in as many processes,
already started. The cache is built from nothing, its processes' start included. --upscale makes
files of that side (with noise in the last bit, as detectors have it) out of those in FOLDER.

Each round runs all of them, in turn; the ratio is that of the medians. CPU seconds of all processes
stand beside (of bare decoding without the processes' start), because a machine with other guests
gives uneven wall times.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pyarrow as pa
from PIL import Image

from data_contracts import IMAGES
from modeling.image_pool import cores
from modeling.pixel_cache import build_cache

_CHUNK = 16
_LEAST_ROWS = 12_000  # a tenth of NIH's: so few that the processes' start still shows


def decode_with_pillow(path: str) -> float:
    """CPU seconds of decoding; the pixels stay where they are."""
    start = time.process_time()
    with Image.open(path) as image:
        image.load()
    return time.process_time() - start


def decode_with_torchvision(path: str) -> float:
    """CPU seconds of decoding to a tensor."""
    from torchvision.io import ImageReadMode, decode_image, read_file

    start = time.process_time()
    decode_image(read_file(path), ImageReadMode.GRAY)
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    scratch = Path(tempfile.mkdtemp(prefix="cxrmine-bench-"))
    try:
        files = sorted(str(path) for path in arguments.folder.glob("*.png"))
        if arguments.upscale:
            files = _upscaled(files[: arguments.images or 200], arguments.upscale, scratch / "in")
        files = files[: arguments.images or len(files)]
        files = files * -(-arguments.rows // len(files))
        _compare(files, arguments.size, arguments.rounds, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compare(files: list[str], size: int, rounds: int, scratch: Path) -> None:
    runs: dict[str, Callable[[int], tuple[float, float]]] = {
        "bare Pillow": lambda n: _bare(decode_with_pillow, files),
        "bare torchvision": lambda n: _bare(decode_with_torchvision, files),
        f"cache, {size} px, all": lambda n: _cache(files, size, scratch / str(n)),
    }
    wall: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    for n in range(rounds):
        for name, run in runs.items():
            for seconds, kept in zip(run(n), (wall[name], cpu[name]), strict=True):
                kept.append(seconds)
    both = {"wall": wall, "cpu": cpu}
    with Image.open(files[0]) as image:
        kind = f"{image.width} × {image.height}, mode {image.mode}"
    print(f"{len(files)} PNG files ({kind}), {cores()} cores, {rounds} rounds, medians")
    cache = {kind: statistics.median(times[list(runs)[-1]]) for kind, times in both.items()}
    for name in runs:
        here = {kind: statistics.median(times[name]) for kind, times in both.items()}
        print(
            f"{name:<20} {len(files) / here['wall']:>7,.0f} images/s"
            f"  {here['cpu'] / len(files) * 1e3:7.3f} CPU ms/image"
            f"  cache / this: wall {here['wall'] / cache['wall']:.3f}"
            f", CPU {here['cpu'] / cache['cpu']:.3f}"
        )


def _bare(decode: Callable[[str], float], files: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds for decoding alone, by processes that have decoded before."""
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
        warm = files[:1] * cores() * _CHUNK * 2
        list(pool.map(decode, warm, chunksize=_CHUNK))
        start = time.perf_counter()
        cpu = sum(pool.map(decode, files, chunksize=_CHUNK))
        return time.perf_counter() - start, cpu


def _cache(files: list[str], size: int, root: Path) -> tuple[float, float]:
    rows = [{"image_id": f"{n}", "path": path} for n, path in enumerate(files)]
    images = pa.Table.from_pylist(rows, schema=IMAGES.schema)
    start, before = time.perf_counter(), _children_seconds()
    cache = build_cache(images, size=size, root=root)
    seconds = time.perf_counter() - start
    assert not cache.rejects.num_rows
    shutil.rmtree(root)
    return seconds, _children_seconds() - before


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _upscaled(files: list[str], side: int, folder: Path) -> list[str]:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    made = []
    for n, path in enumerate(files):
        with Image.open(path) as image:
            large = image.convert("L").resize((side, side), Image.Resampling.BICUBIC)
        noisy = np.asarray(large, np.int16) + rng.integers(-1, 2, (side, side))
        made.append(str(folder / f"{n:05d}.png"))
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(made[-1])
    return made


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--upscale", type=int, default=0)
    parser.add_argument("--images", type=int, default=0)
    parser.add_argument("--rows", type=int, default=_LEAST_ROWS, help="files are repeated to this")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
