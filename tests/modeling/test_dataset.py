"""Dataset, loader and augmentation: the right rows, and the same ones every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.utils.data import BatchSampler

from modeling.augmentation import Augmentation, AugmentationError, to_float, uniform
from modeling.dataset import CachedImages, DatasetError, EpochSampler, make_loader
from modeling.images import scan_images
from modeling.pixel_cache import CacheError, PixelCache, build_cache
from modeling.targets import Targets
from tests.modeling.image_files import pattern, write_png

COUNT = 20
STILL = {"zoom": (1.0, 1.0), "shift": 0.0, "rotate": 0.0, "brightness": 0.0, "contrast": 0.0}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[PixelCache, pa.Table, Targets]:
    folder: Path = tmp_path_factory.mktemp("images")
    for n in range(COUNT):
        write_png(folder / f"{n:02d}.png", pattern(n))
    images = scan_images(folder, workers=1).images
    values = np.arange(COUNT * 2, dtype=np.float32).reshape(COUNT, 2)
    targets = Targets(values, values + 100, ("Mass", "Nodule"))
    cache = build_cache(images, size=32, root=tmp_path_factory.mktemp("cache"), workers=1)
    return cache, images, targets


Parts = tuple[PixelCache, pa.Table, Targets]


def test_sample(parts: Parts) -> None:
    dataset = CachedImages(*parts)
    sample = dataset[3]
    assert (sample.image.shape, sample.image.dtype) == ((1, 32, 32), torch.uint8)
    assert np.array_equal(sample.image[0].numpy(), parts[0][3])
    assert sample.target.tolist() == [6, 7] and sample.weight.tolist() == [106, 107]
    assert (sample.image_id, sample.patient_id, sample.row) == ("03.png", None, 3)


def test_rows_of_a_split(parts: Parts) -> None:
    dataset = CachedImages(*parts, rows=[5, 2])
    assert dataset.image_ids == ("05.png", "02.png")
    assert dataset.targets.tolist() == [[10, 11], [4, 5]]
    assert np.array_equal(dataset[1].image[0].numpy(), parts[0][2])


def test_images_in_another_order_than_the_cache(parts: Parts) -> None:
    cache, images, targets = parts
    order = list(range(COUNT))[::-1]
    dataset = CachedImages(cache, images.take(order), targets.take(order))
    assert np.array_equal(dataset[0].image[0].numpy(), cache[COUNT - 1])
    assert dataset[0].target.tolist() == [38, 39]


def test_parts_that_do_not_fit(parts: Parts) -> None:
    cache, images, targets = parts
    with pytest.raises(DatasetError, match="one row of targets per image"):
        CachedImages(cache, images.slice(1), targets)
    column = images.schema.get_field_index("image_id")
    renamed = images.set_column(
        column, images.schema.field("image_id"), pa.array([f"{n}.x" for n in range(COUNT)])
    )
    with pytest.raises(CacheError, match="no pixels of 20"):
        CachedImages(cache, renamed, targets)


def test_a_batch_is_its_samples(parts: Parts) -> None:
    dataset = CachedImages(*parts)
    batch = next(iter(make_loader(dataset, batch_size=6, shuffle=True, seed=1)))
    assert batch.images.shape == (6, 1, 32, 32) and batch.images.dtype == torch.uint8
    for place, index in enumerate(batch.indices.tolist()):
        assert torch.equal(batch.images[place], dataset[index].image)
        assert torch.equal(batch.targets[place], dataset[index].target)
        assert torch.equal(batch.weights[place], dataset[index].weight)


def _order(parts: Parts, epoch: int, **options: Any) -> list[int]:
    loader = make_loader(CachedImages(*parts), batch_size=3, shuffle=True, **options)
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return [index for batch in loader for index in batch.indices.tolist()]


def test_seed_and_epoch_decide_the_order_and_workers_do_not(parts: Parts) -> None:
    assert _order(parts, 2, seed=1) == _order(parts, 2, seed=1, workers=2)
    assert _order(parts, 2, seed=1) != _order(parts, 3, seed=1)
    assert _order(parts, 2, seed=1) != _order(parts, 2, seed=2)
    assert sorted(_order(parts, 2, seed=1)) == list(range(COUNT))


def test_loader_of_draws_by_another_sampler(parts: Parts) -> None:
    draws = [[(4, 44), (1, 45)], [(0, 46)]]
    loader = make_loader(CachedImages(*parts), batch_sampler=draws)
    first, second = list(loader)
    assert first.indices.tolist() == [4, 1] and first.numbers.tolist() == [44, 45]
    assert second.numbers.tolist() == [46]
    plain = BatchSampler(EpochSampler(COUNT, seed=0, shuffle=False), 7, drop_last=True)
    assert [len(batch.indices) for batch in make_loader(
        CachedImages(*parts), batch_sampler=plain)] == [7, 7]  # fmt: skip


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_an_epoch(ranks: int) -> None:
    shares = [list(EpochSampler(11, seed=5, rank=rank, ranks=ranks)) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    assert set().union(*shares) == set(range(11))


def _images(count: int = 5, side: int = 32) -> torch.Tensor:
    stacked = np.stack([pattern(n, side, side) for n in range(count)])
    return torch.from_numpy(stacked).unsqueeze(1)


def test_augmentation_of_an_image_does_not_depend_on_its_batch() -> None:
    augment, images = Augmentation(flip=0.5), _images()
    indices = torch.tensor([7, 3, 11, 0, 5])
    whole = augment(images, indices, seed=1, epoch=2)
    for place in range(5):
        one = slice(place, place + 1)
        assert torch.equal(augment(images[one], indices[one], seed=1, epoch=2)[0], whole[place])
    turned = augment(images.flip(0), indices.flip(0), seed=1, epoch=2)
    assert torch.equal(turned.flip(0), whole)


@pytest.mark.parametrize("other", [{"seed": 2, "epoch": 2}, {"seed": 1, "epoch": 3}])
def test_augmentation_hangs_on_seed_and_epoch(other: dict[str, int]) -> None:
    augment, images, indices = Augmentation(), _images(), torch.arange(5)
    first = augment(images, indices, seed=1, epoch=2)
    assert torch.equal(first, augment(images, indices, seed=1, epoch=2))
    changed = augment(images, indices, **other)
    assert all(not torch.equal(a, b) for a, b in zip(first, changed, strict=True))


def test_an_epoch_for_each_image() -> None:
    augment, images, indices = Augmentation(), _images(2), torch.tensor([4, 4])
    both = augment(images, indices, seed=0, epoch=torch.tensor([0, 1]))
    assert torch.equal(both[0], augment(images, indices, seed=0, epoch=0)[0])
    assert torch.equal(both[1], augment(images, indices, seed=0, epoch=1)[1])


def test_global_random_state_is_neither_used_nor_moved() -> None:
    state = torch.get_rng_state()
    Augmentation()(_images(), torch.arange(5), seed=0, epoch=0)
    assert torch.equal(state, torch.get_rng_state())


def test_no_change_is_the_same_image() -> None:
    augment = Augmentation(**STILL)  # type: ignore[arg-type]
    images = _images()
    assert torch.equal(augment(images, torch.arange(5), seed=0, epoch=0), to_float(images))


def test_flip_mirrors() -> None:
    augment = Augmentation(**(STILL | {"flip": 1.0}))  # type: ignore[arg-type]
    images = _images()
    torch.testing.assert_close(
        augment(images, torch.arange(5), seed=0, epoch=0), to_float(images.flip(-1))
    )


def test_default_does_not_mirror() -> None:
    images = torch.zeros(64, 1, 32, 32)
    images[..., :8] = 1.0
    changed = Augmentation()(images, torch.arange(64), seed=0, epoch=0)
    assert (changed[..., :16].sum((1, 2, 3)) > changed[..., 16:].sum((1, 2, 3))).all()


def test_zoom_and_rotation_keep_the_centre() -> None:
    images = torch.zeros(16, 1, 33, 33)
    images[:, :, 15:18, 15:18] = 1.0
    options = STILL | {"rotate": 90.0, "zoom": (0.8, 1.25)}
    changed = Augmentation(**options)(images, torch.arange(16), seed=0, epoch=0)  # type: ignore[arg-type]
    assert (changed[:, 0, 16, 16] > 0.99).all()
    assert changed[:, 0, :8].sum() == 0


def test_shift_stays_within_its_bounds() -> None:
    images = torch.zeros(200, 1, 40, 40)
    images[:, 0, 20, 20] = 1.0
    augment = Augmentation(**(STILL | {"shift": 0.1}))  # type: ignore[arg-type]
    changed = augment(images, torch.arange(200), seed=0, epoch=0)[:, 0]
    rows, columns = (changed.sum(axis).argmax(1) - 20 for axis in (2, 1))
    for moved in (rows, columns):
        assert moved.abs().max() <= 4 and moved.min() <= -3 and moved.max() >= 3


def test_turning_is_rigid_in_pixels_on_an_oblong_image() -> None:
    images = torch.zeros(8, 1, 30, 60)
    images[:, 0, 10:20, 25:35] = 1.0
    augment = Augmentation(**(STILL | {"rotate": 40.0}))  # type: ignore[arg-type]
    area = augment(images, torch.arange(8), seed=3, epoch=0).sum((1, 2, 3))
    torch.testing.assert_close(area, torch.full((8,), 100.0), rtol=0.03, atol=0)


def test_exposure_stays_within_zero_and_one() -> None:
    augment = Augmentation(**(STILL | {"brightness": 1.0, "contrast": 1.0}))  # type: ignore[arg-type]
    changed = augment(_images(), torch.arange(5), seed=0, epoch=0)
    assert changed.min() >= 0 and changed.max() <= 1


def test_random_numbers_are_even_and_independent() -> None:
    draws = uniform(torch.arange(20_000), 7, seed=3, epoch=1).double()
    assert draws.min() >= 0 and draws.max() < 1
    assert torch.allclose(draws.mean(0), torch.full((7,), 0.5, dtype=torch.float64), atol=0.01)
    assert torch.allclose(draws.var(0), torch.full((7,), 1 / 12, dtype=torch.float64), atol=0.003)
    correlations = torch.corrcoef(draws.T) - torch.eye(7)
    assert correlations.abs().max() < 0.03
    neighbours = torch.corrcoef(torch.stack([draws[:-1, 0], draws[1:, 0]]))[0, 1]
    assert neighbours.abs() < 0.03


@pytest.mark.parametrize(
    ("key", "value"),
    [("zoom", (1.2, 0.9)), ("zoom", (0.0, 1.0)), ("flip", 1.5), ("rotate", -1.0), ("shift", -0.1)],
)
def test_settings_that_make_no_sense(key: str, value: Any) -> None:
    with pytest.raises(AugmentationError, match=f"augmentation {key}"):
        Augmentation(**{key: value})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_device_draws_the_same_numbers() -> None:
    indices = torch.arange(1000)
    here, there = (uniform(i, 7, seed=9, epoch=4) for i in (indices, indices.cuda()))
    assert torch.equal(here, there.cpu())
    images = _images(4)
    shown = [
        Augmentation()(x, indices[:4].to(x.device), seed=0, epoch=0)
        for x in (images, images.cuda())
    ]
    torch.testing.assert_close(shown[0], shown[1].cpu(), atol=2e-3, rtol=0)
