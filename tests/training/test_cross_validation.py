"""Cross-validation of systems, its stored results and the comparison of systems."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from attune.core.progress import SilentProgress
from attune.tests.training.affect_data import make_labelled_features
from attune.training.assign_folds import FOLDS, assign_folds
from attune.training.calibration import CORRESPONDENCE, calibrate_out_of_fold, collect_labelled_pairs
from attune.training.comparison import estimate_accuracy, estimate_accuracy_difference, evaluate_system
from attune.training.cross_validation import (
    OutOfFoldPredictions,
    cross_validate,
    predict_unseen,
)
from attune.training.metric_summary import summarize_seeds
from attune.training.metrics import spearman
from attune.training.systems.base import Embeddings, FittedSystem, LabelledFeatures
from attune.training.systems.posterior_product import PosteriorProduct

pytestmark = pytest.mark.torch

IMAGES, MUSIC = make_labelled_features("image", 7), make_labelled_features("music", 8)


@dataclass
class Counted:
    """The system `PosteriorProduct`, which counts its fits and raises KeyboardInterrupt after some."""

    stop_after: int = field(default=10_000, repr=False)  # the repr is part of the key of results
    fits: list[tuple[int, int]] = field(default_factory=list, repr=False)
    name: str = "counted"
    needs = PosteriorProduct().needs

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedSystem:
        if len(self.fits) >= self.stop_after:
            raise KeyboardInterrupt
        self.fits.append((len(images), len(music)))
        return PosteriorProduct().fit(images, music, seed)


@dataclass
class Oracle:
    """System whose scores mix the truth, with the weight `truth_share`, and noise."""

    truth_share: float
    name: str = "oracle"
    needs = PosteriorProduct().needs
    parameters = 0

    def fit(self, images: LabelledFeatures, music: LabelledFeatures, seed: int) -> FittedSystem:
        return self

    def scores(self, images: LabelledFeatures, music: LabelledFeatures) -> np.ndarray:
        true = images.targets.polarity[:, None] == music.targets.polarity[None]
        noise = np.random.default_rng(1).normal(size=true.shape)
        return (self.truth_share * true + (1 - self.truth_share) * noise).astype(np.float32)

    def embed(self, material: LabelledFeatures) -> Embeddings | None:
        return None


def _run(system, cache: Path, seeds: tuple[int, ...] = (0,)) -> list[list[OutOfFoldPredictions]]:  # type: ignore[no-untyped-def]
    return cross_validate(system, IMAGES, MUSIC, seeds, cache, SilentProgress())


def test_no_fold_is_scored_by_what_has_seen_its_groups(tmp_path: Path) -> None:
    results = _run(Counted(), tmp_path)[0]
    for side, positions in ((IMAGES, "images"), (MUSIC, "music")):
        folds = assign_folds(side.rows, side.kind, 0)
        held_out = [getattr(predictions, positions) for predictions in results]
        assert sorted(np.concatenate(held_out)) == list(range(len(side)))
        for fold, rows in enumerate(held_out):
            inside = {(side.rows[i].set, side.rows[i].group) for i in rows}
            outside = {(side.rows[i].set, side.rows[i].group) for i in np.flatnonzero(folds != fold)}
            assert not inside & outside


def test_an_interrupted_cross_validation_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = _run(Counted(), tmp_path / "whole")
    stopped, again = Counted(stop_after=3), Counted()
    with pytest.raises(KeyboardInterrupt):
        _run(stopped, tmp_path / "cache")
    continued = _run(again, tmp_path / "cache")
    assert len(stopped.fits) == 3
    assert len(again.fits) == FOLDS - 3
    for one, other in zip(whole[0], continued[0], strict=True):
        assert (one.scores == other.scores).all()
        assert (one.image_vectors == other.image_vectors).all()


def test_another_label_is_another_result(tmp_path: Path) -> None:
    system = Counted()
    _run(system, tmp_path)
    relabelled = make_labelled_features("image", 9)
    cross_validate(system, relabelled, MUSIC, (0,), tmp_path, SilentProgress())
    assert len(system.fits) == 2 * FOLDS


def test_predictions_for_another_split_are_computed_once(tmp_path: Path) -> None:
    unseen = make_labelled_features("image", 10, 60), make_labelled_features("music", 11, 45)
    system = Counted()
    first, again = (predict_unseen(system, IMAGES, MUSIC, *unseen, tmp_path) for _ in range(2))
    assert system.fits == [(len(IMAGES), len(MUSIC))]
    fitted = PosteriorProduct().fit(IMAGES, MUSIC, 0)
    for predictions in (first, again):
        assert (predictions.scores == fitted.scores(*unseen)).all()
        assert predictions.images.tolist() == list(range(60))
    relabelled = make_labelled_features("image", 12, 60)
    assert (
        predict_unseen(system, IMAGES, MUSIC, relabelled, unseen[1], tmp_path).scores != first.scores
    ).any()
    predict_unseen(system, make_labelled_features("image", 9), MUSIC, *unseen, tmp_path)
    assert len(system.fits) == 3


def test_a_fold_is_calibrated_by_the_other_folds(tmp_path: Path) -> None:
    results = _run(Counted(), tmp_path)[0]
    probabilities = calibrate_out_of_fold([results], IMAGES, MUSIC, CORRESPONDENCE)[0]
    negated = [
        *results[:-1],
        OutOfFoldPredictions(
            **{name: getattr(results[-1], name) for name in OutOfFoldPredictions.__slots__}
            | {"correspondence": -results[-1].correspondence}
        ),
    ]
    assert (calibrate_out_of_fold([negated], IMAGES, MUSIC, CORRESPONDENCE)[0][0] != probabilities[0]).any()
    reversed_probabilities = calibrate_out_of_fold([negated], IMAGES, MUSIC, CORRESPONDENCE)[0][-1]
    # The last fold's curve is fitted on the other folds: negated scores give probabilities in reverse order.
    assert spearman(reversed_probabilities.ravel(), probabilities[-1].ravel()) < -0.99


@dataclass
class TwoAnswers(Oracle):
    """System that orders answers by noise and knows which polarities are equal."""

    name: str = "two answers"

    def correspondence(self, images: LabelledFeatures, music: LabelledFeatures) -> np.ndarray:
        return (images.targets.polarity[:, None] == music.targets.polarity[None]).astype(np.float32)


def test_correspondence_may_have_another_score_than_the_order_of_answers(tmp_path: Path) -> None:
    two, one = (
        evaluate_system(system.name, _run(system, tmp_path), IMAGES, MUSIC).figures
        for system in (TwoAnswers(0.0), Oracle(0.0))
    )
    assert two["accuracy"] == two["auc"] == 1.0
    assert one["accuracy"] < 0.6
    for name in ("music to image p@10", "image to music coverage", "spearman"):
        assert two[name] == one[name]


def test_labelled_pairs_are_balanced(tmp_path: Path) -> None:
    scores, truth, weights = collect_labelled_pairs(
        _run(Counted(), tmp_path)[0], IMAGES, MUSIC, CORRESPONDENCE
    )
    assert len(scores) == len(truth) == len(weights)
    assert weights.sum() == pytest.approx(1)
    assert weights[truth].sum() == pytest.approx(0.5)


def test_what_knows_is_ahead_of_what_guesses_and_not_of_itself(tmp_path: Path) -> None:
    oracle, random = (
        evaluate_system(name, _run(Oracle(truth_share), tmp_path, (0, 1)), IMAGES, MUSIC)
        for name, truth_share in (("oracle", 0.9), ("random", 0.0))
    )
    assert estimate_accuracy(oracle, IMAGES, MUSIC).value > 0.95
    assert abs(estimate_accuracy(random, IMAGES, MUSIC).value - 0.5) < 0.05
    ahead = estimate_accuracy_difference(oracle, random, IMAGES, MUSIC)
    assert ahead.p == 0
    assert ahead.low > 0.3
    level = estimate_accuracy_difference(random, random, IMAGES, MUSIC)
    assert level.value == level.low == level.high == 0
    behind = estimate_accuracy_difference(random, oracle, IMAGES, MUSIC)
    assert behind.p == 1
    assert behind.value == pytest.approx(-ahead.value)


def test_a_focus_counts_the_pairs_of_its_sets_alone(tmp_path: Path) -> None:
    result = evaluate_system("oracle", _run(Oracle(0.5), tmp_path), IMAGES, MUSIC)
    whole = estimate_accuracy(result, IMAGES, MUSIC)
    part = estimate_accuracy(result, IMAGES, MUSIC, (("set0",), ("set1",)))
    assert part.value != whole.value
    assert part.low < part.value < part.high
    assert result.figures["accuracy set0 x set1"] == pytest.approx(part.value, abs=1e-4)


def test_figures_are_means_over_seeds_with_their_spread() -> None:
    summary = summarize_seeds([{"accuracy": 0.6, "auc": float("nan")}, {"accuracy": 0.62, "auc": 0.7}])
    assert summary == {"accuracy": pytest.approx(0.61), "accuracy spread": pytest.approx(0.01)}
