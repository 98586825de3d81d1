"""What the music backbone hears, in the words that it was trained to say: the tags of listeners."""

from __future__ import annotations

import json
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import WEIGHTS

_TAGS_FILE: Final = WEIGHTS / "musicnn_msd_tags.json"
_TAG_COLUMNS: Final = slice(1706, 1756)  # of musicnn's features: the probability of each tag


def rank_music_tags(features: NDArray[np.float16]) -> list[tuple[str, float]]:
    """Return musicnn's 50 tags with their probabilities, the most probable first.

    Args:
        features: float16 (patches, 1756 or more), of a whole song or of a part of it; at least one patch.
            Those of both shipped backbones begin with musicnn's.

    Returns:
        Tag, in small letters, and the mean of its probabilities, in [0, 1].
    """
    shares = features[:, _TAG_COLUMNS].astype(np.float32).mean(axis=0)
    order = np.argsort(-shares, kind="stable")
    return [(_tag_names()[place], float(shares[place])) for place in order.tolist()]


@cache
def _tag_names() -> list[str]:
    return [tag.lower() for tag in json.loads(_TAGS_FILE.read_text(encoding="utf-8"))]
