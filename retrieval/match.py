"""Whether one picture and one song carry the same emotion, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from attune.embedding.network import Affect, Network
from attune.retrieval.plane import mood_word
from attune.retrieval.query import Seed, SeedSource
from attune.retrieval.results import Asked, Moment

_ALIKE = 0.25  # valence or arousal this close feels the same: about the spread of raters on one picture


@dataclass(frozen=True, slots=True)
class Match:
    """The verdict on a picture and a song.

    Attributes:
        score: Correspondence probability in [0, 1].
        why: One sentence.
        image: The picture.
        music: The song.
        moment: The song's moment that fits the picture best.
    """

    score: float
    why: str
    image: Asked
    music: Asked
    moment: Moment

    @property
    def corresponds(self) -> bool:
        """Whether the score is at least one half."""
        return self.score >= 0.5

    def to_json(self) -> dict[str, Any]:
        """Return the JSON answer of `attune match`."""
        return {
            "score": self.score,
            "corresponds": self.corresponds,
            "why": self.why,
            "image": self.image.to_json(),
            "music": self.music.to_json() | {"moment": self.moment.to_json()},
        }


def match(seeds: SeedSource, network: Network, image: str, music: str) -> Match:
    """Judge a picture and a song.

    Raises:
        UsageError: A file does not exist or is no media.
        MediaError: A file cannot be used.
    """
    picture, song = seeds.seed(image), seeds.seed(music)
    moments = seeds.moments(music)
    inner = moments.embedded.vectors @ picture.vector
    best = int(np.argmax(inner))
    start_s = float(moments.starts_s[best])
    moment = Moment(start_s, start_s + moments.span_s, float(network.probability(inner[best])))
    score = float(network.probability(np.dot(picture.vector, song.vector)))
    return Match(score, explain(picture, song), picture.asked, song.asked, moment)


def explain(picture: Seed, song: Seed) -> str:
    """Say in one sentence where picture and song agree and where they part."""
    seen, heard = picture.affect, song.affect
    feeling = (
        f"both feel {mood_word(seen)}"
        if mood_word(seen) == mood_word(heard)
        else f"the picture feels {mood_word(seen)}, the music {mood_word(heard)}"
    )
    return (
        f"{feeling}; the music is {_degree(seen.valence, heard.valence)} pleasant"
        f" and {_degree(seen.arousal, heard.arousal)} lively ({_polarity(seen, heard)})"
    )


def _degree(seen: float, heard: float) -> str:
    if abs(heard - seen) <= _ALIKE:
        return "as"
    return "more" if heard > seen else "less"


def _polarity(seen: Affect, heard: Affect) -> str:
    if seen.polarity == heard.polarity:
        return f"both most likely {seen.polarity}"
    return f"picture most likely {seen.polarity}, music {heard.polarity}"
