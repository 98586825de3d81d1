"""Out-of-fold predictions of all files, and scores of all pairs, put together from the folds.

Each file is held out in one fold, so it has one embedding and one row of affect that are out of fold. A pair
whose sides are held out in different folds has a score only where scores are inner products of embeddings.
Then both embeddings are out of fold, although two differently trained models made them. This assumes that the
dimensions mean the same in each model, as they do where an embedding is a fixed map of calibrated outputs.
Figures within folds do not assume it: where they are much better, the assumption does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.systems.base import Embeddings

_TOLERANCE = 1e-3


def score_all_pairs(results: Sequence[OutOfFoldPredictions]) -> NDArray[np.float32] | None:
    """Return the scores of all pairs, (N, M); None for a system that cannot score pairs across folds.

    Args:
        results: The predictions of each fold, which together hold every file once; a single one holds all.
    """
    if len(results) == 1:
        (whole,) = results
        ordered = np.ix_(np.argsort(whole.images), np.argsort(whole.music))
        return whole.scores[ordered]
    if not all(map(_scores_by_inner_product, results)):
        return None
    images, music = gather_embeddings(results)
    return images.vectors @ music.vectors.T


def gather_embeddings(results: Sequence[OutOfFoldPredictions]) -> tuple[Embeddings, Embeddings]:
    """Return the out-of-fold embeddings and affect of all N pictures and all M pieces of music, in order.

    Args:
        results: The predictions of each fold, which together hold every file once.
    """
    image_order = np.argsort(np.concatenate([predictions.images for predictions in results]))
    music_order = np.argsort(np.concatenate([predictions.music for predictions in results]))
    return (
        Embeddings(
            np.concatenate([predictions.image_vectors for predictions in results])[image_order],
            np.concatenate([predictions.image_affect for predictions in results])[image_order],
        ),
        Embeddings(
            np.concatenate([predictions.music_vectors for predictions in results])[music_order],
            np.concatenate([predictions.music_affect for predictions in results])[music_order],
        ),
    )


def _scores_by_inner_product(predictions: OutOfFoldPredictions) -> bool:
    if not predictions.image_vectors.shape[1]:
        return False
    inner = predictions.image_vectors @ predictions.music_vectors.T
    return inner.shape == predictions.scores.shape and np.allclose(inner, predictions.scores, atol=_TOLERANCE)
