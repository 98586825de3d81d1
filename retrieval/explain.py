"""Why an answer is one, in one line: where both lie, what is heard, what is seen, which moment fits.

Each part is computed from the files at hand. What moves a picture's mood is found by trying: the picture is
judged again with one quality evened out, and the difference is what that quality did.
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
from attune.embedding.image_decoding import Picture, read_image
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
_MIN_TAG_PROBABILITY = 0.1  # below, a tag is a guess
_MIN_EFFECT = 0.05  # of valence or arousal: less is not worth a word
_NEUTRAL_RANGE = 0.1  # valence or arousal this near to 0 lean to no side
_KINDS: dict[Kind, str] = {"image": "picture", "music": "song"}


def explain_answer(
    answer: Answer, library: Library, network: Network, seeds: QueryResolver, span: Span = WHOLE_SONG
) -> Answer:
    """Return an answer whose results say why they are in it.

    Args:
        answer: Of `find`, with this library, network, seeds and span.
        library: Where the results lie.
        network: The network of that library.
        seeds: What was asked with.
        span: The part of each song that was asked with.
    """
    explainer = _Explainer(answer, library, network, seeds, span)
    return replace(answer, results=[replace(one, why=explainer.why(one)) for one in answer.results])


class _Explainer:
    def __init__(
        self, answer: Answer, library: Library, network: Network, seeds: QueryResolver, span: Span
    ) -> None:
        self._library = library
        self._network = network
        self._seeds = seeds
        self._span = span
        self._query_items = [seeds.seed(asked.path, span) for asked in answer.query if asked.path is not None]
        self._backbones = Backbones(network.backbones, threads=os.cpu_count() or 1)
        self._picture_descriptions: dict[str, str] = {}

    def why(self, result: Result) -> str:
        """Return the line for one result, from what the library knows of it and from its file."""
        vector = self._library.vectors([result.id])[0]
        asked = max(self._query_items, key=lambda seed: float(seed.vector @ vector))
        if asked.kind == "music":
            sound = self._describe_sound(*self._find_query_moment(asked.path, vector))
            picture = result.path
        else:
            sound = self._describe_sound(*self._load_result_moment(result))
            picture = asked.path
        parts = [compare_affect(asked, result), sound, f"picture: {self._describe_picture_file(picture)}"]
        if len(self._query_items) > 1:
            parts.insert(0, f"nearest to {escape_path(Path(asked.path).name)}")
        return "; ".join(part for part in parts if part)

    def _find_query_moment(
        self, path: str, vector: NDArray[np.float32]
    ) -> tuple[Moment, NDArray[np.float16]]:
        """Return the moment of an asked song, inside the span, that fits a picture best."""
        moments, features = self._seeds.moments(path), self._seeds.features(path)
        inner = moments.embedded.vectors @ vector
        # Moment i covers the feature rows from i on; those that were asked with are the span's.
        first = min(int((self._span.start_s or 0.0) // PATCH_S), len(inner) - 1)
        end = len(features) if self._span.end_s is None else ceil(self._span.end_s / PATCH_S)
        after = max(first + 1, end - segment_length(len(features)) + 1)
        best = first + int(np.argmax(inner[first:after]))
        start_s = float(moments.starts_s[best])
        score = float(self._network.probability(inner[best]))
        return Moment(start_s, start_s + moments.span_s, score), features

    def _load_result_moment(self, result: Result) -> tuple[Moment | None, NDArray[np.float16]]:
        (item,) = self._library.items([result.id]).values()
        return result.moment, self._library.features(item, self._network.backbones["music"])

    def _describe_sound(self, moment: Moment | None, features: NDArray[np.float16]) -> str:
        """Say which moment fits and, where musicnn is the backbone, what it hears in it."""
        if moment is None:
            return ""
        span = f"{format_time(moment.start_s)}–{format_time(moment.end_s)}"
        fits = f"song fits best at {span} ({moment.score:.0%})"
        if not is_shipped(self._network.backbones["music"]):
            return fits  # another backbone has no words for what it hears
        first = round(moment.start_s / PATCH_S)
        tags = rank_music_tags(features[first : first + segment_length(len(features))])[:_TAGS]
        named = [f"{tag} {share:.0%}" for tag, share in tags if share >= _MIN_TAG_PROBABILITY]
        return f"{fits}, musicnn hears {', '.join(named) or 'none of its 50 tags'}"

    def _describe_picture_file(self, path: str) -> str:
        if path not in self._picture_descriptions:
            try:
                self._picture_descriptions[path] = self._describe_pixels(
                    read_image(path, self._backbones.view)
                )
            except MediaError as error:
                self._picture_descriptions[path] = f"cannot be looked at: {error.reason}"
        return self._picture_descriptions[path]

    def _describe_pixels(self, picture: Picture) -> str:
        view = self._backbones.view
        shown = crop_padding(picture.pixels, (picture.width, picture.height), view)
        look = measure_colors(shown)
        tried = [shown, *(normalize_quality(shown, quality) for quality in look.unusual)]
        squares = [pad_to_square(one, view) for one in tried]
        features = self._backbones.features("image", np.stack(squares))
        affect = self._network.embed("image", features).affect[:, :2]
        return describe_picture(look, affect[0] - affect[1:])


def compare_affect(asked: QueryItem, result: Result) -> str:
    """Say where what was asked with and an answer lie on valence and arousal."""
    one, other = _KINDS[asked.kind], _KINDS["image" if asked.kind == "music" else "music"]
    here, there = asked.affect, result.affect
    if _affect_words(here) == _affect_words(there):
        return f"both {_affect_words(here)} ({one} {_format_affect(here)}, {other} {_format_affect(there)})"
    first = f"{one} {_affect_words(here)} ({_format_affect(here)})"
    return f"{first}, {other} {_affect_words(there)} ({_format_affect(there)})"


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
    shown = (f"{round(value, 2) + 0.0:+.2f}" for value in (affect.valence, affect.arousal))
    return " ".join(shown).replace("-", "−")


def describe_picture(statistics: ColorStatistics, effect_sizes: NDArray[np.floating]) -> str:
    """Say how a picture looks and what that does to its mood.

    Args:
        look: Of the picture.
        moved: (n, 2) for each unusual quality: by how much it moves valence and arousal.
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
