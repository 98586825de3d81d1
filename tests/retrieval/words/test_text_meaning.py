"""Meaning by a text tower: worth, specificity, explanation, and files that are missing or damaged."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attune.benchmarks.named_things import MOODS
from attune.core.errors import ArtefactError, AttuneError
from attune.embedding.network import Network, open_network
from attune.embedding.text_tower import TextEncoder, open_text_encoder
from attune.indexer.feature_store import FOLDER as FEATURES
from attune.indexer.library import LibraryReader
from attune.retrieval.words.label_meaning import LabelMeaning
from attune.retrieval.words.meaning import read_meaning
from attune.retrieval.words.text_meaning import TextMeaning, compute_worth
from attune.tests.conftest import PHOTOS, run_build
from attune.tests.networks import write_image_backbone, write_network, write_text_tower

# What pictures show beside the things of ImageNet, which a text tower knows nevertheless.
OTHER_THINGS = """
    forest crowd wedding sky grave people children rain snow city mountain night street baby sunset
    flowers party football kitchen peaks friends family school graduation birthday concert dancing
    swimming hiking reflection shadow silhouette ruins village harbour meadow sunrise storm lightning
    fog stars moon clouds waves funeral cemetery hospital soldiers protest hugging couple portrait
    selfie
"""


@pytest.fixture(scope="module")
def clip_network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder = tmp_path_factory.mktemp("clip_network")
    backbone = replace(write_image_backbone(folder), text=write_text_tower(folder))
    return open_network(str(write_network(folder, seed=5, image_backbone=backbone)))


@pytest.fixture(scope="module")
def clip_library(tmp_path_factory: pytest.TempPathFactory, clip_network: Network, media: Path) -> Path:
    library = tmp_path_factory.mktemp("clip_library") / "library"
    run_build(library, clip_network, media)
    return library


@pytest.fixture
def own_network(clip_network: Network, tmp_path: Path) -> Network:
    """A copy of the network whose files a test may change."""
    return open_network(str(shutil.copytree(clip_network.folder, tmp_path / "network")))


@pytest.fixture
def library(clip_library: Path) -> Iterator[LibraryReader]:
    with LibraryReader(clip_library) as reader:
        yield reader


def read(text: str, network: Network) -> TextMeaning:
    meaning = read_meaning(text, network, "image")
    assert isinstance(meaning, TextMeaning)
    return meaning


def test_worth_by_the_definition(clip_network: Network, library: LibraryReader) -> None:
    match = read("sad evening by the sea", clip_network).match(library)
    np.testing.assert_array_equal(match.ids, library.places("image")[0])
    backbone = clip_network.backbones["image"]
    assert backbone.text is not None
    vector = TextEncoder(backbone.text).encode("sad evening by the sea").astype(np.float64)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
    cosines = []
    for item in library.items(match.ids.tolist()).values():
        features = library.features(item, backbone).astype(np.float64).mean(axis=0)
        cosines.append(float(features @ vector / np.linalg.norm(features)))
    mean = sum(cosines) / len(cosines)
    spread = (sum((one - mean) ** 2 for one in cosines) / len(cosines)) ** 0.5
    expected = [min(max((one - mean) / spread / 4, 0.0), 1.0) for one in cosines]
    assert len(expected) == PHOTOS
    np.testing.assert_allclose(match.worth, expected, atol=2e-3)
    assert 0 < np.count_nonzero(match.worth) < PHOTOS


def test_another_sentence_is_another_worth(clip_network: Network, library: LibraryReader) -> None:
    sea, dog = read("the sea", clip_network), read("the dog", clip_network)
    first = sea.match(library).worth
    assert not np.allclose(first, dog.match(library).worth)
    np.testing.assert_array_equal(sea.match(library).worth, first)


@given(arrays(np.float32, st.integers(0, 40), elements=st.floats(-1, 1, width=32)), st.integers(0, 2**31))
def test_worth_rises_with_the_cosine(cosines: np.ndarray, seed: int) -> None:
    is_known = np.random.default_rng(seed).random(len(cosines)) < 0.8
    worth = compute_worth(cosines, is_known)
    assert ((worth >= 0) & (worth <= 1)).all()
    assert not worth[~is_known].any()
    assert (np.diff(worth[is_known][np.argsort(cosines[is_known], kind="stable")]) >= 0).all()


def test_equal_pictures_are_worth_nothing() -> None:
    assert not compute_worth(np.full(5, 0.2, np.float32), np.ones(5, bool)).any()
    assert compute_worth(np.zeros(0, np.float32), np.zeros(0, bool)).shape == (0,)


def test_lost_features_are_worth_nothing(clip_network: Network, clip_library: Path, tmp_path: Path) -> None:
    library = Path(shutil.copytree(clip_library, tmp_path / "library"))
    backbone = clip_network.backbones["image"]
    store = library / FEATURES / f"{backbone.id}.f16"
    store.write_bytes(bytes(2 * backbone.width) + store.read_bytes()[2 * backbone.width :])  # the first row
    meaning = read("the sea", clip_network)
    with LibraryReader(library) as reader:
        match = meaning.match(reader)
        (lost,) = [
            item
            for item, features in zip(
                match.ids.tolist(),
                reader.find_features(list(reader.items(match.ids.tolist()).values()), backbone),
                strict=True,
            )
            if features is None
        ]
        assert match.worth[match.ids.tolist().index(lost)] == 0.0
        assert np.isfinite(match.worth).all()
        assert match.worth.any()
        assert meaning.describe(reader, lost) == ""


def test_explanation_compares_with_the_library(clip_network: Network, library: LibraryReader) -> None:
    meaning = read(" the sea ", clip_network)
    match = meaning.match(library)
    best, worst = (int(match.ids[place]) for place in (match.worth.argmax(), match.worth.argmin()))
    share = 100 * (PHOTOS - 1) // PHOTOS
    assert meaning.describe(library, best) == f"the sea ↔ more than {share}% of pictures"
    assert meaning.describe(library, worst) == ""
    assert meaning.describe(library, 10**6) == ""


def test_most_things_are_specific_and_most_moods_are_not(clip_network: Network) -> None:
    things = [read(thing, clip_network) for thing in OTHER_THINGS.split()]
    moods = [read(mood, clip_network) for mood in MOODS]
    assert np.mean([thing.is_specific for thing in things]) > 0.85
    assert np.mean([mood.is_specific for mood in moods]) < 0.3
    assert not read("very sad", clip_network).is_specific


def test_the_shortest_phrases_are_named(clip_network: Network) -> None:
    assert set(read("a sad dog by the sea", clip_network).named) == {"dog", "sea"}
    assert read("a wedding", clip_network).named == ("wedding",)
    assert read("very sad", clip_network).named == ()


def test_songs_keep_their_tags(clip_network: Network) -> None:
    assert isinstance(read_meaning("old jazz", clip_network, "music"), LabelMeaning)


def test_without_a_text_tower_there_is_no_meaning(own_network: Network) -> None:
    assert read_meaning(" ", own_network, "image") is None
    config = json.loads((own_network.folder / "network.json").read_text())
    del config["image_backbone"]["text"]
    (own_network.folder / "network.json").write_text(json.dumps(config))
    without = open_network(str(own_network.folder))
    assert without.backbones["image"].text is None
    assert without.id == own_network.id
    assert repr(without.backbones) == repr(own_network.backbones)
    assert read_meaning("the sea", without, "image") is None


@pytest.mark.parametrize("name", ["text.onnx", "text_tokenizer.json"])
@pytest.mark.parametrize("damage", ["damaged", "missing"])
def test_damage_is_one_line(own_network: Network, library: LibraryReader, name: str, damage: str) -> None:
    path = own_network.folder / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ArtefactError, match=damage) as caught:
        read("the sea", own_network).match(library)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_description_that_the_files_belie_is_refused(own_network: Network, tmp_path: Path) -> None:
    tower = own_network.backbones["image"].text
    assert tower is not None
    with pytest.raises(ArtefactError, match="takes 6 token ids, not 7"):
        TextEncoder(replace(tower, context=7))
    with pytest.raises(ArtefactError, match="has no output 'features' of 25"):
        TextEncoder(replace(tower, width=25))
    other = write_text_tower(tmp_path / "other", context=5)
    mixed = replace(tower, tokenizer=other.tokenizer, tokenizer_sha256=other.tokenizer_sha256)
    with pytest.raises(ArtefactError, match="gives 5 token ids, not 6"):
        TextEncoder(mixed).encode("sea")
    graph = replace(tower, tokenizer=tower.path, tokenizer_sha256=tower.sha256)
    with pytest.raises(ArtefactError, match="is no tokenizer"):
        TextEncoder(graph)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "../text.onnx"}, "file is '../text.onnx'"),
        ({"context": 0}, "context is 0"),
        ({"tokenizer": {"file": "text_tokenizer.json"}}, "no 'sha256'"),
        ({"tokenizer": None}, "described wrongly"),
    ],
)
def test_a_wrong_description_is_refused(
    own_network: Network, change: dict[str, object], message: str
) -> None:
    path = own_network.folder / "network.json"
    config = json.loads(path.read_text())
    config["image_backbone"]["text"] |= change
    path.write_text(json.dumps(config))
    with pytest.raises(ArtefactError, match=message):
        open_network(str(own_network.folder))


def test_without_tokenizers_one_line_says_what_to_install(
    clip_network: Network, library: LibraryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_text_encoder.cache_clear()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(AttuneError, match=r"attune-affect\[clip\]") as caught:
        read("the sea", clip_network).match(library)
    assert "\n" not in str(caught.value)
