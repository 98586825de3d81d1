"""Comparison of one picture with one song: correspondence probability, explanation and best moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attune.embedding.network import Affect, Network
from attune.retrieval.answers import Moment, QueryEntry
from attune.retrieval.best_moment import find_best_moment
from attune.retrieval.mood_words import mood_word
from attune.retrieval.seeds import QueryItem, QuerySource

_SAME_DEGREE = 0.25  # smaller differences count as equal: about the spread of raters on one picture


@dataclass(frozen=True, slots=True)
class Match:
    """Result of comparing a picture with a song.

    Attributes:
        score: Correspondence probability in [0, 1].
        why: One sentence of explanation.
        image: The picture.
        music: The song.
        moment: The song's moment that fits the picture best.
    """

    score: float
    why: str
    image: QueryEntry
    music: QueryEntry
    moment: Moment

    @property
    def corresponds(self) -> bool:
        """Whether the score is at least one half."""
        return self.score >= 0.5

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from attune.retrieval.notebook import render_match

        return render_match(self)


def match(seeds: QuerySource, network: Network, image: str, music: str) -> Match:
    """Compare a picture with a song.

    Args:
        seeds: Source of the embeddings of both.
        network: The network that gives the probability.
        image: Path of, or other reference to, the picture.
        music: Path of, or other reference to, the song.

    Raises:
        UsageError: A file does not exist or is no media.
        MediaError: A file cannot be used.
    """
    picture, song = seeds.seed(image), seeds.seed(music)
    moments = seeds.moments(music)
    moment = find_best_moment(network, moments.embedded.vectors, picture.vector, moments.span_s)
    score = float(network.probability(np.dot(picture.vector, song.vector)))
    return Match(score, explain_match(picture, song), picture.entry, song.entry, moment)


def explain_match(picture: QueryItem, song: QueryItem) -> str:
    """Return one sentence that tells where picture and song agree and where they differ."""
    image_affect, music_affect = picture.affect, song.affect
    feeling = (
        f"both feel {mood_word(image_affect)}"
        if mood_word(image_affect) == mood_word(music_affect)
        else f"the picture feels {mood_word(image_affect)}, the music {mood_word(music_affect)}"
    )
    pleasant = _compare_degree(image_affect.valence, music_affect.valence)
    lively = _compare_degree(image_affect.arousal, music_affect.arousal)
    polarity = _describe_polarity(image_affect, music_affect)
    return f"{feeling}; the music is {pleasant} pleasant and {lively} lively ({polarity})"


def _compare_degree(image_value: float, music_value: float) -> str:
    if abs(music_value - image_value) <= _SAME_DEGREE:
        return "as"
    return "more" if music_value > image_value else "less"


def _describe_polarity(image_affect: Affect, music_affect: Affect) -> str:
    if image_affect.polarity == music_affect.polarity:
        return f"both most likely {image_affect.polarity}"
    return f"picture most likely {image_affect.polarity}, music {music_affect.polarity}"
