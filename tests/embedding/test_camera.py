"""HEIC and RAW files, with and without the extra `photos`."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.capture_facts import read_capture_facts
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC, SIDE, make_cover_spec
from attune.tests.camera_factory import dng, heic
from attune.tests.embedding.test_image_decoding import assert_quarters, quarters


@pytest.mark.parametrize("turns", range(4))
def test_heic_upright(tmp_path: Path, turns: int) -> None:
    picture = decode_image(heic(tmp_path / "a.heic", np.rot90(quarters(), -turns), turns))
    assert (picture.width, picture.height) == (320, 240)
    assert_quarters(picture.pixels, tolerance=12)


def test_an_orientation_in_a_heics_exif_is_not_applied_again(tmp_path: Path) -> None:
    """Cameras write it beside the rotation that the container demands, which libheif has applied."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2023:07:14 18:20:05"
    path = heic(tmp_path / "a.heic", np.rot90(quarters(), 1), 3, exif.tobytes())
    for spec in (DEFAULT_IMAGE_SPEC, make_cover_spec(320, 240)):
        picture = decode_image(path, spec)
        assert (picture.width, picture.height) == (320, 240)
        small = Image.fromarray(picture.pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
        assert_quarters(np.asarray(small), tolerance=12)
    assert read_capture_facts(path, "image").taken == "2023-07-14T18:20:05"


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_raw_upright_from_its_preview_or_developed(
    tmp_path: Path, preview: bool, orientation: int, turns: int
) -> None:
    path = dng(tmp_path / "a.dng", np.rot90(quarters(640, 480), -turns), orientation, preview)
    picture = decode_image(path)
    assert (picture.width, picture.height) == (640, 480)
    assert_quarters(picture.pixels, tolerance=12 if preview else 80)


def test_raw_is_shown_by_its_preview_if_that_is_large_enough(tmp_path: Path) -> None:
    """A preview has the camera's own colours, and a developed picture half the size."""
    path = dng(tmp_path / "a.dng", quarters(640, 480))
    for width, shown in ((640, (480, 640)), (320, (240, 320)), (641, (240, 320))):
        picture = decode_image(path, make_cover_spec(width, 100))
        assert picture.pixels.shape[:2] == shown
        assert (picture.width, picture.height) == (640, 480)
        small = Image.fromarray(picture.pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
        assert_quarters(np.asarray(small), tolerance=12 if width <= 640 else 80)


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
        decode_image(path)
    assert 'pip install "attune-affect[photos]"' in caught.value.reason


@pytest.mark.parametrize("name", ["a.heic", "a.dng", "a.nef"])
def test_damaged_camera_files_are_a_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = (heic if name == "a.heic" else dng)(path, quarters()).read_bytes()
    for content in (whole[: min(2000, len(whole) // 2)], whole[:100], b"nothing of the kind" * 40):
        path.write_bytes(content)
        with pytest.raises(MediaError):
            decode_image(path)
