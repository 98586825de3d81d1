"""Capture dates: the camera's date, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from attune.core.errors import MediaError
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbones
from attune.embedding.feature_extraction import extract
from attune.embedding.media_tags import read_capture_date
from attune.tests import camera_factory
from attune.tests.media_factory import IMAGE_DAMAGE, damaged, dated_photo, photo, scene

SUMMER = "2023:07:14 18:20:05"


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_the_date_is_read_from_every_format_that_holds_one(tmp_path: Path, suffix: str) -> None:
    assert read_capture_date(dated_photo(tmp_path / f"a.{suffix}", 0, SUMMER)) == "2023-07-14T18:20:05"


def test_the_date_of_a_raw_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = camera_factory._common
    monkeypatch.setattr(
        camera_factory, "_common", lambda *size: [*common(*size), (306, "s", b"2021:05:06 07:08:09\0")]
    )
    dated = camera_factory.dng(tmp_path / "dated.dng", scene(0, (320, 240)))
    monkeypatch.undo()
    assert read_capture_date(dated) == "2021-05-06T07:08:09"
    assert read_capture_date(camera_factory.dng(tmp_path / "plain.dng", scene(0, (320, 240)))) is None


def test_no_date_is_made_up(tmp_path: Path) -> None:
    assert read_capture_date(photo(tmp_path / "plain.jpg", 0)) is None
    assert read_capture_date(camera_factory.heic(tmp_path / "plain.heic", scene(0, (64, 64)))) is None
    for text in ("0000:00:00 00:00:00", "    :  :     :  :  ", "2023:13:45 99:00:00", "yesterday"):
        assert read_capture_date(dated_photo(tmp_path / "odd.jpg", 0, text)) is None
    saved = Image.Exif()
    saved[0x0132] = SUMMER  # the date when software last saved the file
    Image.fromarray(scene(0, (64, 64))).save(tmp_path / "saved.jpg", exif=saved)
    assert read_capture_date(tmp_path / "saved.jpg") is None


def test_the_date_of_digitising_stands_in(tmp_path: Path) -> None:
    assert read_capture_date(dated_photo(tmp_path / "a.jpg", 0, SUMMER, tag=0x9004)) == "2023-07-14T18:20:05"


@pytest.mark.parametrize("kind", [kind for kind in IMAGE_DAMAGE if kind not in ("empty", "bomb")])
def test_damage_costs_the_date_and_nothing_else(tmp_path: Path, kind: str) -> None:
    assert read_capture_date(damaged(tmp_path / "a.jpg", kind)) is None


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        read_capture_date(tmp_path / "none.jpg")


def test_extraction_carries_it(tmp_path: Path) -> None:
    dated = extract(dated_photo(tmp_path / "a.jpg", 0, SUMMER), "image", Backbones(DEFAULT_BACKBONES))
    assert dated.facts.taken == "2023-07-14T18:20:05"
