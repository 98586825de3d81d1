"""Training of `embedding/weights/sentence_affect.npz`: from sentences to valence, arousal and strength.

    python -m attune.training.sentence_ridge

`sentences/moods.csv` has words, phrases and scenes with their places in fourteen languages, `denials.csv`
sentences with negation, contrast or concession, and `things.csv` phrases that say nothing of mood; all were
written for Attune. One ridge regression learns from all of them. Its strength, 0 for a thing and 1 for a
mood, tells whether a sentence says anything of mood at all.

The program prints what five-fold cross-validation tells; the sentences that judge the result
(`attune benchmark words-affect`) have no part in it.
"""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import hash_file
from attune.embedding.words.reading import read_sentence
from attune.embedding.words.sentence_affect import AFFECT_WEIGHTS, ROLES, encode_readings
from attune.embedding.words.sentence_encoder import SENTENCE_DIM

SENTENCES = Path(__file__).parent / "sentences"

_L2 = 2.0  # of .5, 1, 2, 3 and 10, by cross-validation and the development sentences of the tests
_FULL_STRENGTH = 0.6  # distance of a place from the middle at which a sentence is all mood
_DENIAL = (-0.7, -0.5)  # times the valence and arousal of what is denied
_DENIED_WEIGHT = 0.3  # of a sentence that is denied here, beside 1 for one that somebody wrote
_FOLDS = 5
_SEED = 0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Examples:
    """Sentences with what they should give.

    Attributes:
        vectors: float32 (n, 4 · 512), as `encode_readings` returns them.
        goals: float64 (n, 3): valence, arousal and strength.
    """

    vectors: NDArray[np.float32]
    goals: NDArray[np.float64]

    def select(self, rows: NDArray[np.bool_]) -> Examples:
        """Return some of the sentences."""
        return Examples(self.vectors[rows], self.goals[rows])


@dataclass(frozen=True, slots=True)
class Line:
    """Linear function from vectors to valence, arousal and strength.

    Attributes:
        slopes: float64 (4 · 512, 3).
        shifts: float64 (3,).
    """

    slopes: NDArray[np.float64]
    shifts: NDArray[np.float64]

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the values of n vectors, float64 (n, 3)."""
        return np.asarray(vectors @ self.slopes + self.shifts)

    def stretch(self, factors: NDArray[np.float64]) -> Line:
        """Return the function with its values multiplied by factors, (3,)."""
        return Line(self.slopes * factors, self.shifts * factors)


def read_examples(folder: Path = SENTENCES) -> Examples:
    """Return all training sentences, encoded."""
    sentences, goals = [], []
    for file in ("moods.csv", "denials.csv", "things.csv"):
        with (folder / file).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                place = float(row["valence"]), float(row["arousal"])
                sentences.append(row["sentence"])
                goals.append((*place, min(float(np.hypot(*place)) / _FULL_STRENGTH, 1.0)))
    return Examples(encode_readings([read_sentence(one) for one in sentences]), np.array(goals))


def fit_line(examples: Examples) -> Line:
    """Fit the linear function by weighted ridge regression (Hoerl and Kennard, Technometrics 1970).

    What a mood says outright also teaches what it says when it is denied: nearly the opposite, but less, as
    Hutto and Gilbert measured of valence (VADER, ICWSM 2014).
    """
    denied = _deny(examples)
    vectors = np.concatenate([examples.vectors, denied.vectors])
    goals = np.concatenate([examples.goals, denied.goals])
    weights = np.repeat([1.0, _DENIED_WEIGHT], [len(examples.goals), len(denied.goals)])
    middle, mean = np.average(vectors, axis=0, weights=weights), np.average(goals, axis=0, weights=weights)
    centred = vectors - middle
    # As many equations as sentences, of which there are fewer than numbers in a vector.
    gram = centred @ centred.T + np.diag(_L2 / weights)
    slopes = centred.T @ np.linalg.solve(gram, goals - mean)
    return Line(slopes, mean - middle @ slopes)


def _deny(examples: Examples) -> Examples:
    """Return the sentences that only say something as if they were denied; a denied thing is no mood."""
    texts = examples.vectors.reshape(len(examples.vectors), ROLES, SENTENCE_DIM)
    only_said = ~texts[:, 1:].any(axis=(1, 2))
    denied = np.zeros_like(texts[only_said])
    denied[:, 1] = texts[only_said, 0]
    return Examples(denied.reshape(len(denied), -1), examples.goals[only_said] * (*_DENIAL, 1.0))


def predict_unseen(examples: Examples) -> NDArray[np.float64]:
    """Return what cross-validation gives each sentence, float64 (n, 3)."""
    folds = np.random.default_rng(_SEED).permutation(len(examples.goals)) % _FOLDS
    predicted = np.empty_like(examples.goals)
    for fold in range(_FOLDS):
        held = folds == fold
        line = fit_line(examples.select(~held))
        predicted[held] = line.apply(examples.vectors[held])
    return predicted


def main(path: Path = AFFECT_WEIGHTS) -> None:
    """Train on all sentences, write the file, and print what cross-validation tells.

    Args:
        path: The file; `attune.embedding.words.sentence_affect` has the checksum of the shipped one.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    examples = read_examples()
    predicted = predict_unseen(examples)
    # Ridge shrinks: what it tells is brought back to the scale of places, as seen on sentences it did not
    # learn.
    stretch = (predicted * examples.goals).sum(axis=0) / (predicted**2).sum(axis=0)
    line = fit_line(examples).stretch(np.array([*stretch[:2], 1.0]))
    np.savez(path, slopes=line.slopes.astype(np.float32), shifts=line.shifts.astype(np.float32))
    moods, things = predicted[examples.goals[:, 2] > 0.8, 2], predicted[examples.goals[:, 2] < 0.3, 2]
    for column, name in enumerate(("valence", "arousal", "strength")):
        r = float(np.corrcoef(predicted[:, column], examples.goals[:, column])[0, 1])
        log.info("%s: r = %.3f, slope %.3f", name, r, stretch[column])
    for least in (0.5, 0.55, 0.6):
        share_lost, share_told = float((moods < least).mean()), float((things < least).mean())
        log.info(
            "strength < %.2f: %.1f %% of moods, %.1f %% of things", least, 100 * share_lost, 100 * share_told
        )
    log.info("%s  %s", hash_file(path), path.name)


if __name__ == "__main__":
    main()
