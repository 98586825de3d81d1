"""musicnn's 50 tag probabilities."""

from __future__ import annotations

import json
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import MUSICNN_MSD, WEIGHTS
from attune.embedding.silent_patches import average_sounding

_TAGS_FILE: Final = WEIGHTS / "musicnn_msd_tags.json"


def rank_music_tags(features: NDArray[np.float16]) -> list[tuple[str, float]]:
    """Return musicnn's 50 tags with their probabilities, the most probable first.

    Args:
        features: float16 (patches, width) of a song or a part of it; at least one patch that is not silent.
            The features of both shipped music backbones begin with musicnn's.

    Returns:
        Pairs of a tag, in lower case, and its mean probability, in [0, 1], over the patches that sound.
    """
    probabilities = average_sounding(features[:, MUSICNN_MSD.layout.columns("taggram")])
    order = np.argsort(-probabilities, kind="stable")
    return [(music_tag_names()[index], float(probabilities[index])) for index in order.tolist()]


@cache
def music_tag_names() -> tuple[str, ...]:
    """Return the names of the 50 tags in lower case, in the order of musicnn's output."""
    return tuple(tag.lower() for tag in json.loads(_TAGS_FILE.read_text(encoding="utf-8")))
