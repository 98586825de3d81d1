"""Retrieval by sentences about moods: whether the first answers stand in the mood that a sentence asks for.

Out of fold: the gallery is that of the mood protocol (`attune.training.metrics.mood_retrieval`), and its
files stand where a system predicts them that did not learn from them. A sentence orders them by closeness to
its own place, as a query in words without a meaning does; a song orders pictures by the score of the system.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.benchmarks.words_affect import JudgedSentence
from attune.embedding.affect import PLACE_COLUMNS
from attune.embedding.words.sentence_affect import read_affect
from attune.retrieval.words.aims import closeness
from attune.training.all_pairs import gather_embeddings
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.manifest import QUADRANT_CORNER
from attune.training.metrics import QUADRANTS, MoodLabels, measure_mood_order
from attune.training.mood_comparison import JudgedFiles, measure_orders
from attune.training.report_values import average_mood_orders
from attune.training.systems.base import Embeddings

Places = Sequence[tuple[float, float]]

SENTENCES, CORNERS, FILES, RANDOM = "sentences", "corners of quadrants", "files", "random"
"""What answers are ordered by: sentences, their quadrants as if known, files of the other kind, or chance."""

FACTORS: Final = (0.6, 0.8, 1.25, 1.6)
"""Factors on the places of sentences, to see whether these are spread as they should be."""


def predict_places(side: Embeddings) -> NDArray[np.float64]:
    """Return the places that a system predicts, float64 (n, 2); its affect has 11 columns."""
    return np.asarray(side.affect)[:, PLACE_COLUMNS].astype(np.float64)


def label_sentences(sentences: Sequence[JudgedSentence]) -> MoodLabels:
    """Return the mood of sentences: each stands at the corner of its quadrant, and is a group of its own."""
    corners = np.array([QUADRANT_CORNER[one.quadrant] for one in sentences], np.float64)
    codes = np.array([QUADRANTS.index(one.quadrant) for one in sentences], np.int8)
    return MoodLabels(corners.reshape(-1, 2), codes, np.arange(len(sentences)).astype(np.str_))


def measure_search(
    by_seed: Sequence[Sequence[OutOfFoldPredictions]],
    judged: JudgedFiles,
    sentences: Sequence[JudgedSentence],
) -> list[dict[str, Any]]:
    """Measure retrieval of pictures and of songs by sentences, and by files beside it.

    Args:
        by_seed: For each fold seed, the predictions of each fold.
        judged: Files that mood is judged on.
        sentences: Sentences about moods.

    Returns:
        JSON values, averaged over the fold seeds: `gallery` (`image` or `music`), `by` (what answers are
        ordered by), `language` (`all`, or that of the sentences), `queries`, `auc`, `auc_ci95` and the
        figures of retrieval.
    """
    sides = [gather_embeddings(results) for results in by_seed]
    orders = measure_orders(by_seed, judged)
    rows = []
    for number, (kind, side) in enumerate((("image", judged.images), ("music", judged.music))):
        points = [predict_places(seed[number])[side.positions] for seed in sides]
        rows += [{"gallery": kind} | row for row in _measure_sentences(points, side.labels, sentences)]
        if orders:
            whole = average_mood_orders(orders)
            other = judged.music if kind == "image" else judged.images
            way = "music_to_image" if kind == "image" else "image_to_music"
            rows.append(
                {
                    "gallery": kind,
                    "by": FILES,
                    "language": "all",
                    "queries": int((other.labels.quadrants >= 0).sum()),
                    **_keep(whole, way),
                }
            )
    return rows


def _measure_sentences(
    points: Sequence[NDArray[np.float64]], gallery: MoodLabels, sentences: Sequence[JudgedSentence]
) -> list[dict[str, Any]]:
    """Return the figures of all sentences, of those of each language, of known quadrants, and of chance.

    Args:
        points: Predicted places of the files of the gallery, (n, 2), for each fold seed.
        gallery: Their mood.
        sentences: The sentences.
    """
    said = [read_affect(one.sentence).place for one in sentences]
    corners = [QUADRANT_CORNER[one.quadrant] for one in sentences]
    languages = dict.fromkeys(one.language for one in sentences)
    parts = {"all": list(range(len(sentences)))} | {
        language: [row for row, one in enumerate(sentences) if one.language == language]
        for language in languages
    }

    def measure(by: str, language: str, score: Callable[[int], NDArray[np.float64]]) -> dict[str, Any]:
        rows = parts[language]
        queries = label_sentences([sentences[row] for row in rows])
        orders = [measure_mood_order(score(seed)[:, rows], gallery, queries) for seed in range(len(points))]
        return {"by": by, "language": language, "queries": len(rows)} | _keep(
            average_mood_orders(orders), "music_to_image"
        )

    def score_places(places: Places) -> Callable[[int], NDArray[np.float64]]:
        return lambda seed: np.stack([closeness(points[seed], place) for place in places], axis=1)

    def score_randomly(seed: int) -> NDArray[np.float64]:
        return np.random.default_rng(seed).random((len(points[seed]), len(sentences)))

    return [
        *(measure(SENTENCES, language, score_places(said)) for language in parts),
        *(
            measure(f"{SENTENCES}, places × {factor}", "all", score_places(_multiply(said, factor)))
            for factor in FACTORS
        ),
        measure(CORNERS, "all", score_places(corners)),
        measure(RANDOM, "all", score_randomly),
    ]


def _multiply(places: Places, factor: float) -> Places:
    scaled = np.clip(factor * np.asarray(places), -1.0, 1.0)
    return [(valence, arousal) for valence, arousal in scaled.tolist()]


def _keep(order: dict[str, Any], way: str) -> dict[str, Any]:
    """Return the figures of one way; the querying side counts as music, whatever it is."""
    return {"auc": order["auc"], "auc_ci95": order["auc_ci95"], **(order[way] or {})}
