"""One-line explanations of answers: positions on the plane, best moment, music tags, look of the picture.

Each part is computed from the files themselves. The effect of a quality (such as brightness) on a picture's
mood is measured by experiment: the picture is embedded again with that quality normalised, and the difference
of the two places is the effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError, escape_path
from attune.embedding.affect import PLACE_COLUMNS
from attune.embedding.backbones import PATCH_S
from attune.embedding.color_statistics import ColorStatistics, measure_colors, normalize_quality
from attune.embedding.image_decoding import Picture, decode_image
from attune.embedding.image_geometry import crop_padding, pad_to_square
from attune.embedding.media_files import Kind
from attune.embedding.music_tags import rank_music_tags
from attune.embedding.network import Network
from attune.embedding.network_config import is_shipped
from attune.embedding.segments import segment_length
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer, Answers, Moment
from attune.retrieval.best_moment import find_best_moment
from attune.retrieval.place_words import describe_place, format_place
from attune.retrieval.render_text import format_time
from attune.retrieval.seeds import WHOLE_SONG, QueryItem, QuerySource, Span
from attune.retrieval.words.aims import ANYTHING, Target
from attune.retrieval.words.explanation import explain_meaning

_TAGS = 3
_MIN_TAG_PROBABILITY = 0.1  # a less probable tag is a guess
_MIN_EFFECT = 0.1  # smaller changes of the place are not mentioned: they pass a twentieth of all pictures
_NOT_THERE = "cannot be looked at: the file is not there now"
_KINDS: dict[Kind, str] = {"image": "picture", "music": "song"}


def explain_answers(
    answers: Answers,
    library: LibraryReader,
    network: Network,
    seeds: QuerySource,
    references: Sequence[str],
    span: Span = WHOLE_SONG,
    target: Target = ANYTHING,
) -> Answers:
    """Return answers with an explanation in each.

    Args:
        answers: Answers of `find` with the same library, network, seeds, references and span.
        library: The library that was searched.
        network: The network of that library.
        seeds: Source of the query's files.
        references: The query's files.
        span: The part of each song in the query that was used.
        target: What the answers should also be near to, and far from.
    """
    explainer = Explainer(library, network, seeds, references, span, target)
    vectors = library.vectors([answer.item.id for answer in answers.results])
    results = [
        replace(answer, explanation=explainer.explain(answer, vector))
        for answer, vector in zip(answers.results, vectors, strict=True)
    ]
    return replace(answers, results=results)


class Explainer:
    """Explains the answers to one query; what it learns of the query's files is kept.

    Args:
        library: The library that was searched.
        network: The network of that library.
        seeds: Source of the query's files.
        references: The query's files, at least one.
        span: The part of each song in the query that was used.
        target: What the answers should also be near to, and far from.
    """

    def __init__(
        self,
        library: LibraryReader,
        network: Network,
        seeds: QuerySource,
        references: Sequence[str],
        span: Span,
        target: Target = ANYTHING,
    ) -> None:
        self._library = library
        self._target = target
        self._network = network
        self._seeds = seeds
        self._span = span
        self._query = [(reference, seeds.seed(reference, span)) for reference in references]
        self._backbones = seeds.backbones
        self._picture_descriptions: dict[str, str] = {}

    def explain(self, answer: Answer, vector: NDArray[np.float32]) -> str:
        """Return the explanation of one answer, in comparison with the query item nearest to it.

        Args:
            answer: The answer.
            vector: float32 (128,), its embedding.
        """
        reference, query_item = max(self._query, key=lambda pair: float(pair[1].vector @ vector))
        sound = picture = ""
        if answer.item.kind == "music":
            sound = self._describe_sound(answer.moment, self._seeds.item_features(answer.item))
        elif query_item.kind == "music":
            sound = self._describe_sound(*self._find_query_moment(reference, vector))
        if answer.item.kind == "image":
            picture = _NOT_THERE if answer.missing else self._describe_picture_file(answer.path)
        elif query_item.kind == "image":
            picture = self._describe_query_picture(reference)
        parts = [compare_affect(query_item, answer), sound, f"picture: {picture}" if picture else ""]
        parts.append(explain_meaning(self._target, self._library, answer))
        if len(self._query) > 1:
            parts.insert(0, f"nearest to {escape_path(Path(query_item.path).name)}")
        return "; ".join(part for part in parts if part)

    def _find_query_moment(
        self, reference: str, vector: NDArray[np.float32]
    ) -> tuple[Moment | None, NDArray[np.float16]]:
        """Return the moment of a query's song, inside the span, that fits best, and the song's features."""
        moments, features = self._seeds.moments(reference), self._seeds.features(reference)
        # Moment i covers the feature rows from i on; only moments whose rows lie in the span count.
        first = min(int((self._span.start_s or 0.0) // PATCH_S), len(moments.starts_s) - 1)
        end = len(features) if self._span.end_s is None else ceil(self._span.end_s / PATCH_S)
        after = max(first + 1, end - segment_length(len(features)) + 1)
        moment = find_best_moment(
            self._network, moments.embedded.vectors, vector, moments.span_s, first, after
        )
        return moment, features

    def _describe_sound(self, moment: Moment | None, features: NDArray[np.float16]) -> str:
        """Describe the moment that fits best and, if musicnn is the backbone, its most probable tags."""
        if moment is None:
            return ""
        span = f"{format_time(moment.start_s)}–{format_time(moment.end_s)}"
        fits = f"song fits best at {span} ({moment.score:.1%})"
        if not is_shipped(self._network.backbones["music"]):
            return fits  # only musicnn's features contain tag probabilities
        first = round(moment.start_s / PATCH_S)
        tags = rank_music_tags(features[first : first + segment_length(len(features))])[:_TAGS]
        tag_texts = [f"{tag} {share:.0%}" for tag, share in tags if share >= _MIN_TAG_PROBABILITY]
        return f"{fits}, musicnn hears {', '.join(tag_texts) or 'none of its 50 tags'}"

    def _describe_query_picture(self, reference: str) -> str:
        file = self._seeds.file(reference)
        if not file.on_disk:
            return "cannot be looked at: the file was not kept"
        if file.missing:
            return _NOT_THERE
        return self._describe_picture_file(file.path)

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
        places = self._network.embed("image", features).affect[:, PLACE_COLUMNS]
        return describe_picture(statistics, places[0] - places[1:])


def compare_affect(query_item: QueryItem, answer: Answer) -> str:
    """Describe the places of a query item and of an answer on the plane, in words and numbers."""
    answer_noun = _KINDS[answer.item.kind]
    query_noun = "query" if query_item.kind == answer.item.kind else _KINDS[query_item.kind]
    query_words, answer_words = describe_place(query_item.affect.place), describe_place(answer.affect.place)
    query_place, answer_place = format_place(query_item.affect.place), format_place(answer.affect.place)
    if query_words == answer_words:
        return f"both {query_words} (places: {query_noun} {query_place}, {answer_noun} {answer_place})"
    return (
        f"{query_noun} {query_words} (place {query_place}), "
        f"{answer_noun} {answer_words} (place {answer_place})"
    )


def describe_picture(statistics: ColorStatistics, effect_sizes: NDArray[np.floating]) -> str:
    """Describe how a picture looks and how that changes its mood.

    Args:
        statistics: The colour statistics of the picture.
        effect_sizes: (n, 2), for each of the n unusual qualities the change of place, in valence and arousal,
            that it causes.
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
