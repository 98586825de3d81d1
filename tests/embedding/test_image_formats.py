"""Formats are known by their content; what is not read has a reason, and only damage is called damage."""

from __future__ import annotations

import builtins
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from attune.core.errors import MediaError, UnsupportedMedia
from attune.embedding.capture_facts import read_capture_facts
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import ImageSpec, make_cover_spec
from attune.embedding.jpeg_xl import read_jpeg_xl_size
from attune.embedding.media_files import RAW_SUFFIXES, kind_of
from attune.tests.camera_factory import dng, heic
from attune.tests.embedding.test_image_decoding import assert_quarters, quarters, save
from attune.tests.media_factory import dated_photo, photo, scene
from attune.tests.tiff_factory import TiffLayout, tiff


def jpeg_xl(path: Path, image: Image.Image, **options: Any) -> Path:
    import pillow_jxl  # noqa: F401 - registers the format

    image.save(path, "JXL", **options)
    return path


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"quality": 90}, {"lossless": True, "use_container": True}]
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_jpeg_xl(tmp_path: Path, mode: str, options: dict[str, Any]) -> None:
    image = Image.fromarray(quarters())
    picture = decode_image(jpeg_xl(tmp_path / "a.jxl", image.convert(mode), **options))
    assert (picture.width, picture.height) == (320, 240)
    if mode != "L":
        assert_quarters(picture.pixels, tolerance=16)


def test_a_jpeg_inside_jpeg_xl_is_the_same_picture_with_its_date(tmp_path: Path) -> None:
    taken = dated_photo(tmp_path / "a.jpg", 3, "2023:07:14 18:20:05")
    with Image.open(taken) as image:
        path = jpeg_xl(tmp_path / "a.jxl", image, lossless_jpeg=True)
    assert (decode_image(path).pixels == decode_image(taken).pixels).all()
    assert read_capture_facts(path, "image").taken == "2023-07-14T18:20:05"


def jpeg_xl_stream(image: Image.Image, fields: str) -> bytes:
    """Encode 64 × 64 pixels, and state something about them that the encoder cannot be told to.

    Args:
        image: The picture, in sRGB.
        fields: Bits of the image metadata (ISO/IEC 18181-1, annex D) to put instead of the default.
    """
    import pillow_jxl  # noqa: F401 - registers the format

    stream = io.BytesIO()
    image.save(stream, "JXL", quality=95)
    size, content = "111100100", stream.getvalue()
    assert content[2:4] == int(f"{size}11"[::-1], 2).to_bytes(2, "little"), "the header is not the default"
    header = int(f"{size}{fields}"[::-1], 2)
    return content[:2] + header.to_bytes(-(-header.bit_length() // 8), "little") + content[4:]


def test_jpeg_xl_whose_colours_are_named_becomes_srgb(tmp_path: Path) -> None:
    """Most writers name Display P3 in a few bits instead of storing its profile."""
    depth_and_xyb, display_p3 = "0" + "0" + "000" + "1" + "00" + "1", "00" + "00" + "10" + "011001" + "0"
    fields = depth_and_xyb + display_p3 + "011101" + "10" + "00" + "1"
    (tmp_path / "a.jxl").write_bytes(jpeg_xl_stream(Image.new("RGB", (64, 64), (200, 60, 40)), fields))
    with Image.open(tmp_path / "a.jxl") as image:
        assert image.getpixel((9, 9)) == pytest.approx((186, 69, 50), abs=3), "stored in Display P3"
    shown = decode_image(tmp_path / "a.jxl", ImageSpec(colors="srgb")).pixels
    assert shown[9, 9].tolist() == pytest.approx((200, 60, 40), abs=3)


@pytest.mark.parametrize("turn", [1, 3, 6])
def test_jpeg_xl_is_turned_once(tmp_path: Path, turn: int) -> None:
    """As its codestream says; what EXIF says does not count (ISO/IEC 18181-2)."""
    image = Image.new("RGB", (64, 64))
    image.paste((255, 0, 0), (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    fields = "0" + "1" + f"{turn - 1:03b}"[::-1] + "000" + "000" + "1" + "00" + "1" + "1" + "1" + "00" + "1"
    boxes = {
        b"ftyp": b"jxl \0\0\0\0jxl ",
        b"Exif": bytes(4) + exif.tobytes().removeprefix(b"Exif\0\0"),
        b"jxlc": jpeg_xl_stream(image, fields),
    }
    head = b"\0\0\0\x0cJXL \r\n\x87\n"
    content = [(len(data) + 8).to_bytes(4, "big") + kind + data for kind, data in boxes.items()]
    (tmp_path / "a.jxl").write_bytes(head + b"".join(content))
    pixels = decode_image(tmp_path / "a.jxl").pixels
    last = len(pixels) - 9
    corner = {1: (9, 9), 3: (last, last), 6: (9, last)}[turn]
    reds = [place for place in ((9, 9), (9, last), (last, 9), (last, last)) if pixels[place][0] > 200]
    assert reds == [corner]


@given(st.integers(1, 70_000), st.integers(1, 70_000), st.booleans())
def test_the_size_of_jpeg_xl_is_read_without_its_pixels(width: int, height: int, boxed: bool) -> None:
    """Against a codestream that states both sides, each in the shortest of four lengths."""
    bits, place = 0, 1
    for number, side in enumerate((height, width)):
        selector = next(at for at, count in enumerate((9, 13, 18, 30)) if side - 1 < 1 << count)
        bits |= selector << place | (side - 1) << (place + 2)
        place += 2 + (9, 13, 18, 30)[selector]
        place += 3 if number == 0 else 0  # the ratio: none
    stream = b"\xff\x0a" + bits.to_bytes(12, "little")
    if boxed:
        head = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
        stream = head + (len(stream) + 12).to_bytes(4, "big") + b"jxlp\0\0\0\0" + stream
    assert read_jpeg_xl_size(io.BytesIO(stream)) == (width, height)


@pytest.mark.parametrize(
    "size", [(64, 64), (640, 480), (300, 200), (1920, 1080), (250, 200), (8, 256), (333, 777)]
)
def test_the_size_of_jpeg_xl_is_the_decoders(tmp_path: Path, size: tuple[int, int]) -> None:
    with jpeg_xl(tmp_path / "a.jxl", Image.new("RGB", size)).open("rb") as file:
        assert read_jpeg_xl_size(file) == size


def test_a_jpeg_xl_bomb_is_measured_not_decoded(tmp_path: Path) -> None:
    path = jpeg_xl(tmp_path / "a.jxl", Image.new("RGB", (2000, 1000)))
    with pytest.raises(MediaError, match=r"2000 . 1000 pixels, more than 1 million"):
        decode_image(path, ImageSpec(max_pixels=1_000_000))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_altered_jpeg_xl_raises_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "altered.jxl"
    whole = jpeg_xl(path, Image.fromarray(scene(2, (64, 48))), use_container=data.draw(st.booleans()))
    content = bytearray(whole.read_bytes())
    for place in data.draw(st.lists(st.integers(2, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(3, len(content)))])
    try:
        decode_image(path, ImageSpec(max_pixels=1_000_000))
    except MediaError as error:
        assert 5 < len(error.reason) < 130
        assert "vendored" not in error.reason


@pytest.mark.parametrize("suffix", ["dng", "nef", "3fr", "raw"])
@pytest.mark.parametrize("content", ["jpg", "png", "webp", "heic", "tiff", "jxl", "gif"])
def test_an_ordinary_picture_with_a_raw_suffix_is_read_by_its_content(
    tmp_path: Path, suffix: str, content: str
) -> None:
    path, image = tmp_path / f"a.{content}", Image.fromarray(quarters())
    writers: dict[str, Callable[[], object]] = {
        "heic": lambda: heic(path, quarters()),
        "jxl": lambda: jpeg_xl(path, image),
    }
    writers.get(content, lambda: image.save(path))()
    picture = decode_image(path.rename(tmp_path / f"a.{suffix}"))
    assert (picture.width, picture.height) == (320, 240)
    assert_quarters(picture.pixels, tolerance=16)


def test_the_date_of_a_jpeg_named_dng_is_read(tmp_path: Path) -> None:
    path = dated_photo(tmp_path / "a.jpg", 3, "2023:07:14 18:20:05")
    assert read_capture_facts(path.rename(tmp_path / "a.dng"), "image").taken == "2023-07-14T18:20:05"


def test_raw_whose_camera_is_not_known_is_not_read_as_its_thumbnail(tmp_path: Path) -> None:
    thumbnail = tiff(tmp_path / "a.nef", scene(2, (160, 120)), TiffLayout(tags={254: (1,)}))
    with pytest.raises(UnsupportedMedia, match="LibRaw"):
        decode_image(thumbnail)


def test_raw_with_another_cameras_suffix_is_read(tmp_path: Path) -> None:
    for suffix in ("cr2", "iiq", "raw", "sr2"):
        assert_quarters(decode_image(dng(tmp_path / f"a.{suffix}", quarters(640, 480))).pixels, tolerance=12)


@pytest.mark.parametrize("suffix", ["mpo", "jpg", "jps"])
def test_of_several_jpegs_in_one_the_first_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    others = [Image.new("RGB", (320, 240), (0, 0, 255))]
    Image.fromarray(quarters()).save(path, "MPO", save_all=True, append_images=others)
    assert kind_of(path) == "image"
    assert_quarters(decode_image(path).pixels)
    path.write_bytes(path.read_bytes()[:-300])  # the second is cut short
    assert_quarters(decode_image(path).pixels)


WRITERS = {
    "jps": "JPEG",
    "pfm": None,
    "dib": "DIB",
    "avifs": "AVIF",
    "icb": "TGA",
    "vda": "TGA",
    "vst": "TGA",
}


@pytest.mark.parametrize("suffix", ["pcx", "sgi", "j2c", "jpc", "jpf", "jpx", "j2k", *WRITERS])
def test_less_common_suffixes_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    assert kind_of(path) == "image"
    if suffix == "pfm":
        values = np.linspace(0, 1, 300, dtype=np.float32).reshape(10, 30)
        Image.fromarray(values).save(path)
        assert np.ptp(decode_image(path).pixels) == 255
        return
    Image.fromarray(quarters()).save(path, WRITERS.get(suffix) or Image.registered_extensions()[f".{suffix}"])
    assert_quarters(decode_image(path).pixels)


def test_one_bit_bitmaps_are_read(tmp_path: Path) -> None:
    Image.new("1", (20, 20), 1).save(tmp_path / "a.pbm")
    assert (decode_image(tmp_path / "a.pbm").pixels == 255).all()


@pytest.mark.parametrize("suffix", ["tga", "pcx"])
def test_bytes_without_a_signature_pass_for_a_format_only_by_their_suffix(
    tmp_path: Path, suffix: str
) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(quarters()))
    with pytest.raises(MediaError, match="not a picture"):
        decode_image(path.rename(tmp_path / "a.jpg"))


@pytest.mark.parametrize("suffix", ["cr3", "nrw", "3fr", "mrw", "x3f", "iiq", "crw", "rwl", "gpr", "raw"])
def test_what_cameras_write_is_a_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"A.{suffix.upper()}"
    assert suffix in RAW_SUFFIXES
    assert kind_of(path) == "image"
    path.write_bytes(b"nothing of the kind" * 40)
    with pytest.raises(UnsupportedMedia, match="LibRaw"):
        decode_image(path)


def alter(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new, 1)


def test_flavours_without_a_decoder_are_not_called_damage(tmp_path: Path) -> None:
    jpeg = photo(tmp_path / "a.jpg", 1).read_bytes()
    bmp = photo(tmp_path / "a.bmp", 1).read_bytes()
    whole = heic(tmp_path / "a.heic", quarters()).read_bytes()
    flavours = {
        "12-bit": ("jpg", alter(jpeg, b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c")),
        "BMP": ("bmp", bmp[:30] + b"\x09\0\0\0" + bmp[34:]),  # an unknown compression
        "video": ("heic", alter(whole, b"ftypheic", b"ftypmp42")),
        "codec": ("heic", alter(whole, b"hvc1\0", b"avc1\0")),
        "BigTIFF": (
            "tif",
            tiff(tmp_path / "a.tif", scene(1, (20, 20)), TiffLayout(order=">", big=True)).read_bytes(),
        ),
    }
    for word, (suffix, content) in flavours.items():
        path = tmp_path / f"{word}.{suffix}"
        path.write_bytes(content)
        with pytest.raises(UnsupportedMedia) as caught:
            decode_image(path)
        assert word.lower() in caught.value.reason.lower(), word
        assert "damaged" not in caught.value.reason, word


@pytest.mark.parametrize("suffix", ["webp", "heic", "avif"])
def test_a_container_that_is_cut_short_says_how_much_is_there(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    whole = (heic(path, quarters()) if suffix == "heic" else photo(path, 1)).read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.raises(MediaError, match=r"damaged: only (59|60) % of its bytes are there"):
        decode_image(path)


def test_jpeg_xl_without_the_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = jpeg_xl(tmp_path / "a.jxl", Image.fromarray(quarters()))
    real_import = builtins.__import__

    def without(wanted: str, *rest: object) -> object:
        if wanted == "pillow_jxl":
            raise ImportError(wanted)
        return real_import(wanted, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnsupportedMedia) as caught:
        decode_image(path)
    assert caught.value.reason == 'JPEG XL needs the extra for photos: pip install "attune-affect[photos]"'


def test_a_large_grey_of_sixteen_bits_is_the_same_at_any_band(tmp_path: Path) -> None:
    """The values are scaled in bands of rows; the range is that of all of them."""
    values = np.zeros((700, 20), np.float32)
    values[-1] = 1000.0
    picture = decode_image(save(tmp_path / "a.tiff", Image.fromarray(values)), make_cover_spec(20, 700))
    assert picture.pixels[0].max() == 0
    assert abs(int(picture.pixels[-1, 0, 0]) - round(255 * 1000 / 65535)) <= 1


def test_the_decoders_that_formats_need_are_there() -> None:
    assert all(features.check(name) for name in ("jpg", "zlib", "libtiff", "webp", "avif", "jpg_2000"))
