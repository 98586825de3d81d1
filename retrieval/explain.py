"""One-line explanations of results: positions on the plane, best moment, music tags, look of the picture.

Each part is computed from the files themselves. The effect of a quality (such as brightness) on a picture's
mood is measured by experiment: the picture is embedded again with that quality normalised, and the difference
in valence and arousal is the effect.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError, escape_path
from attune.embedding.backbones import PATCH_S, Backbones
from attune.embedding.color_statistics import ColorStatistics, measure_colors, normalize_quality
from attune.embedding.image_decoding import Picture, decode_image
from attune.embedding.image_geometry import crop_padding, pad_to_square
from attune.embedding.media_files import Kind
from attune.embedding.music_tags import rank_music_tags
from attune.embedding.network import Affect, Network
from attune.embedding.network_config import is_shipped
from attune.embedding.segments import segment_length
from attune.indexer.library import Library
from attune.retrieval.render_text import format_time
from attune.retrieval.results import Answer, Moment, Result
from attune.retrieval.seeds import WHOLE_SONG, QueryItem, QueryResolver, Span

_TAGS = 3
_MIN_TAG_PROBABILITY = 0.1  # a less probable tag is a guess
_MIN_EFFECT = 0.05  # smaller changes of valence or arousal are not mentioned
_NEUTRAL_RANGE = 0.1  # valence or arousal nearer to 0 is called neither positive nor negative
_KINDS: dict[Kind, str] = {"image": "picture", "music": "song"}


def explain_answer(
    answer: Answer, library: Library, network: Network, seeds: QueryResolver, span: Span = WHOLE_SONG
) -> Answer:
    """Return an answer with an explanation in each result.

    Args:
        answer: An answer of `find` with the same library, network, seeds and span.
        library: The library that was searched.
        network: The network of that library.
        seeds: The resolver of the query's files.
        span: The part of each song in the query that was used.
    """
    explainer = _Explainer(answer, library, network, seeds, span)
    results = [replace(result, why=explainer.why(result)) for result in answer.results]
    return replace(answer, results=results)


class _Explainer:
    def __init__(
        self, answer: Answer, library: Library, network: Network, seeds: QueryResolver, span: Span
    ) -> None:
        self._library = library
        self._network = network
        self._seeds = seeds
        self._span = span
        self._query_items = [seeds.seed(entry.path, span) for entry in answer.query if entry.path is not None]
        self._backbones = Backbones(network.backbones, threads=os.cpu_count() or 1)
        self._picture_descriptions: dict[str, str] = {}

    def why(self, result: Result) -> str:
        """Return the explanation of one result, in comparison with the query item nearest to it."""
        vector = self._library.vectors([result.id])[0]
        query_item = max(self._query_items, key=lambda seed: float(seed.vector @ vector))
        if query_item.kind == "music":
            sound = self._describe_sound(*self._find_query_moment(query_item.path, vector))
            picture = result.path
        else:
            sound = self._describe_sound(*self._load_result_moment(result))
            picture = query_item.path
        parts = [
            compare_affect(query_item, result),
            sound,
            f"picture: {self._describe_picture_file(picture)}",
        ]
        if len(self._query_items) > 1:
            parts.insert(0, f"nearest to {escape_path(Path(query_item.path).name)}")
        return "; ".join(part for part in parts if part)

    def _find_query_moment(
        self, path: str, vector: NDArray[np.float32]
    ) -> tuple[Moment, NDArray[np.float16]]:
        """Return the moment of a query's song, inside the span, that fits best, and the song's features."""
        moments, features = self._seeds.moments(path), self._seeds.features(path)
        inner = moments.embedded.vectors @ vector
        # Moment i covers the feature rows from i on; only moments whose rows lie in the span count.
        first = min(int((self._span.start_s or 0.0) // PATCH_S), len(inner) - 1)
        end = len(features) if self._span.end_s is None else ceil(self._span.end_s / PATCH_S)
        after = max(first + 1, end - segment_length(len(features)) + 1)
        best = first + int(np.argmax(inner[first:after]))
        start_s = float(moments.starts_s[best])
        score = float(self._network.probability(inner[best]))
        return Moment(start_s, start_s + moments.span_s, score), features

    def _load_result_moment(self, result: Result) -> tuple[Moment | None, NDArray[np.float16]]:
        # By path: if the stored features are lost, they are computed from the file again.
        return result.moment, self._seeds.features(result.path)

    def _describe_sound(self, moment: Moment | None, features: NDArray[np.float16]) -> str:
        """Describe the moment that fits best and, if musicnn is the backbone, its most probable tags."""
        if moment is None:
            return ""
        span = f"{format_time(moment.start_s)}–{format_time(moment.end_s)}"
        fits = f"song fits best at {span} ({moment.score:.0%})"
        if not is_shipped(self._network.backbones["music"]):
            return fits  # only musicnn's features contain tag probabilities
        first = round(moment.start_s / PATCH_S)
        tags = rank_music_tags(features[first : first + segment_length(len(features))])[:_TAGS]
        tag_texts = [f"{tag} {share:.0%}" for tag, share in tags if share >= _MIN_TAG_PROBABILITY]
        return f"{fits}, musicnn hears {', '.join(tag_texts) or 'none of its 50 tags'}"

    def _describe_picture_file(self, path: str) -> str:
        if path not in self._picture_descriptions:
            try:
                self._picture_descriptions[path] = self._describe_pixels(
                    decode_image(path, self._backbones.image_spec)
                )
            except MediaError as error:
                self._picture_descriptions[path] = f"cannot be looked at: {error.reason}"
        return self._picture_descriptions[path]

    def _describe_pixels(self, picture: Picture) -> str:
        spec = self._backbones.image_spec
        pixels = crop_padding(picture.pixels, (picture.width, picture.height), spec)
        statistics = measure_colors(pixels)
        variants = [pixels, *(normalize_quality(pixels, quality) for quality in statistics.unusual)]
        squares = [pad_to_square(variant, spec) for variant in variants]
        features = self._backbones.features("image", np.stack(squares))
        affect = self._network.embed("image", features).affect[:, :2]
        return describe_picture(statistics, affect[0] - affect[1:])


def compare_affect(query_item: QueryItem, result: Result) -> str:
    """Describe the valence and arousal of a query item and of a result, in words and numbers."""
    query_noun = _KINDS[query_item.kind]
    result_noun = _KINDS["image" if query_item.kind == "music" else "music"]
    query_words, result_words = _affect_words(query_item.affect), _affect_words(result.affect)
    query_place, result_place = _format_affect(query_item.affect), _format_affect(result.affect)
    if query_words == result_words:
        return f"both {query_words} ({query_noun} {query_place}, {result_noun} {result_place})"
    return f"{query_noun} {query_words} ({query_place}), {result_noun} {result_words} ({result_place})"


def _affect_words(affect: Affect) -> str:
    pleasant = _level_word(affect.valence, "pleasant", "unpleasant", "neither pleasant nor unpleasant")
    lively = _level_word(affect.arousal, "lively", "quiet", "neither lively nor quiet")
    return f"{pleasant} and {lively}"


def _level_word(value: float, high: str, low: str, middle: str) -> str:
    if abs(value) < _NEUTRAL_RANGE:
        return middle
    return high if value > 0 else low


def _format_affect(affect: Affect) -> str:
    # Adding 0.0 turns a negative zero into a positive one.
    numbers = (f"{round(value, 2) + 0.0:+.2f}" for value in (affect.valence, affect.arousal))
    return " ".join(numbers).replace("-", "−")


def describe_picture(statistics: ColorStatistics, effect_sizes: NDArray[np.floating]) -> str:
    """Describe how a picture looks and how that changes its mood.

    Args:
        statistics: The colour statistics of the picture.
        effect_sizes: (n, 2), for each of the n unusual qualities the change of valence and arousal that it
            causes.
    """
    effects = [
        f"{statistics.word(quality)}: {effect}"
        for quality, change in zip(statistics.unusual, effect_sizes.tolist(), strict=True)
        if (effect := _describe_effect(change))
    ]
    looks = ", ".join(statistics.words.values())
    return f"{looks} ({'; '.join(effects)})" if effects else f"{looks} (which hardly moves its mood)"


def _describe_effect(change: Sequence[float]) -> str:
    valence, arousal = change
    effects = []
    if abs(valence) >= _MIN_EFFECT:
        effects.append(f"{abs(valence):.2f} {'more' if valence > 0 else 'less'} pleasant")
    if abs(arousal) >= _MIN_EFFECT:
        effects.append(f"{abs(arousal):.2f} {'livelier' if arousal > 0 else 'quieter'}")
    return ", ".join(effects)
