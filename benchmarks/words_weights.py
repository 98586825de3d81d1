"""How meaning is best weighed against mood: things that are found, and moods that are kept, by rule.

Words and sentences that name a thing should find it, sentences about a mood should find it, and sentences
about both should find both. Each rule orders the same labelled pictures, by content labels and by places that
a system predicts out of fold. A sentence that says nothing of mood, or names nothing, is ordered under every
rule by what it has, as a query is; one that has neither finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.benchmarks.felt_things import FELT
from attune.benchmarks.named_things import NamedThing
from attune.benchmarks.words_affect import JudgedSentence
from attune.benchmarks.words_gallery import WordsGallery
from attune.benchmarks.words_meaning import THINGS, TOP, compute_precision
from attune.benchmarks.words_rules import RULES, Rule
from attune.benchmarks.words_search import label_sentences
from attune.core.errors import UsageError
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.retrieval.words.aims import Aim, closeness
from attune.retrieval.words.label_meaning import LabelMeaning
from attune.retrieval.words.targets import aim_at_words
from attune.training.manifest import QUADRANT_CORNER
from attune.training.metrics.mood_retrieval import measure_mood_retrieval


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """Figures of one rule, means over the fold seeds.

    Attributes:
        rule: Its name.
        words: Precision of words for things.
        sentences: Precision of sentences that name a thing.
        felt_thing: Precision of sentences about a thing and a mood, judged by the thing.
        felt_mood: Mean closeness of their first ten pictures, as rated, to the corner of the mood asked for.
        felt_both: Their precision, judged by the thing and by the signs of the ratings.
        mood_lift: Lift of sentences about a mood.
        mood_ndcg: Their nDCG@10.
    """

    rule: str
    words: float
    sentences: float
    felt_thing: float
    felt_mood: float
    felt_both: float
    mood_lift: float
    mood_ndcg: float


class _Question:
    """A text that is put to a gallery."""

    def __init__(self, text: str, gallery: WordsGallery, network: Network) -> None:
        self._aim = _find_aim(text, gallery.kind, network)
        meaning = None if self._aim is None else self._aim.meaning
        self._worth = meaning.measure(gallery.labels) if isinstance(meaning, LabelMeaning) else None

    def score(self, points: NDArray[np.float64], rule: Rule) -> NDArray[np.float64]:
        """Return the scores of n pictures at points (n, 2), float64 (n,); all 0 if the text says nothing."""
        if self._aim is None:
            return np.zeros(len(points))
        if self._aim.place is None or self._worth is None:
            return self._aim.blend(points, self._worth)
        return rule(self._aim, points, self._worth)


@dataclass(frozen=True, slots=True)
class _FeltQuestion:
    """A sentence about a thing and a mood, and what is right.

    Attributes:
        question: The sentence.
        shown: Which files show the thing, (n,).
        both: Which of them are in the mood.
        mood: Closeness of all files to the mood.
    """

    question: _Question
    shown: NDArray[np.bool_]
    both: NDArray[np.bool_]
    mood: NDArray[np.float64]

    def judge(self, points: NDArray[np.float64], rule: Rule) -> tuple[float, float, float]:
        """Return the precision by the thing, the closeness to the mood, and the precision by both."""
        scores = self.question.score(points, rule)
        first = np.argsort(-scores, kind="stable")[:TOP]
        return (
            compute_precision(scores, self.shown),
            float(self.mood[first].mean()),
            compute_precision(scores, self.both),
        )


def measure_rules(
    gallery: WordsGallery,
    judged: WordsGallery,
    sentences: Sequence[JudgedSentence],
    network: Network,
    least: int,
    rules: Mapping[str, Rule] = RULES,
) -> list[RuleFigures]:
    """Measure each rule.

    Args:
        gallery: Files that are searched for things.
        judged: Files of the same kind that are searched for moods.
        sentences: Sentences about moods.
        network: A network whose backbone has the content labels of both galleries.
        least: Things, and things in a mood, that fewer files show are left out.
        rules: The rules by name.
    """
    things = [(thing, _find_shown(thing, gallery)) for thing in THINGS[gallery.kind]]
    things = [(thing, shown) for thing, shown in things if shown.sum() >= least]
    words = [(_Question(text, gallery, network), shown) for thing, shown in things for text in thing.words]
    phrases = [
        (_Question(text, gallery, network), shown)
        for thing, shown in things
        for text in thing.sentences or ()
    ]
    felt = _ask_felt(gallery, network, least)
    moods = [_Question(one.sentence, judged, network) for one in sentences]
    figures = []
    for name, rule in rules.items():
        by_seed = []
        for points, judged_points in zip(gallery.predicted, judged.predicted, strict=True):
            found = [
                _average([[compute_precision(one.score(points, rule), right)] for one, right in group], 1)
                for group in (words, phrases)
            ]
            both = [one.judge(points, rule) for one in felt]
            scores = np.array([one.score(judged_points, rule) for one in moods])
            by_seed.append(
                [*found[0], *found[1], *_average(both, 3), *_judge_moods(scores, sentences, judged)]
            )
        figures.append(RuleFigures(name, *np.mean(by_seed, axis=0).tolist()))
    return figures


def _find_shown(thing: NamedThing, gallery: WordsGallery) -> NDArray[np.bool_]:
    return np.array([thing.is_named(row.label) for row in gallery.rows], np.bool_)


def _ask_felt(gallery: WordsGallery, network: Network, least: int) -> list[_FeltQuestion]:
    """Return the sentences about things and moods that enough files show."""
    found = []
    for one in FELT if gallery.kind == "image" else ():
        corner = QUADRANT_CORNER[one.quadrant]
        shown = _find_shown(one.thing, gallery)
        both = shown & (np.sign(gallery.mood.places) == np.sign(corner)).all(axis=1)
        if both.sum() >= least:
            mood = closeness(gallery.mood.places, corner)
            found.append(_FeltQuestion(_Question(one.sentence, gallery, network), shown, both, mood))
    return found


def _judge_moods(
    scores: NDArray[np.float64], sentences: Sequence[JudgedSentence], judged: WordsGallery
) -> tuple[float, float]:
    """Return lift and nDCG@10 of sentences, by the scores (sentences, n)."""
    asked, shown = (np.zeros((0, size), np.int64) for size in scores.shape)  # no interval is told
    order = measure_mood_retrieval(scores, label_sentences(sentences), judged.mood, asked, shown)
    return order.lift, order.ndcg_at_10


def _average(figures: Sequence[Sequence[float]], width: int) -> list[float]:
    """Return the means of rows of figures; NaN without any."""
    return list(np.mean(figures, axis=0).tolist()) if figures else [float("nan")] * width


def _find_aim(text: str, kind: Kind, network: Network) -> Aim | None:
    try:
        return aim_at_words(text, network, kind)
    except UsageError:
        return None  # it says nothing
