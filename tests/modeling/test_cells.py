"""Boxes and pictures lie where the network looked, whatever its paddings do to its cells."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modeling.backbones import BACKBONES, cell_stride, first_centre
from modeling.box_options import upsampling_matrix
from modeling.boxes import HeatmapError, boxes_from_heatmap, peak_points
from modeling.cell_centres import cell_shares
from modeling.cells import place_evenly, placing_matrix
from modeling.heatmaps import Heatmaps, load_heatmaps, save_heatmaps
from modeling.network import build_network
from modeling.overlays import heat_layer
from tests.modeling.small import small_preset

SIDE = 256


class Averages(nn.Module):
    """Stands in for ResNet-50: its paddings and strides, each layer the mean of what it covers.

    A response to a single bright spot is then known: the cell that is centred nearest to it.
    """

    def forward(self, images: Tensor) -> Tensor:
        """The grey image averaged as 7 × 7 / 2, then 3 × 3 / 2 four times over."""
        maps = images[:, :1]
        for size in (7, 3, 3, 3, 3):
            kernel = torch.hann_window(size + 2, periodic=False)[1:-1]
            weights = torch.outer(kernel, kernel)[None, None]
            maps = nn.functional.conv2d(maps, weights, stride=2, padding=size // 2)
        return maps


def spot(x: int, y: int) -> Tensor:
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[..., y - 8 : y + 9, x - 8 : x + 9] = 1
    return image


def resnet_centres() -> tuple[float, ...]:
    stride, first = cell_stride("resnet50"), first_centre("resnet50")
    return tuple((first + stride * cell + 0.5) / SIDE for cell in range(SIDE // stride))


def middle(heat: np.ndarray, centres: tuple[float, ...] | None) -> tuple[float, float]:
    (box,) = boxes_from_heatmap(heat, image_size=SIDE, thresholds=(180,), centres=centres)
    return box.x + box.w / 2, box.y + box.h / 2


@pytest.mark.parametrize("place", [(96, 160), (128, 64), (112, 144)])
def test_a_box_lies_around_what_the_network_responds_to(place: tuple[int, int]) -> None:
    heat = Averages()(spot(*place))[0, 0].numpy()
    right = middle(heat, resnet_centres())
    even = middle(heat, None)
    assert right == pytest.approx(place, abs=4)
    # Without the centres it is half a cell off, to the lower right.
    assert np.subtract(even, place) == pytest.approx((15.5, 15.5), abs=4)


def test_the_picture_lies_where_the_box_does() -> None:
    heat = Averages()(spot(96, 160))[0, 0].numpy()
    layer = np.asarray(heat_layer(heat, (SIDE, SIDE), resnet_centres()))
    rows, columns = np.nonzero(layer[..., 3] >= layer[..., 3].max())
    assert (columns.mean(), rows.mean()) == pytest.approx((96, 160), abs=4)


def test_the_hottest_point_is_the_cells_centre() -> None:
    heat = np.zeros((1, 1, 8, 8))
    heat[0, 0, 3, 5] = 1
    assert peak_points(heat, image_size=SIDE, centres=resnet_centres()).tolist() == [
        [[160.5, 96.5]]
    ]


def test_even_centres_are_bilinear_interpolation() -> None:
    even = tuple((np.arange(8) + 0.5) / 8)
    np.testing.assert_allclose(placing_matrix(even, 96), upsampling_matrix(8, 96), atol=1e-6)
    heat = np.random.default_rng(0).standard_normal((8, 8))
    given = boxes_from_heatmap(heat, image_size=1024, centres=even)
    np.testing.assert_allclose(given, boxes_from_heatmap(heat, image_size=1024), atol=1e-4)


@pytest.mark.parametrize("centres", [(0.1, 0.5), (0.2, 0.1, 0.5, 0.7)])
def test_centres_that_cannot_be(centres: tuple[float, ...]) -> None:
    with pytest.raises(HeatmapError, match="rising"):
        boxes_from_heatmap(np.eye(4), image_size=64, centres=centres)


@pytest.mark.parametrize("name", [*BACKBONES, "densenet121+msa"])
def test_every_backbone_says_where_its_cells_are(name: str) -> None:
    settings = small_preset(backbone=name, image_size=128, transition_width=4, grid=4)
    plain = name.removesuffix("+msa")
    network = build_network(plain, findings=("Mass",), image_size=128, transition_width=4, grid=4)
    shares = cell_shares(network, settings, 4)
    assert shares is not None and len(shares) == 4
    assert all(0 <= share <= 1 for share in shares) and list(shares) == sorted(shares)
    assert cell_shares(network, settings, 13) is None


def test_grad_cams_cells_are_those_of_the_backbone() -> None:
    settings = small_preset(backbone="vgg16", image_size=128, transition_width=4, grid=4)
    network = build_network("vgg16", findings=("Mass",), image_size=128, transition_width=4, grid=4)
    shares = cell_shares(network, settings, 8)  # 128 pixels, stride 16
    assert shares == pytest.approx([(16 * cell + 8) / 128 for cell in range(8)])


def test_centres_are_kept_with_the_heatmaps(tmp_path: object) -> None:
    values = np.zeros((1, 1, 2, 2), np.float32)
    for number, centres in enumerate([(0.25, 0.7), None]):
        folder = tmp_path / str(number)  # type: ignore[operator]
        save_heatmaps(Heatmaps(values, ("a",), ("Mass",), "cam", "c", centres), folder)
        assert load_heatmaps(folder).centres == centres


def test_a_map_of_another_size_stays_as_it_is() -> None:
    heat = np.eye(3, dtype=np.float32)
    assert (place_evenly(heat, (0.2, 0.8), 96) == heat).all()
    assert place_evenly(heat, (0.1, 0.4, 0.8), 96).shape == (96, 96)
