"""Comparison of one picture with one song: score, correspondence, explanation and best moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attune.embedding.affect import Affect
from attune.embedding.network import Network
from attune.retrieval.answers import Moment, QueryEntry
from attune.retrieval.best_moment import find_best_moment
from attune.retrieval.correspondence import measure_correspondence
from attune.retrieval.mood_words import mood_word
from attune.retrieval.seeds import QueryItem, QuerySource

_SAME_DEGREE = 0.25  # smaller differences of places count as equal: an eighth of the items lie between


@dataclass(frozen=True, slots=True)
class Match:
    """Result of comparing a picture with a song.

    Attributes:
        score: Chance that both share a mood, in [0, 1], as among pairs of which half do.
        correspondence: Chance that both have the same polarity, in [0, 1], as among pairs of which half have.
        why: One sentence of explanation.
        image: The picture.
        music: The song.
        moment: The song's moment that fits the picture best.
    """

    score: float
    correspondence: float
    why: str
    image: QueryEntry
    music: QueryEntry
    moment: Moment

    @property
    def corresponds(self) -> bool:
        """Whether the correspondence is at least one half."""
        return self.correspondence >= 0.5

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from attune.retrieval.notebook import render_match

        return render_match(self)


def match(seeds: QuerySource, network: Network, image: str, music: str) -> Match:
    """Compare a picture with a song.

    Args:
        seeds: Source of the embeddings of both.
        network: The network that gives the chances.
        image: Path of, or other reference to, the picture.
        music: Path of, or other reference to, the song.

    Raises:
        UsageError: A file does not exist or is no media.
        MediaError: A file cannot be used.
    """
    picture, song = seeds.seed(image), seeds.seed(music)
    moments = seeds.moments(music)
    moment = find_best_moment(network, moments.embedded.vectors, picture.vector, moments.span_s)
    assert moment is not None  # a song has a moment that sounds
    score = float(network.score(np.dot(picture.vector, song.vector)))
    (correspondence,) = measure_correspondence(network, [picture.affect], [song.affect])
    return Match(score, correspondence, explain_match(picture, song), picture.entry, song.entry, moment)


def explain_match(picture: QueryItem, song: QueryItem) -> str:
    """Return one sentence that tells where picture and song agree and where they differ.

    Degrees are those of places: a song that is lively for a song equals a picture that is lively for a
    picture, whatever valence and arousal people would tell of both.
    """
    image_affect, music_affect = picture.affect, song.affect
    feeling = (
        f"both feel {mood_word(image_affect.place)}"
        if mood_word(image_affect.place) == mood_word(music_affect.place)
        else f"the picture feels {mood_word(image_affect.place)}, the music {mood_word(music_affect.place)}"
    )
    pleasant = _compare_degree(image_affect.place_valence, music_affect.place_valence)
    lively = _compare_degree(image_affect.place_arousal, music_affect.place_arousal)
    polarity = _describe_polarity(image_affect, music_affect)
    return f"{feeling}; for a song, the music is {pleasant} pleasant and {lively} lively ({polarity})"


def _compare_degree(image_value: float, music_value: float) -> str:
    if abs(music_value - image_value) <= _SAME_DEGREE:
        return "as"
    return "more" if music_value > image_value else "less"


def _describe_polarity(image_affect: Affect, music_affect: Affect) -> str:
    if image_affect.polarity == music_affect.polarity:
        return f"both most likely {image_affect.polarity}"
    return f"picture most likely {image_affect.polarity}, music {music_affect.polarity}"
