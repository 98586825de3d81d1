"""Capture dates and ratings of pictures: what the file says of itself, in every format, or nothing."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from pillow_jxl import JpegXLImagePlugin  # noqa: F401 - writes .jxl

from attune.core.errors import MediaError
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbones
from attune.embedding.capture_facts import read_capture_facts
from attune.embedding.feature_extraction import extract
from attune.embedding.media_facts import NO_FACTS, CaptureFacts
from attune.tests import camera_factory
from attune.tests.media_factory import IMAGE_DAMAGE, damaged, dated_photo, movie, photo, scene, xmp

SUMMER = "2023:07:14 18:20:05"
WRITTEN = "2023-07-14T18:20:05"


def read_taken(path: Path) -> str | None:
    return read_capture_facts(path, "image").taken


def save(path: Path, **options: object) -> Path:
    Image.fromarray(scene(0, (64, 64))).save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tiff", "jxl"])
def test_the_date_is_read_from_every_format_that_holds_one(tmp_path: Path, suffix: str) -> None:
    assert read_taken(dated_photo(tmp_path / f"a.{suffix}", 0, SUMMER)) == WRITTEN


@pytest.mark.parametrize("text", ["2023-07-14T18:20:05", "2023/07/14 18:20:05", "2023:07:14 06:20:05 PM\0"])
def test_misspelt_dates_of_exif_are_read(tmp_path: Path, text: str) -> None:
    assert read_taken(dated_photo(tmp_path / "a.jpg", 0, text)) == WRITTEN


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_the_exif_date_of_a_raw_file_counts(tmp_path: Path, byte_order: str) -> None:
    """Most camera RAW files are TIFF inside."""
    exif = Image.Exif()
    exif.endian = "<" if byte_order == "little" else ">"
    exif[0x0132] = "2001:01:01 00:00:00"
    exif[0x4746] = 3
    exif.get_ifd(0x8769)[0x9003] = SUMMER
    (tmp_path / "a.nef").write_bytes(exif.tobytes().removeprefix(b"Exif\0\0"))
    assert read_capture_facts(tmp_path / "a.nef", "image") == CaptureFacts(WRITTEN, 3)


def test_the_date_of_a_raw_file_that_only_libraw_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = camera_factory._common
    monkeypatch.setattr(
        camera_factory, "_common", lambda *size: [*common(*size), (306, "s", b"2021:05:06 07:08:09\0")]
    )
    dated = camera_factory.dng(tmp_path / "dated.dng", scene(0, (320, 240)))
    monkeypatch.undo()
    assert read_taken(dated) == "2021-05-06T07:08:09"
    assert read_taken(camera_factory.dng(tmp_path / "plain.dng", scene(0, (320, 240)))) is None


def test_a_jpeg_named_as_raw_has_its_date(tmp_path: Path) -> None:
    dated_photo(tmp_path / "a.jpg", 0, SUMMER).rename(tmp_path / "a.dng")
    assert read_taken(tmp_path / "a.dng") == WRITTEN


def test_no_date_is_made_up(tmp_path: Path) -> None:
    assert read_taken(photo(tmp_path / "plain.jpg", 0)) is None
    assert read_taken(camera_factory.heic(tmp_path / "plain.heic", scene(0, (64, 64)))) is None
    for text in ("0000:00:00 00:00:00", "    :  :     :  :  ", "2023:13:45 99:00:00", "9999:01:01 00:00:00"):
        assert read_taken(dated_photo(tmp_path / "odd.jpg", 0, text)) is None
    saved = Image.Exif()
    saved[0x0132] = SUMMER  # the date when software last saved the file
    assert read_taken(save(tmp_path / "saved.jpg", exif=saved)) is None


def test_the_time_at_which_a_png_was_saved_is_no_date(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", 0)
    body = b"tIME" + struct.pack(">HBBBBB", 2023, 7, 14, 18, 20, 5)
    chunk = struct.pack(">I", 7) + body + struct.pack(">I", zlib.crc32(body))
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + chunk + whole[33:])
    assert read_taken(path) is None


def test_the_date_of_digitising_stands_in(tmp_path: Path) -> None:
    assert read_taken(dated_photo(tmp_path / "a.jpg", 0, SUMMER, tag=0x9004)) == WRITTEN


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "tiff", "png", "jxl"])
def test_xmp_stands_in_for_exif(tmp_path: Path, suffix: str) -> None:
    packet = xmp({"photoshop:DateCreated": "2023-07-14T18:20:05+02:00", "xmp:Rating": "4"})
    options: dict[str, object] = {"xmp": packet}
    if suffix == "tiff":
        options = {"tiffinfo": {700: packet}}
    if suffix == "png":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", packet.decode())
        options = {"pnginfo": texts}
    path = save(tmp_path / f"a.{suffix}", **options)
    assert read_capture_facts(path, "image") == CaptureFacts(WRITTEN, 4)


def test_metadata_of_jpeg_xl_is_read_without_its_pixels(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.jxl", xmp=xmp({"xmp:Rating": "4"})).read_bytes()
    box = whole.index(b"xml ") - 4
    size = int.from_bytes(whole[box : box + 4], "big")
    (tmp_path / "a.jxl").write_bytes(whole[:32] + whole[box : box + size])
    assert read_capture_facts(tmp_path / "a.jxl", "image").rating == 4
    for odd in (
        whole[:40],
        whole[:32] + bytes(99),
        b"\xff\x0a" + bytes(20),
        whole[:12] + b"\0\0\0\x08free" * 20,
    ):
        (tmp_path / "a.jxl").write_bytes(odd)
        assert read_capture_facts(tmp_path / "a.jxl", "image") == NO_FACTS


def test_what_a_png_has_after_its_pixels_counts(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", xmp({"xmp:Rating": "4"}).decode())
    exif = Image.Exif()
    exif[0x010F] = "Attune"  # without a maker, Pillow takes it for empty
    exif.get_ifd(0x8769)[0x9003] = SUMMER
    whole = save(tmp_path / "a.png", pnginfo=texts, exif=exif).read_bytes()
    plain = save(tmp_path / "plain.png").read_bytes()
    chunks, place = b"", 8
    while place < len(whole):
        size = 12 + int.from_bytes(whole[place : place + 4], "big")
        if whole[place + 4 : place + 8] in (b"eXIf", b"iTXt"):
            chunks += whole[place : place + size]
        place += size
    (tmp_path / "a.png").write_bytes(plain[:-12] + chunks + plain[-12:])
    assert read_capture_facts(tmp_path / "a.png", "image") == CaptureFacts(WRITTEN, 4)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({55: b"20230714", 60: b"182005+0200"}, WRITTEN),
        ({55: b"20230714"}, "2023-07-14T00:00:00"),
        ({62: b"20230714", 63: b"182005"}, WRITTEN),
        ({55: b"00000000", 60: b"000000"}, None),
    ],
)
def test_iptc_stands_in_for_xmp(tmp_path: Path, fields: dict[int, bytes], expected: str | None) -> None:
    data = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in fields.items()
    )
    block = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(data)) + data + b"\0" * (len(data) % 2)
    body = b"Photoshop 3.0\0" + block
    path = save(tmp_path / "a.jpg")
    whole = path.read_bytes()
    path.write_bytes(whole[:2] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + whole[2:])
    assert read_taken(path) == expected


def test_the_receivers_clock_stands_in_for_the_cameras(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Attune"
    exif.get_ifd(0x8825)[29] = "2023:07:14"
    assert read_taken(save(tmp_path / "day.jpg", exif=exif)) == "2023-07-14T00:00:00"
    exif.get_ifd(0x8825)[7] = (18.0, 20.0, 5.75)
    assert read_taken(save(tmp_path / "a.jpg", exif=exif)) == WRITTEN


def test_the_order_of_the_sources(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x4746] = 2
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x9004] = "2021:01:01 00:00:00"
    packet = xmp({"exif:DateTimeOriginal": "2022-01-01", "xmp:Rating": "3"})
    path = save(tmp_path / "a.jpg", exif=exif, xmp=packet)
    assert read_capture_facts(path, "image") == CaptureFacts("2020-01-01T00:00:00", 3)
    exif.get_ifd(0x8769)[0x9003] = "9999:01:01 00:00:00"  # doubted, so the next one counts
    path = save(tmp_path / "a.jpg", exif=exif, xmp=xmp({}))
    assert read_capture_facts(path, "image") == CaptureFacts("2021-01-01T00:00:00", 2)
    (tmp_path / "a.xmp").write_bytes(packet)
    assert read_capture_facts(path, "image") == CaptureFacts("2022-01-01T00:00:00", 3)


def test_a_live_photo_has_the_date_of_its_video(tmp_path: Path) -> None:
    picture = photo(tmp_path / "IMG_1.jpg", 0)
    movie(tmp_path / "IMG_1.MOV", creation_time="2023-07-14T16:20:05Z")
    movie(tmp_path / "IMG_2.MOV", creation_time="2001-01-01T00:00:00Z")
    assert read_taken(picture) == "2023-07-14T16:20:05"
    local = {"com__apple__quicktime__creationdate": "2023-07-14T18:20:05+0200"}
    movie(tmp_path / "IMG_1.MOV", creation_time="2023-07-14T16:20:05Z", **local)
    assert read_taken(picture) == WRITTEN
    assert read_taken(dated_photo(tmp_path / "IMG_1.jpg", 0, "2020:01:01 00:00:00")) == "2020-01-01T00:00:00"


def test_what_stands_beside_a_picture_as_a_video_may_be_anything(tmp_path: Path) -> None:
    picture = photo(tmp_path / "a.jpg", 0)
    unset = movie(tmp_path / "unset.mov", creation_time="1970-01-01T00:00:00Z").read_bytes()
    plain = movie(tmp_path / "plain.mov").read_bytes()
    for content in (b"", b"no film", unset, plain, os.urandom(2000)):
        (tmp_path / "a.mov").write_bytes(content)
        assert read_taken(picture) is None
    (tmp_path / "a.mov").unlink()
    os.mkfifo(tmp_path / "a.mov")
    assert read_taken(picture) is None


@pytest.mark.parametrize("kind", [kind for kind in IMAGE_DAMAGE if kind not in ("empty", "bomb")])
def test_damage_costs_the_date_and_nothing_else(tmp_path: Path, kind: str) -> None:
    assert read_taken(damaged(tmp_path / "a.jpg", kind)) is None


def test_damaged_exif_does_not_cost_the_xmp(tmp_path: Path) -> None:
    packet = xmp({"xmp:CreateDate": WRITTEN, "xmp:Rating": "4"})
    for exif in (b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"):
        path = save(tmp_path / "a.jpg", exif=exif, xmp=packet)
        assert read_capture_facts(path, "image") == CaptureFacts(WRITTEN, 4)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=120), st.sampled_from(["jpg", "png", "nef"]))
def test_no_exif_and_no_xmp_ever_raise(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    if suffix == "nef":
        (folder / "a.nef").write_bytes(b"II*\0" + noise)
    else:
        save(folder / f"a.{suffix}", exif=b"Exif\0\0II*\0" + noise, xmp=noise)
    facts = read_capture_facts(folder / f"a.{suffix}", "image")
    assert facts.rating is None or -1 <= facts.rating <= 5


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        read_taken(tmp_path / "none.jpg")


def test_extraction_carries_what_file_and_sidecar_say(tmp_path: Path) -> None:
    backbones = Backbones(DEFAULT_BACKBONES)
    path = dated_photo(tmp_path / "a.jpg", 0, SUMMER)
    facts = extract(path, "image", backbones).facts
    assert (facts.taken, facts.rating, facts.sidecar_mtime_ns) == (WRITTEN, None, None)
    sidecar = tmp_path / "a.jpg.xmp"
    sidecar.write_bytes(xmp({"xmp:Rating": "5"}))
    facts = extract(path, "image", backbones).facts
    assert (facts.taken, facts.rating, facts.sidecar_mtime_ns) == (WRITTEN, 5, sidecar.stat().st_mtime_ns)
    assert read_capture_facts(path, "image") == CaptureFacts(facts.taken, facts.rating)


def test_a_bad_sidecar_leaves_the_picture_as_it_is(tmp_path: Path) -> None:
    path = dated_photo(tmp_path / "a.jpg", 0, SUMMER)
    (tmp_path / "a.xmp").write_bytes(b"<x:xmpmeta")
    facts = extract(path, "image", Backbones(DEFAULT_BACKBONES)).facts
    assert (facts.taken, facts.rating) == (WRITTEN, None)
    assert facts.sidecar_mtime_ns is not None
    assert read_capture_facts(photo(tmp_path / "b.jpg", 0), "image") == NO_FACTS
