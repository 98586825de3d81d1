"""Cache of features of labelled files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.tests.media_factory import photo
from attune.training import feature_cache
from attune.training.feature_cache import extract_cached_features
from attune.training.manifest import LabelledRow

pytestmark = pytest.mark.torch


def _row(path: Path) -> LabelledRow:
    return LabelledRow(path, "train", "s", path.name, "positive", None, None, None, "")


def test_features_are_kept_and_made_anew_for_a_changed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [photo(tmp_path / f"{seed}.png", seed, (64, 48)) for seed in (0, 1)]
    rows, cache = [_row(path) for path in paths], tmp_path / "cache"
    first = extract_cached_features(rows, DEFAULT_BACKBONES["image"], cache, workers=1).features
    assert [one.shape for one in first] == [(1, 2528)] * 2
    assert first[0].dtype == np.float16

    extracted: list[Path] = []
    extract_all = feature_cache.extract_all

    def counted(jobs, *rest):  # type: ignore[no-untyped-def]
        for outcome in extract_all(jobs, *rest):
            extracted.append(outcome.path)
            yield outcome

    monkeypatch.setattr(feature_cache, "extract_all", counted)
    again = extract_cached_features(rows, DEFAULT_BACKBONES["image"], cache, workers=1).features
    assert not extracted
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    photo(paths[1], 2, (65, 48))
    changed = extract_cached_features(rows, DEFAULT_BACKBONES["image"], cache, workers=1).features
    assert extracted == [paths[1]]
    assert (changed[1] != first[1]).any()


def test_missing_and_damaged_files_are_left_out_and_named(tmp_path: Path) -> None:
    good, gone, broken = (tmp_path / f"{name}.png" for name in ("good", "gone", "broken"))
    photo(good, 0, (64, 48))
    broken.write_bytes(b"not a medium at all")
    found = extract_cached_features(
        [_row(path) for path in (good, gone, broken)],
        DEFAULT_BACKBONES["image"],
        tmp_path / "cache",
        workers=1,
    )
    assert [row.path for row in found.rows] == [good]
    assert len(found.features) == 1
    assert [error.path for error in found.skipped] == [broken, gone]
