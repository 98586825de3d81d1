"""Backbones of the network `accurate`, with features of faces and of harmony."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from attune.core.settings import Settings
from attune.embedding.audio_decoding import read_audio
from attune.embedding.backbones import ACCURATE_BACKBONES, DEFAULT_BACKBONES, Backbones
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.feature_extraction import FileFeatures, extract
from attune.embedding.harmonic_features import WIDTH, compute_harmonic_features
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import ImageSpec, pad_to_square
from attune.embedding.media_files import Kind

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PHOTOS = sorted((SAMPLES / "photos").iterdir())
SONGS = sorted((SAMPLES / "music").iterdir())

LANDSCAPE = SAMPLES / "photos" / "photo-002.jpg"
FIELDS = SAMPLES / "photos" / "photo-006.jpg"
BAND = SAMPLES / "photos" / "photo-005.jpg"  # a laughing man among other musicians
FURY = SAMPLES / "photos" / "photo-049.jpg"  # a painted sorcerer
FURY_FACE = (slice(72, 136), slice(144, 192))  # rows and columns of the square of 416

# Columns of a picture's features.
HEAD = slice(0, 1280)
FACES = slice(3024, 3305)
MEAN_EXPRESSION, LARGEST_EXPRESSION = slice(3024, 3031), slice(3031, 3038)
ANY_FACE, LARGEST_FACE = 3024 + 21, 3024 + 22
ANGRY = 3  # index among neutral, happy, sad, angry, fearful, disgusted, surprised

MUSICNN = slice(0, 1756)


@pytest.fixture(scope="module")
def accurate() -> Backbones:
    return Backbones(ACCURATE_BACKBONES, threads=2)


def pixels(path: Path) -> NDArray[np.uint8]:
    return decode_image(path, ACCURATE_BACKBONES["image"].image_spec).pixels[None]


@pytest.fixture(scope="module")
def photo_features(accurate: Backbones) -> dict[Path, NDArray[np.float16]]:
    """Return features of a quarter of the photos, including the two with faces."""
    paths = PHOTOS[::4]
    return dict(zip(paths, accurate.features("image", np.concatenate([*map(pixels, paths)])), strict=True))


@pytest.fixture(scope="module", params=[0, 12], ids=lambda place: SONGS[place].stem)
def samples(request: pytest.FixtureRequest) -> NDArray[np.float32]:
    return read_audio(SONGS[request.param], end_s=10.0).samples


def test_a_picture_has_features_of_the_right_width(photo_features: dict[Path, NDArray[np.float16]]) -> None:
    for features in photo_features.values():
        assert (features.shape, features.dtype) == ((3305,), np.float16)
        assert np.isfinite(features).all()


def test_music_has_features_of_the_right_width(accurate: Backbones, samples: NDArray[np.float32]) -> None:
    features = accurate.features("music", accurate.music_frontend(samples))
    assert (features.shape, features.dtype) == ((3, 1815), np.float16)


def test_harmony_follows_what_musicnn_says(accurate: Backbones, samples: NDArray[np.float32]) -> None:
    features = accurate.features("music", accurate.music_frontend(samples))
    plain = Backbones(DEFAULT_BACKBONES, threads=2)
    musicnn_features = plain.features("music", plain.music_frontend(samples))
    np.testing.assert_array_equal(features[:, MUSICNN], musicnn_features)
    harmony = compute_harmonic_features(samples).astype(np.float16)
    np.testing.assert_array_equal(features[:, -WIDTH:], np.tile(harmony, (len(features), 1)))


def test_a_landscape_has_no_face(accurate: Backbones) -> None:
    for path in (LANDSCAPE, FIELDS):
        assert not accurate.features("image", pixels(path))[:, FACES].any()


def test_a_painted_face_is_seen_and_is_angry(photo_features: dict[Path, NDArray[np.float16]]) -> None:
    features = photo_features[FURY]
    assert features[ANY_FACE] == 1
    assert features[MEAN_EXPRESSION].argmax() == ANGRY
    assert 0.1 < features[LARGEST_FACE] < 0.2
    assert features[3049:].any()


def test_without_the_face_there_is_none(accurate: Backbones) -> None:
    hidden = pixels(FURY).copy()
    hidden[0, *FURY_FACE] = 128
    assert not accurate.features("image", hidden)[:, FACES].any()


def test_a_face_is_there_or_not(photo_features: dict[Path, NDArray[np.float16]]) -> None:
    found = {path for path, features in photo_features.items() if features[ANY_FACE] == 1}
    assert {BAND, FURY} <= found
    assert len(found) < len(photo_features) / 2
    for path, features in photo_features.items():
        assert features[ANY_FACE] in (0, 1)
        assert features[FACES].any() == (path in found)


def test_expressions_of_faces_are_shares(photo_features: dict[Path, NDArray[np.float16]]) -> None:
    for features in photo_features.values():
        mean, largest = features[MEAN_EXPRESSION].astype(float), features[LARGEST_EXPRESSION].astype(float)
        assert mean.sum() == pytest.approx(float(features[ANY_FACE]), abs=0.01)
        assert (mean <= largest + 1e-3).all()
        assert largest.max() <= 1


def test_the_black_beside_a_picture_is_not_looked_at(
    accurate: Backbones, photo_features: dict[Path, NDArray[np.float16]]
) -> None:
    """The features of a smaller copy in the same corner are closest to those of the picture itself."""
    side = ACCURATE_BACKBONES["image"].image_spec.side
    paths = [*photo_features][:5]
    small = np.stack(
        [
            pad_to_square(decode_image(path, ImageSpec(300, "pad")).pixels, ImageSpec(side, "pad"))
            for path in paths
        ]
    )
    own = np.stack([photo_features[path] for path in paths])[:, HEAD].astype(np.float32)
    other = accurate.features("image", small)[:, HEAD].astype(np.float32)
    own, other = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (own, other))
    similarities = own @ other.T
    assert similarities.diagonal().min() > 0.9
    assert (similarities - np.eye(len(paths))).max() < 0.7


def test_three_pictures_at_once_are_as_one_at_a_time(accurate: Backbones) -> None:
    """Faces in the first and the last picture, but not between, are assigned to the right pictures."""
    rows = np.concatenate([pixels(path) for path in (FURY, LANDSCAPE, BAND)])
    together = accurate.features("image", rows)
    alone = np.concatenate([accurate.features("image", row[None]) for row in rows])
    # About one step of float16, as ONNX Runtime may round differently in a batch of another size.
    np.testing.assert_allclose(together.astype(np.float32), alone.astype(np.float32), atol=1e-3, rtol=1e-3)
    assert together[:, ANY_FACE].tolist() == [1, 0, 1]


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (500, 400)])
@pytest.mark.parametrize("colour", ["black", "grey", "white"])
def test_a_picture_of_nothing_has_finite_features_and_no_face(
    accurate: Backbones, tmp_path: Path, size: tuple[int, int], colour: str
) -> None:
    Image.new("RGB", size, colour).save(tmp_path / "a.png")
    features = accurate.features("image", pixels(tmp_path / "a.png"))
    assert np.isfinite(features).all()
    assert not features[:, FACES].any()


@pytest.mark.slow
def test_workers_give_what_one_file_at_a_time_gives() -> None:
    kinds: dict[Path, Kind] = {FURY: "image", SONGS[0]: "music"}
    jobs = [ExtractionJob(path, kind) for path, kind in kinds.items()]
    outcomes = {
        outcome.path: outcome
        for outcome in extract_all(jobs, Settings(workers=2, device="cpu"), ACCURATE_BACKBONES)
    }
    assert outcomes.keys() == kinds.keys()
    backbones = Backbones(ACCURATE_BACKBONES)
    for path, kind in kinds.items():
        alone, outcome = extract(path, kind, backbones), outcomes[path]
        assert isinstance(outcome, FileFeatures)
        assert outcome.facts == alone.facts
        assert (outcome.features.shape, outcome.features.dtype) == (alone.features.shape, np.float16)
        np.testing.assert_array_equal(outcome.features, alone.features)
