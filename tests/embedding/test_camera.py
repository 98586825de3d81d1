"""HEIC and RAW files, with and without the extra `photos`."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.image_decoding import read_image
from attune.tests.camera_factory import dng, heic
from attune.tests.embedding.test_image_decoding import assert_quarters, quarters


@pytest.mark.parametrize("turns", range(4))
def test_heic_upright(tmp_path: Path, turns: int) -> None:
    picture = read_image(heic(tmp_path / "a.heic", np.rot90(quarters(), -turns), turns))
    assert (picture.width, picture.height) == (320, 240)
    assert_quarters(picture.pixels, tolerance=12)


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_raw_upright_from_its_preview_or_developed(
    tmp_path: Path, preview: bool, orientation: int, turns: int
) -> None:
    path = dng(tmp_path / "a.dng", np.rot90(quarters(640, 480), -turns), orientation, preview)
    picture = read_image(path)
    assert (picture.width, picture.height) == (640, 480)
    assert_quarters(picture.pixels, tolerance=12 if preview else 80)


@pytest.mark.parametrize(("name", "module"), [("a.heic", "pi_heif"), ("a.dng", "rawpy")])
def test_camera_formats_without_the_extra_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    write = heic if module == "pi_heif" else dng
    path = write(tmp_path / name, quarters())
    real_import = builtins.__import__

    def without(wanted: str, *rest: object) -> object:
        if wanted == module:
            raise ImportError(wanted)
        return real_import(wanted, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnsupportedMedia) as caught:
        read_image(path)
    assert 'pip install "attune-affect[photos]"' in caught.value.reason


@pytest.mark.parametrize("name", ["a.heic", "a.dng", "a.nef"])
def test_damaged_camera_files_are_a_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = (heic if name == "a.heic" else dng)(path, quarters()).read_bytes()
    for content in (whole[: min(2000, len(whole) // 2)], whole[:100], b"nothing of the kind" * 40):
        path.write_bytes(content)
        with pytest.raises(MediaError):
            read_image(path)
