"""Tests that a film counts near-duplicates exactly as a folded answer does, for every backbone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval import near_duplicates
from attune.retrieval.near_duplicates import SimilarityScale
from attune.retrieval.search import Filters
from attune.retrieval.story.picture_candidates import gather_candidates
from attune.tests.conftest import run_build
from attune.tests.media_factory import scene


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Iterator[LibraryReader]:
    """Eight scenes, four of them also cut by a fifth of their height."""
    folder = tmp_path_factory.mktemp("album")
    for seed in range(8):
        picture = Image.fromarray(scene(seed, (320, 240)))
        picture.save(folder / f"{seed}.png")
        if seed < 4:
            picture.crop((0, 0, 320, 192)).save(folder / f"{seed}-cut.png")
    run_build(folder / "library", network, folder)
    with LibraryReader(folder / "library") as opened:
        yield opened


def load_unit_features(
    library: LibraryReader, network: Network, columns: int | None
) -> dict[int, np.ndarray]:
    """Return the features of each picture, their first columns only, at unit length."""
    ids = [item for item, _ in library.paths("image")]
    rows = {
        item.id: library.features(item, network.backbones["image"])[0, :columns].astype(np.float64)
        for item in library.items(ids).values()
    }
    return {key: row / np.linalg.norm(row) for key, row in rows.items()}


def measured_scale(features: dict[int, np.ndarray]) -> SimilarityScale:
    keys = sorted(features)
    cosines = [features[a] @ features[b] for a in keys for b in keys if a < b]
    return SimilarityScale(float(np.mean(cosines)))


@pytest.mark.parametrize("columns", [None, 1280], ids=["all-blocks", "pooled-alone"])
@pytest.mark.parametrize("random", [0.76, 0.5, None], ids=["shipped", "another", "brought"])
def test_near_duplicates_are_those_of_a_folded_answer(
    library: LibraryReader,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
    columns: int | None,
    random: float | None,
) -> None:
    backbone = network.backbones["image"]
    monkeypatch.setattr(
        near_duplicates, "_MEASURED", {} if random is None else {backbone.name: SimilarityScale(random)}
    )
    ignored = set() if columns is None else {"stage5", "stage6", "stage7"}
    monkeypatch.setattr(near_duplicates, "_IGNORED_BLOCKS", ignored)
    features = load_unit_features(library, network, columns)
    scale = measured_scale(features) if random is None else SimilarityScale(random)
    query = network.embed("music", np.random.default_rng(0).random((1, 1756), np.float32)).vectors
    ranked, _ = library.nearest("image", query[0], len(features))
    expected: list[int] = []
    for key in ranked.tolist():
        if not any(features[key] @ features[other] >= scale.same for other in expected):
            expected.append(key)

    candidates = gather_candidates(library, backbone, query, Filters())

    assert [item.id for item in candidates.items] == expected
    cosines = np.array([[features[a] @ features[b] for b in expected] for a in expected])
    np.testing.assert_allclose(candidates.similarity, scale.rescale(cosines), atol=1e-4)


def test_a_library_of_copies_alone_has_one_picture_to_show(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "_MEASURED", {})  # as for a brought backbone
    for name in "abc":
        Image.fromarray(scene(1, (320, 240))).save(tmp_path / f"{name}.png")
    run_build(tmp_path / "library", network, tmp_path)
    with LibraryReader(tmp_path / "library") as library:
        query = network.embed("music", np.random.default_rng(0).random((1, 1756), np.float32)).vectors
        candidates = gather_candidates(library, network.backbones["image"], query, Filters())
    assert len(candidates.items) == 1
    assert np.isfinite(candidates.similarity).all()
