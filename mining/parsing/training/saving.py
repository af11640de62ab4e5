"""Trained weights as a folder that ships with the package."""

import shutil
from pathlib import Path

import numpy as np
from spacy.language import Language

__all__ = ["WEIGHTS_VERSION", "save_weights"]

#: Of the recipe; raise it when the grammar, the mix or the settings change.
WEIGHTS_VERSION = "1.0.0"


def save_weights(nlp: Language, folder: Path) -> None:
    """Write the pipeline to `folder`: config, moves and weights, no words and no tokenizer.

    Weights are rounded to half precision first: the folder compresses to half its size, and about
    one arc in forty thousand changes.
    """
    nlp.meta.update(
        name="cxrmine_embedded",
        version=WEIGHTS_VERSION,
        spacy_version=">=3.8,<3.9",
        description="Dependency parser for English clinical text, Universal Dependencies v2",
        license="CC BY-SA 4.0",
        sources=[
            {"name": "UD English-EWT 2.15", "license": "CC BY-SA 4.0"},
            {"name": "GENIA dependency trees", "license": "CC BY 3.0"},
        ],
    )
    for node in nlp.get_pipe("parser").model.walk():  # type: ignore[attr-defined]
        for name in node.param_names:
            if node.has_param(name):
                weights = node.get_param(name)
                node.set_param(name, weights.astype(np.float16).astype(np.float32))
    if folder.exists():
        shutil.rmtree(folder)
    nlp.to_disk(folder, exclude=["vocab", "tokenizer"])
