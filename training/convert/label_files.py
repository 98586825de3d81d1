"""Conversion of the image classifiers, and of the texts of all labels, to what matches words with content.

    python -m attune.training.convert.label_files

`embedding/weights/image_classes.npz`: for each shipped image backbone, the last layer of its classifier:
`NAME.weights`, int8 (1280, 1000), in [-31, 31] (6 bits lose nothing that can be measured, and compress well);
`NAME.scales`, float32 (1000,), by which each class is multiplied; `NAME.bias`, float32 (1000,). And `names`,
the 1000 class names as torchvision lists them.

`embedding/weights/label_sentences.npz`: sentence vectors (`attune.embedding.words.sentence_encoder`), float16
(n, 512) of unit length: `image.labels` and `music.labels`, one per label (zeros for a label without a text);
`image.background` and `music.background`, of words that name no label. The texts are in
`attune.training.convert.label_texts`. A class without a scene there is described by its definition in
WordNet 3.0, as timm carries it.

The required packages are listed in `requirements.txt`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import EFFICIENTNET_LITE0, EFFICIENTNET_LITE2_FACES
from attune.embedding.content_labels import CLASSES_FILE
from attune.embedding.label_sentences import SENTENCES_FILE
from attune.embedding.music_tags import music_tag_names
from attune.embedding.words.sentence_encoder import open_sentence_encoder
from attune.training.conse import SEMANTICS_FILE
from attune.training.convert.label_texts import MOOD_WORDS, MUSIC_WORDS, PICTURE_WORDS, SCENES, TAG_TEXTS

log = logging.getLogger(__name__)

_LEVELS: Final = 31  # of a weight on each side of zero
_LITE2_LAYER: Final = "network._fc"


def read_classifiers() -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return weights (1280, 1000) and bias (1000,) of the classifier of each shipped image backbone."""
    import onnx

    graph = onnx.load(EFFICIENTNET_LITE2_FACES.path).graph
    lite2 = {part.name: onnx.numpy_helper.to_array(part) for part in graph.initializer}
    with np.load(SEMANTICS_FILE, allow_pickle=False) as lite0:
        return {
            EFFICIENTNET_LITE0.name: (lite0["weights"].astype(np.float32), lite0["bias"].astype(np.float32)),
            EFFICIENTNET_LITE2_FACES.name: (
                lite2[f"{_LITE2_LAYER}.weight"].T,
                lite2[f"{_LITE2_LAYER}.bias"],
            ),
        }


def quantize(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return weights rounded to `_LEVELS` steps on each side of zero, and the step of each column."""
    scales = np.abs(weights).max(axis=0) / _LEVELS
    return np.round(weights / scales).astype(np.int8), scales.astype(np.float32)


def describe_classes(names: Sequence[str]) -> list[str]:
    """Return one text for each of the 1000 classes: its name, and its scene or its definition."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    definitions = [info.index_to_description(index, detailed=True).split(": ", 1)[1] for index in range(1000)]
    return [
        f"{name}: {SCENES.get(name, definition)}" for name, definition in zip(names, definitions, strict=True)
    ]


def encode(texts: Sequence[str]) -> NDArray[np.float16]:
    """Return the sentence vectors of texts, float16 (n, 512); zeros for an empty text."""
    vectors = np.asarray(open_sentence_encoder().encode(list(texts)), np.float32)
    vectors[[not text for text in texts]] = 0.0
    return vectors.astype(np.float16)


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write a `.npz` file and log its SHA-256."""
    np.savez_compressed(path, allow_pickle=False, **arrays)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    log.info("%s  %s  %.1f MB", digest, path.name, path.stat().st_size / 1e6)


def main() -> None:
    """Write both files and log their SHA-256."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    names = list(_IMAGENET_CATEGORIES)
    arrays: dict[str, NDArray[Any]] = {"names": np.array(names)}
    for backbone, (weights, bias) in read_classifiers().items():
        rounded, scales = quantize(weights)
        arrays |= {f"{backbone}.weights": rounded, f"{backbone}.scales": scales, f"{backbone}.bias": bias}
    write_arrays(CLASSES_FILE, arrays)
    sentences = {
        "image.labels": encode(describe_classes(names)),
        "image.background": encode([*MOOD_WORDS, *PICTURE_WORDS]),
        "music.labels": encode([TAG_TEXTS.get(name, "") for name in music_tag_names()]),
        "music.background": encode([*MOOD_WORDS, *MUSIC_WORDS]),
    }
    write_arrays(SENTENCES_FILE, dict(sentences))


if __name__ == "__main__":
    main()
