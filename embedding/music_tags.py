"""musicnn's 50 tag probabilities."""

from __future__ import annotations

import json
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import MUSICNN_MSD, WEIGHTS

_TAGS_FILE: Final = WEIGHTS / "musicnn_msd_tags.json"


def rank_music_tags(features: NDArray[np.float16]) -> list[tuple[str, float]]:
    """Return musicnn's 50 tags with their probabilities, the most probable first.

    Args:
        features: float16 (patches, width) of a song or a part of it; at least one patch. The features of both
            shipped music backbones begin with musicnn's.

    Returns:
        Pairs of a tag, in lower case, and the mean over patches of its probability, in [0, 1].
    """
    probabilities = features[:, MUSICNN_MSD.layout.columns("taggram")].astype(np.float32).mean(axis=0)
    order = np.argsort(-probabilities, kind="stable")
    return [(_tag_names()[index], float(probabilities[index])) for index in order.tolist()]


@cache
def _tag_names() -> list[str]:
    return [tag.lower() for tag in json.loads(_TAGS_FILE.read_text(encoding="utf-8"))]
