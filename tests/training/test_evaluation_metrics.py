"""Evaluation report of a manifest so small that every figure is computed by hand below."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attune.embedding.network import NetworkEmbeddings
from attune.tests.training.affect_data import make_labelled_features
from attune.training.comparison import SystemResult, estimate_accuracy
from attune.training.cross_validation import OutOfFoldPredictions
from attune.training.evaluation_metrics import evaluate, evaluate_scores
from attune.training.manifest import LabelledRow, read_manifest
from attune.training.pair_scores import PairScores

pytestmark = pytest.mark.torch

IMAGES = """path,split,set,group,polarity,quadrant,valence,arousal,label
sun.jpg,test,holiday,sun,positive,,0.5,0.5,
rain.jpg,test,holiday,rain,negative,,-0.5,-0.5,
"""
MUSIC = """path,split,set,group,polarity,quadrant,valence,arousal,label
polka.ogg,test,folk,p,,Q1,,,
lullaby.ogg,test,folk,l,,Q4,,,
dirge.ogg,test,church,d,,Q3,,,
"""
#                   polka +  lullaby 0  dirge -
SCORES = np.array([[0.9, 0.6, 0.2], [0.4, 0.5, 0.3]])  # sun +, rain -
CONTRACT = {
    "system": None,
    "protocol": {"split", "images", "music", "image_sets", "music_sets"},
    "correspondence": {"accuracy", "ci95", "auc", "ece"},
    "retrieval": {"music_to_image", "image_to_music"},
    "mood": {"accuracy", "ci95", "auc", "auc_ci95", "ece", "music_to_image", "image_to_music", "confusion"},
    "affect": {"spearman", "spearman_within", "valence_slope", "arousal_slope"},
    "image": {"accuracy", "balanced_accuracy", "majority", "confusion", "probe", "valence_r", "arousal_r"},
    "music": {"accuracy", "balanced_accuracy", "majority", "confusion", "probe"}
    | {"valence_sign", "arousal_sign", "valence_slope", "arousal_slope"},
}
MOOD_DIRECTION = {
    *("p@10", "chance_p", "lift", "first", "first_by_quadrant", "ndcg@10", "ndcg@10_ci95"),
    *("coverage@10", "chance_coverage@10", "hub_lift@10"),
}
ONE = PairScores.single(SCORES)
DIRECTION = {
    *("p@1", "p@5", "p@10", "mrr", "ndcg@10", "chance_p"),
    *("coverage@10", "chance_coverage@10", "hub_lift@10"),
}


@pytest.fixture
def images(tmp_path: Path) -> list[LabelledRow]:
    (tmp_path / "images.csv").write_text(IMAGES)
    return read_manifest(tmp_path / "images.csv", "test")


@pytest.fixture
def music(tmp_path: Path) -> list[LabelledRow]:
    (tmp_path / "music.csv").write_text(MUSIC)
    return read_manifest(tmp_path / "music.csv", "test")


def sides() -> tuple[NetworkEmbeddings, NetworkEmbeddings]:
    """Return embeddings whose inner products are SCORES, and affect for the figures of a single modality."""
    image_vectors = np.eye(2, 128, dtype=np.float32)
    music_vectors = np.zeros((3, 128), np.float32)
    music_vectors[:, :2] = SCORES.T
    image_affect = np.array([[0.4, 0.1, 1, 0, 0], [-0.2, -0.3, 0, 0, 1]], np.float32)
    music_affect = np.array(
        [[0.1, 0.9, 1, 0, 0], [-0.1, -0.4, 0, 1, 0], [-0.7, 0.2, 0, 0, 1]], dtype=np.float32
    )
    return NetworkEmbeddings(image_vectors, image_affect), NetworkEmbeddings(music_vectors, music_affect)


def test_keys_are_those_of_the_contract_and_the_values_plain(
    images: list[LabelledRow], music: list[LabelledRow]
) -> None:
    document = evaluate(images, music, *sides(), ONE, "hand").to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert set(document) == set(CONTRACT)
    for section, keys in CONTRACT.items():
        assert keys is None or keys <= set(document[section])
    assert set(document["retrieval"]["music_to_image"]) == DIRECTION
    assert set(document["retrieval"]["image_to_music"]) == DIRECTION
    assert set(document["mood"]["music_to_image"]) == MOOD_DIRECTION
    assert set(document["mood"]["image_to_music"]) == MOOD_DIRECTION
    assert document["system"] == "hand"
    assert document["protocol"] == {
        "split": "test",
        "images": 2,
        "music": 3,
        "image_sets": ["holiday"],
        "music_sets": ["church", "folk"],
    }


def test_correspondence_by_hand(images: list[LabelledRow], music: list[LabelledRow]) -> None:
    figures = evaluate_scores(images, music, ONE, "hand").to_json()["correspondence"]
    # True: sun-polka .9 and rain-dirge .3, 0.25 each. False: sun-lullaby .6, sun-dirge .2, rain-polka .4,
    # rain-lullaby .5, 0.125 each. Right: .9 (0.25), .2 and .4 (0.125 each); .5 is called a match, wrongly.
    assert figures["accuracy"] == pytest.approx(0.5)
    # .9 beats all four false pairs, .3 beats one of them: (4/4 + 1/4) / 2.
    assert figures["auc"] == pytest.approx(0.625)
    # No two scores share a bin of 1/15: 0.25 (0.1 + 0.7) + 0.125 (0.6 + 0.2 + 0.4 + 0.5).
    assert figures["ece"] == pytest.approx(0.4125)
    low, high = figures["ci95"]
    assert 0.0 <= low <= 0.5 <= high <= 1.0
    assert figures["per_class"] == {
        "positive": {"positive": 1.0, "neutral": 1.0, "negative": 0.0},
        "neutral": {"positive": None, "neutral": None, "negative": None},
        "negative": {"positive": 0.0, "neutral": 1.0, "negative": 0.0},
    }


def test_retrieval_by_hand(images: list[LabelledRow], music: list[LabelledRow]) -> None:
    figures = evaluate_scores(images, music, ONE, "hand").to_json()["retrieval"]
    # Polka finds sun and dirge finds rain, both first of two; the lullaby (0) has no neutral picture to find.
    assert figures["music_to_image"] == pytest.approx(
        {"p@1": 2 / 3, "p@5": 1 / 3, "p@10": 1 / 3, "mrr": 2 / 3, "ndcg@10": 2 / 3, "chance_p": 1 / 3}
        | {"coverage@10": 1.0, "chance_coverage@10": 1.0, "hub_lift@10": 1.0}
    )
    # Sun finds polka first of three; rain finds dirge third: 1/3 reciprocal rank, 1/log2(4) gain.
    assert figures["image_to_music"] == pytest.approx(
        {"p@1": 1 / 2, "p@5": 1 / 3, "p@10": 1 / 3, "mrr": 2 / 3, "ndcg@10": 3 / 4, "chance_p": 1 / 3}
        | {"coverage@10": 1.0, "chance_coverage@10": 1.0, "hub_lift@10": 1.0}
    )


def test_graded_affect_by_hand(images: list[LabelledRow], music: list[LabelledRow]) -> None:
    figures = evaluate_scores(images, music, ONE, "hand").to_json()["affect"]
    # Ranks less their mean, row by row: of the scores 2.5 1.5 -2.5 / -.5 .5 -1.5 (squares 17.5); of
    # closeness, from distances 0 1 √2 / √2 1 0, 2 0 -2 / -2 0 2 (squares 16). Products: 5 + 5 + 1 - 3 = 8.
    assert figures["spearman"] == pytest.approx(8 / np.sqrt(17.5 * 16))
    # Each polarity has one pair only, so that a correlation is not defined.
    assert figures["spearman_within"] is None


def test_each_modality_alone_by_hand(images: list[LabelledRow], music: list[LabelledRow]) -> None:
    document = evaluate(images, music, *sides(), ONE, "hand").to_json()
    # A probe that was fitted on the other polarity only always predicts that one, wrongly; the network itself
    # is right about both pictures.
    assert document["image"]["probe"] == {"accuracy": 0.0, "balanced_accuracy": 0.0}
    assert document["image"]["accuracy"] == document["image"]["balanced_accuracy"] == 1.0
    assert document["image"]["confusion"] == {
        "positive": {"positive": 1, "neutral": 0, "negative": 0},
        "neutral": {"positive": 0, "neutral": 0, "negative": 0},
        "negative": {"positive": 0, "neutral": 0, "negative": 1},
    }
    # Valence is shown as .4 and -.2, which are .3 from their mean, and rated ±.5; arousal as .1 and -.3.
    assert document["affect"]["valence_slope"] == pytest.approx(0.5 / 0.3)
    assert document["affect"]["arousal_slope"] == pytest.approx(0.5 / 0.2)
    assert document["image"]["majority"] == pytest.approx(1 / 2)
    # Two points in the right order. Residual squares: .1² + .3² = .1 and .4² + .2² = .2, of .5² + .5² = .5.
    assert document["image"]["valence_r"] == pytest.approx(1.0)
    assert document["image"]["valence_r2"] == pytest.approx(0.8)
    assert document["image"]["arousal_r2"] == pytest.approx(0.6)
    # Q4 is pleasant (predicted -0.1) and Q3 is calm (predicted 0.2); the other signs are right.
    assert document["music"]["majority"] == pytest.approx(1 / 3)
    assert document["music"]["valence_slope"] is None
    assert document["music"]["valence_sign"] == pytest.approx(2 / 3)
    assert document["music"]["arousal_sign"] == pytest.approx(2 / 3)


def test_embeddings_and_their_scores_agree(images: list[LabelledRow], music: list[LabelledRow]) -> None:
    embedded = evaluate(images, music, *sides(), ONE, "hand").to_json()
    scored = evaluate_scores(images, music, ONE, "hand").to_json()
    assert embedded["retrieval"] == scored["retrieval"]
    assert embedded["mood"] == scored["mood"]
    assert embedded["affect"]["spearman"] == scored["affect"]["spearman"]
    assert scored["affect"]["valence_slope"] is None
    assert embedded["correspondence"]["accuracy"] == scored["correspondence"]["accuracy"]
    assert (
        scored["image"]["accuracy"] is scored["image"]["valence_r"] is scored["music"]["valence_sign"] is None
    )
    assert scored["image"]["majority"] == embedded["image"]["majority"]


def test_galleries_are_ranked_by_what_the_probability_no_longer_tells_apart(
    images: list[LabelledRow], music: list[LabelledRow]
) -> None:
    scores = PairScores.single(np.round(SCORES), ranked_by=SCORES)
    document = evaluate(images, music, *sides(), scores, "coarse").to_json()
    assert document["retrieval"] == evaluate_scores(images, music, ONE, "fine").to_json()["retrieval"]
    coarse = evaluate_scores(images, music, PairScores.single(np.round(SCORES)), "coarse").to_json()
    assert document["retrieval"] != coarse["retrieval"]


def test_each_question_is_answered_by_its_own_scores(
    images: list[LabelledRow], music: list[LabelledRow]
) -> None:
    images = [replace(row, quadrant=quadrant) for row, quadrant in zip(images, ("Q1", "Q3"), strict=True)]
    scores = PairScores(*np.random.default_rng(1).random((3, 2, 3)))
    document = evaluate_scores(images, music, scores, "three").to_json()
    alone = [
        evaluate_scores(images, music, PairScores.single(part), "one").to_json()
        for part in (scores.ranked_by, scores.mood, scores.correspondence)
    ]
    for section in ("retrieval", "affect"):
        assert document[section] == alone[0][section] != alone[1][section]
    assert document["correspondence"] == alone[2]["correspondence"] != alone[0]["correspondence"]
    for key in ("auc", "auc_ci95", "image_to_music", "music_to_image"):
        assert document["mood"][key] == alone[0]["mood"][key]
    assert document["mood"]["auc"] != alone[1]["mood"]["auc"]
    assert document["mood"]["confusion"] == alone[1]["mood"]["confusion"] != alone[2]["mood"]["confusion"]


def test_figures_without_labels_are_null_and_distinctness_stays(
    images: list[LabelledRow], music: list[LabelledRow]
) -> None:
    bare_images = [replace(row, polarity=None, valence=None, arousal=None, split="") for row in images]
    bare_music = [replace(row, polarity=None, quadrant=None, split="") for row in music]
    document = evaluate(bare_images, bare_music, *sides(), ONE, "hand").to_json()
    assert document["protocol"]["split"] is None
    for table in (document["correspondence"].pop("per_class"), document["mood"].pop("confusion")):
        assert {share for row in table.values() for share in row.values()} == {None}
    for way in ("image_to_music", "music_to_image"):
        figures = document["mood"].pop(way)
        assert set(figures.pop("first_by_quadrant")) == set(figures.values()) == {None}
    assert set(document["mood"].values()) == {None}
    for side in ("image", "music"):
        assert set(document[side].pop("probe").values()) == {None}
    for section in ("correspondence", "affect", "image", "music"):
        assert set(document[section].values()) == {None}, section
    for direction in document["retrieval"].values():
        assert {key for key, value in direction.items() if value is not None} == {
            *("coverage@10", "chance_coverage@10", "hub_lift@10")
        }


def test_both_ways_to_an_interval_give_the_same_one() -> None:
    """`attune evaluate` and the comparison of systems must resample the same groups.

    The names of groups in the two synthetic sets overlap, since a name is unique within its set only.
    """
    images, music = make_labelled_features("image", 7), make_labelled_features("music", 8)
    scores = np.random.default_rng(0).random((len(images), len(music)))
    rows = images.rows, music.rows
    report = evaluate_scores(*rows, PairScores.single(scores), "made up").to_json()["correspondence"]
    predictions = OutOfFoldPredictions(
        images=np.arange(len(images)),
        music=np.arange(len(music)),
        scores=scores.astype(np.float32),
        correspondence=scores.astype(np.float32),
        image_vectors=np.zeros((len(images), 0), np.float32),
        music_vectors=np.zeros((len(music), 0), np.float32),
        image_affect=np.zeros((len(images), 0), np.float32),
        music_affect=np.zeros((len(music), 0), np.float32),
        parameters=0,
        fit_s=0.0,
        pair_ms=0.0,
    )
    estimate = estimate_accuracy(SystemResult("made up", [[predictions]], [[scores]], {}), images, music)
    assert report["accuracy"] == pytest.approx(estimate.value, abs=1e-12)
    assert report["ci95"] == pytest.approx([estimate.low, estimate.high], abs=1e-12)
