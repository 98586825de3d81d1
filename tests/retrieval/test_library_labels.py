"""Content labels of a library: derived once, kept, extended, and never wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from attune.core.errors import LibraryError
from attune.core.progress import SilentProgress
from attune.embedding.content_labels import compute_content_labels
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader, read_status
from attune.retrieval.library_labels import LibraryLabels, open_content_labels
from attune.tests.conftest import run_build
from attune.tests.media_factory import photo

FOLDER = "derived"


@pytest.fixture
def library(tmp_path: Path, built: Path) -> Path:
    """A copy of the built library."""
    return Path(shutil.copytree(built, tmp_path / "library"))


def read_labels(library: Path, network: Network, kind: Kind = "image") -> LibraryLabels:
    with LibraryReader(library) as reader:
        found = open_content_labels(reader, network.backbones[kind])
        assert open_content_labels(reader, network.backbones[kind]) is found
        np.testing.assert_array_equal(found.ids, reader.places(kind)[0])
        return found


def assert_same(one: LibraryLabels, other: LibraryLabels) -> None:
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.labels.indices, other.labels.indices)
    np.testing.assert_array_equal(one.labels.shares, other.labels.shares)


def forget_features(library: Path, network: Network, kind: Kind) -> None:
    (library / "features" / f"{network.backbones[kind].id}.f16").unlink()


@pytest.mark.parametrize("kind", ["image", "music"])
def test_labels_are_those_of_each_item_and_are_read_once(library: Path, network: Network, kind: Kind) -> None:
    found = read_labels(library, network, kind)
    with LibraryReader(library) as reader:
        for item in reader.items(found.ids.tolist()).values():
            features = reader.features(item, network.backbones[kind])
            expected = compute_content_labels([features], network.backbones[kind])
            own = found.of(item.id)
            assert own is not None
            np.testing.assert_allclose(
                np.sort(own.shares, axis=1), np.sort(expected.shares, axis=1), atol=1e-3
            )
            assert own.indices[0, 0] == expected.indices[0, 0]
    assert found.of(10**6) is None
    forget_features(library, network, kind)
    assert_same(read_labels(library, network, kind), found)


def test_only_new_files_are_read(library: Path, network: Network, tmp_path: Path) -> None:
    before = read_labels(library, network)
    (tmp_path / "more").mkdir()
    photo(tmp_path / "more" / "new.jpg", 99)
    run_build(library, network, tmp_path / "more")
    (path,) = (library / FOLDER).iterdir()
    size = path.stat().st_size
    after = read_labels(library, network)
    assert len(after.ids) == len(before.ids) + 1
    assert path.stat().st_size == size + (size - 4) // len(before.ids)
    for item in before.ids.tolist():
        old, new = before.of(item), after.of(item)
        assert old is not None
        assert new is not None
        np.testing.assert_array_equal(old.shares, new.shares)


def test_a_damaged_file_is_made_again(library: Path, network: Network) -> None:
    found = read_labels(library, network)
    (path,) = (library / FOLDER).iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"x" + whole[101:])
    assert_same(read_labels(library, network), found)
    assert path.read_bytes() == whole


def test_an_item_without_features_has_no_labels_and_is_tried_again(library: Path, network: Network) -> None:
    path = library / "features" / f"{network.backbones['image'].id}.f16"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])  # the last picture is cut
    assert (read_labels(library, network).labels.shares.any(axis=1)).sum() == 13
    path.write_bytes(whole)
    assert read_labels(library, network).labels.shares.any(axis=1).all()


def test_the_kept_rows_count_in_the_size_of_the_library(library: Path, network: Network) -> None:
    before = read_status(library).bytes
    read_labels(library, network)
    (path,) = (library / FOLDER).iterdir()
    assert read_status(library).bytes == before + path.stat().st_size


def test_what_an_interruption_left_is_continued(library: Path, network: Network) -> None:
    class Interruption(SilentProgress):
        def advance(self, steps: int = 1) -> None:
            raise KeyboardInterrupt

    with LibraryReader(library) as reader, pytest.raises(KeyboardInterrupt):
        open_content_labels(reader, network.backbones["image"], Interruption())
    assert len(list((library / FOLDER).iterdir())) == 1
    forget_features(library, network, "image")
    assert read_labels(library, network).labels.shares.any(axis=1).all()


def test_no_library_has_no_labels(tmp_path: Path, network: Network) -> None:
    with pytest.raises(LibraryError):
        read_labels(tmp_path, network)
