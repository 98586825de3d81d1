"""Cost of an image encoder before training with it: its size, and its speed compared with the shipped one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attune.benchmarks.named_things import MOODS
from attune.core.errors import AttuneError, MediaError
from attune.core.progress import Progress
from attune.embedding.backbones import DEFAULT_BACKBONES, SHIPPED_BACKBONES, Backbone, Backbones
from attune.embedding.text_tower import TextEncoder, TextTower


def measure_encoder(encoder: str, photos: Sequence[Path], progress: Progress) -> dict[str, Any]:
    """Time an encoder and the one of the network `attune` on the same pictures with one thread.

    Args:
        encoder: Name of the encoder, as in `attune train --image-backbone`, or of a shipped image backbone.
        photos: Pictures; at least one must be readable.
        progress: Receives the number of pictures.

    Returns:
        A JSON document; its list `encoders` has one row per encoder, that of `attune` first; its entry `text`
        is the cost of its text tower, or None.

    Raises:
        AttuneError: The encoder cannot be obtained, or none of the pictures can be read.
    """
    shipped = SHIPPED_BACKBONES.get(encoder)
    if shipped is not None and shipped.kind == "image":
        pair = (DEFAULT_BACKBONES["image"], shipped)
        return {"encoders": [_measure_cost(backbone, photos, progress) for backbone in pair]}
    from attune.training.encoders.open_clip import export_encoder

    with tempfile.TemporaryDirectory(prefix="attune-encoder-") as folder:
        both = (DEFAULT_BACKBONES["image"], export_encoder(encoder, Path(folder)).backbone)
        return {"encoders": [_measure_cost(backbone, photos, progress) for backbone in both]}


def _measure_cost(backbone: Backbone, photos: Sequence[Path], progress: Progress) -> dict[str, Any]:
    from attune.embedding.image_decoding import decode_image

    loaded = Backbones({**DEFAULT_BACKBONES, "image": backbone})
    decode_s, network_s, read = 0.0, 0.0, -1  # the first picture is not counted: it loads the libraries
    progress.start(backbone.name, len(photos))
    for path in [photos[0], *photos]:
        began = time.perf_counter()
        try:
            picture = decode_image(path, loaded.image_spec)
        except MediaError:
            continue
        decoded = time.perf_counter()
        loaded.features("image", picture.pixels[None])
        read += 1
        if read > 0:
            decode_s += decoded - began
            network_s += time.perf_counter() - decoded
            progress.advance()
    progress.finish()
    if read < 1:
        raise AttuneError(f"none of the {len(photos)} pictures can be read")
    return {
        "name": backbone.name,
        "megabytes": backbone.path.stat().st_size / 1e6,
        "side": backbone.image_spec.side,
        "width": backbone.width,
        "decode_ms": 1000 * decode_s / read,
        "network_ms": 1000 * network_s / read,
        "pictures": read,
        "text": None if backbone.text is None else _measure_text_cost(backbone.text),
    }


def _measure_text_cost(tower: TextTower) -> dict[str, float]:
    began = time.perf_counter()
    encoder = TextEncoder(tower)
    loaded = time.perf_counter()
    for sentence in MOODS:
        encoder.encode(sentence)
    return {
        "megabytes": sum(path.stat().st_size for path in (tower.path, tower.tokenizer)) / 1e6,
        "load_ms": 1000 * (loaded - began),
        "sentence_ms": 1000 * (time.perf_counter() - loaded) / len(MOODS),
    }
