"""Conversion of musicnn (Million Song Dataset) to `musicnn_msd.onnx` and `musicnn_msd_tags.json`.

    python -m attune.training.convert.musicnn_msd

Input `logmel`: float32 `(N, 187, 96)`, computed by `attune.embedding.logmel`. Output `features`: float32
`(N, 1756)`, with the blocks

    penultimate  the dense layer before the tags
    mean_pool    mean over time of the front end's and the middle layers' 753 channels
    max_pool     maximum over time of the same
    taggram      probability of each of the 50 tags, in the order of `musicnn_msd_tags.json`

Most filters of the front end are dead: weight decay left their kernels below 1e-10, so that their output is
constant. `LiveConv` computes the other filters and inserts the constants, which gives the same output with an
eighth of the multiplications. The constant columns are kept in the features, so that positions are those of
musicnn: 541 of each 753 are constant. The maxima reach about 130; all other values are below 10.

The required packages are listed in `requirements.txt`. The architecture follows Pons et al., "End-to-end
learning for music audio tagging at scale" (ISMIR 2018), reimplemented in PyTorch; the weights come from the
checkpoint in the package.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.training.convert.weight_files import MUSIC_FILE, TAGS_FILE, export

if TYPE_CHECKING:
    from numpy.typing import NDArray


def checkpoint_prefix() -> str:
    """Return the path prefix of musicnn's installed MSD checkpoint; it ends with a slash."""
    import musicnn

    return str(Path(next(iter(musicnn.__path__))) / "MSD_musicnn") + "/"


def read_variables() -> dict[str, NDArray[np.float32]]:
    """Return the network's variables by their TensorFlow names, without those of the optimiser."""
    import tensorflow as tf

    reader = tf.compat.v1.train.NewCheckpointReader(checkpoint_prefix())
    names = [
        name for name in reader.get_variable_to_shape_map() if "Adam" not in name and "power" not in name
    ]
    return {name: reader.get_tensor(name) for name in names}


def main() -> None:
    """Write both files and log the network's SHA-256."""
    import torch
    from musicnn.configuration import MSD_LABELS

    from attune.training.convert.musicnn_torch import Musicnn

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    export(Musicnn(read_variables()), torch.zeros(2, 187, 96), input_name="logmel", path=MUSIC_FILE)
    TAGS_FILE.write_text(json.dumps(MSD_LABELS, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
