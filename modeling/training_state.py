"""What a training must remember beside the weights to go on as if it had never stopped.

The order of the images and the learning rate are functions of the step, so what is left is the
optimiser's memory and the generators of random numbers.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modeling.checkpoints import State


def capture(optimizer: torch.optim.Optimizer, values: Mapping[str, Any]) -> State:
    """The state of the optimiser and of all global generators, beside the `values` given."""
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    whole = optimizer.state_dict()
    for index, memory in whole["state"].items():
        for name, value in memory.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                plain.setdefault(str(index), {})[name] = value
    tensors["generator.torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["generator.cuda"] = torch.cuda.get_rng_state()
    kind, keys, *rest = np.random.get_state(legacy=True)
    tensors["generator.numpy"] = torch.from_numpy(np.asarray(keys).astype(np.int64))
    version, words, gauss = random.getstate()
    return State(
        tensors,
        {
            **values,
            "optimizer": {"memory": plain, "groups": whole["param_groups"]},
            "generators": {"numpy": [kind, *rest], "python": [version, list(words), gauss]},
        },
    )


def restore(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Returns when the optimiser and the global generators are as they were captured."""
    saved = state.values["optimizer"]
    memory: dict[int, dict[str, Any]] = {
        int(index): dict(values) for index, values in saved["memory"].items()
    }
    for key, tensor in state.tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            memory.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": memory, "param_groups": saved["groups"]})
    torch.set_rng_state(state.tensors["generator.torch"])
    if torch.cuda.is_available() and "generator.cuda" in state.tensors:
        torch.cuda.set_rng_state(state.tensors["generator.cuda"])
    kind, *rest = state.values["generators"]["numpy"]
    keys = state.tensors["generator.numpy"].numpy().astype(np.uint32)
    np.random.set_state((kind, keys, *rest))
    version, words, gauss = state.values["generators"]["python"]
    random.setstate((version, tuple(words), gauss))
