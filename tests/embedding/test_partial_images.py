"""Pictures that lack their last bytes: what can be decoded of them, and that the share is measured."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from attune.core.errors import MediaError
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import ImageSpec, make_cover_spec
from attune.embedding.partial_images import decode_complete_rows
from attune.tests.media_factory import scene

SIZE = (320, 240)
WHOLE = ImageSpec(max(SIZE), "inside")
# Formats whose decoders keep the rows before the cut.
KINDS: dict[str, dict[str, Any]] = {
    "jpg": {"quality": 90},
    "progressive.jpg": {"quality": 90, "progressive": True},
    "grey.jpg": {"quality": 90},
    "cmyk.jpg": {"quality": 90},
    "png": {},
    "tiff": {},
    "bmp": {},
    "ppm": {},
    "qoi": {},
}


@functools.cache
def encode(kind: str, orientation: int = 1) -> bytes:
    picture = Image.fromarray(scene(4, SIZE)).convert({"grey.jpg": "L", "cmyk.jpg": "CMYK"}.get(kind, "RGB"))
    exif = Image.Exif()
    exif[0x0112] = orientation
    extra: dict[str, Any] = {"exif": exif} if kind.endswith(("jpg", "png", "tiff")) else {}
    stream = io.BytesIO()
    picture.save(stream, Image.registered_extensions()[f".{kind.rpartition('.')[2]}"], **KINDS[kind], **extra)
    return stream.getvalue()


def write(folder: Path, kind: str, content: bytes) -> Path:
    path = folder / f"a.{kind}"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("kind", "orientation"), [*((kind, 1) for kind in KINDS), ("jpg", 6), ("png", 6), ("tiff", 6)]
)
@pytest.mark.parametrize("cut", [2, 10, 0.01])
def test_a_picture_without_its_last_bytes_is_read(
    tmp_path: Path, kind: str, cut: float, orientation: int
) -> None:
    content = encode(kind, orientation)
    whole = decode_image(write(tmp_path, kind, content), WHOLE)
    end = -cut if cut > 1 else round(len(content) * (1 - cut))
    picture = decode_image(write(tmp_path, kind, content[: int(end)]), WHOLE)
    assert 0.9 <= picture.width * picture.height / (whole.width * whole.height) <= 1
    shown = [picture.width, picture.height] if orientation == 1 else [picture.height, picture.width]
    assert shown[0] == SIZE[0]
    # The rows that are there are the picture's own; a BMP is stored from the bottom, and orientation 6 turns
    # the first row to the right.
    rows, columns = picture.pixels.shape[:2]
    expected = whole.pixels[-rows:] if kind == "bmp" else whole.pixels[:rows, whole.width - columns :]
    difference = np.abs(picture.pixels.astype(int) - expected)
    assert difference.mean() < (3 if kind == "progressive.jpg" else 0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_lacks_more_is_refused_by_its_share(tmp_path: Path, kind: str) -> None:
    content = encode(kind)
    with pytest.raises(MediaError) as caught:
        decode_image(write(tmp_path, kind, content[: len(content) * 6 // 10]))
    words = caught.value.reason.split()
    assert caught.value.reason == f"damaged: only {words[2]} % of its rows can be decoded"
    share = int(words[2])
    # Of a progressive picture, these bytes hold coarse versions of all rows.
    assert (0 < share < 90) if kind == "progressive.jpg" else abs(share - 60) < 12


def test_a_progressive_picture_without_whole_scans_is_refused(tmp_path: Path) -> None:
    content = encode("progressive.jpg")
    with pytest.raises(MediaError, match="cut short"):
        decode_image(write(tmp_path, "progressive.jpg", content[: len(content) // 4]))


def test_a_cut_picture_is_read_at_any_size_and_for_people_too(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(scene(5, (2400, 1600))).save(stream, "JPEG", quality=85)
    path = write(tmp_path, "jpg", stream.getvalue()[:-1000])
    network, shown = decode_image(path), decode_image(path, make_cover_spec(300, 200))
    assert (network.width, network.height) == (shown.width, shown.height)
    assert 1600 * 0.9 < network.height < 1600


def test_rows_that_are_flat_count_as_decoded(tmp_path: Path) -> None:
    """What a decoder leaves or makes up (black, grey) can also be what the picture shows."""
    for value in (0, 128, 255):
        stream = io.BytesIO()
        Image.new("RGB", SIZE, (value,) * 3).save(stream, "JPEG")
        picture = decode_image(write(tmp_path, "jpg", stream.getvalue()[:-2]))
        assert (picture.width, picture.height) == SIZE


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.floats(0.2, 1))
def test_complete_rows_are_never_made_up(kind: str, share: float) -> None:
    content = encode(kind)
    decoded = decode_complete_rows(Image.open, io.BytesIO(content[: round(len(content) * share)]))
    if decoded is None:
        return
    rows = np.asarray(decoded.image.convert("RGB"), np.int64)
    assert len(rows) == round(decoded.share * SIZE[1])
    whole = load(content)
    expected = whole[len(whole) - len(rows) :] if kind == "bmp" else whole[: len(rows)]
    # A progressive picture may lack the lowest bit of its coefficients.
    assert np.abs(rows - expected).mean() < (4 if kind == "progressive.jpg" else 0.01)
    if kind in ("png", "tiff", "bmp", "ppm"):
        assert decoded.share <= share + 0.05


def load(content: bytes) -> NDArray[np.int64]:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), np.int64)
