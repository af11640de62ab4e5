"""Where the cells of a network's heatmaps are centred."""

from __future__ import annotations

from modeling.attention import MiningNetwork
from modeling.backbones import cell_stride, first_centre, map_size
from modeling.multiscale import LEVELS, SUFFIX, plain_name
from modeling.network import Network
from modeling.presets import Preset


def cell_shares(
    network: Network | MiningNetwork, settings: Preset, side: int
) -> tuple[float, ...] | None:
    """Where the `side` rows (= columns) of its heatmaps are centred, as shares of the image's side.

    Those of the network's own maps or, for Grad-CAM++, of the backbone's last one. None for a map
    that is neither.
    """
    if len(network.cell_centres) == side:
        pixels = network.cell_centres
    else:
        name = plain_name(settings.backbone)
        if map_size(name, settings.image_size) != side:
            return None
        last = LEVELS[name][-1] if settings.backbone.endswith(SUFFIX) else None
        first = last.first if last else first_centre(name)
        stride = last.stride if last else cell_stride(name)
        pixels = tuple(first + stride * cell for cell in range(side))
    return tuple((pixel + 0.5) / settings.image_size for pixel in pixels)
