"""Flavours of TIFF: each is decoded right or refused with a reason, never decoded to other pixels."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from attune.core.errors import UnsupportedMedia
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import ImageSpec
from attune.tests.media_factory import scene
from attune.tests.tiff_factory import TiffLayout, tiff

SIZE = (70, 50)
WHITE_IS_ZERO, GREY, RGB, CMYK = 0, 1, 2, 5
Samples = NDArray[np.generic]


@functools.cache
def make_samples(photometric: int, dtype: str, extra: tuple[int, ...]) -> tuple[Samples, NDArray[np.float64]]:
    """Return samples to store, and the pixels (50, 70, 3) in [0, 255] that they mean."""
    shown = scene(3, SIZE).astype(np.float64)
    shown[0, 0], shown[0, 1] = 0, 255  # the full range
    if photometric in (WHITE_IS_ZERO, GREY):
        shown = np.repeat(shown.mean(axis=2, keepdims=True), 3, axis=2)
    values = {
        WHITE_IS_ZERO: 255 - shown[..., :1],
        GREY: shown[..., :1],
        RGB: shown,
        CMYK: np.dstack([255 - shown, np.zeros(shown.shape[:2])]),
    }[photometric]
    opaque = np.full((*shown.shape[:2], len(extra)), 255.0)
    stored = np.concatenate([values, opaque], axis=2) / 255
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return stored.astype(kind), shown
    return np.round(stored * np.iinfo(kind).max).astype(kind), shown


LAYOUTS = [
    *itertools.product(("none", "deflate"), (False, True), "<>", (None, 16)),
    *itertools.product(("packbits",), (False, True), "<>", (None,)),
]


@pytest.mark.parametrize(("compression", "planar", "order", "tile"), LAYOUTS)
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, GREY, RGB, CMYK])
def test_no_flavour_is_decoded_to_other_pixels(
    tmp_path: Path, compression: str, planar: bool, order: str, tile: int | None, photometric: int
) -> None:
    read = set()
    for dtype, (extra, big), predictor in itertools.product(
        ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4"),
        (((), False), ((), True), ((0,), False), ((1,), False), ((2,), False)),
        (1, 2),
    ):
        if predictor == 2 and (compression != "deflate" or dtype[0] == "f"):
            continue
        samples, shown = make_samples(photometric, dtype, extra)
        layout = TiffLayout(
            photometric=photometric,
            planar=planar,
            order=order,  # type: ignore[arg-type]
            compression=compression,
            tile=tile,
            rows_per_strip=16,
            big=big,
            extra=extra,
            predictor=predictor,
        )
        try:
            picture = decode_image(tiff(tmp_path / "a.tif", samples, layout), ImageSpec(70, "inside"))
        except UnsupportedMedia as refused:
            assert "TIFF" in refused.reason
            continue
        assert np.abs(picture.pixels - shown).mean() < 1, (dtype, extra, big, predictor)
        read.add((dtype, extra))
    assert ("u1", ()) in read
    if photometric != WHITE_IS_ZERO or order == "<":
        assert ("u2", ()) in read


@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_sixteen_bit_planes_are_read(tmp_path: Path, compression: str) -> None:
    samples, shown = make_samples(RGB, "u2", ())
    layout = TiffLayout(planar=True, compression=compression, rows_per_strip=7)
    picture = decode_image(tiff(tmp_path / "a.tif", samples, layout), ImageSpec(70, "inside"))
    assert np.abs(picture.pixels - shown).max() <= 1


def test_subsampled_colours_are_read(tmp_path: Path) -> None:
    """Uncompressed YCbCr, whose colours are stored once for two by two pixels, after their brightness."""
    shown = scene(3, (64, 48))
    stored = np.asarray(Image.fromarray(shown).convert("YCbCr"))
    blocks = stored.reshape(24, 2, 32, 2, 3).transpose(0, 2, 1, 3, 4)
    packed = np.concatenate(
        [blocks[..., 0].reshape(24, 32, 4), blocks[..., 1:].mean(axis=(2, 3)).astype(np.uint8)], axis=2
    ).reshape(48, 32, 3)  # half as many bytes
    path = tiff(tmp_path / "a.tif", packed, TiffLayout(photometric=6, tags={530: (2, 2)}))
    path.write_bytes(path.read_bytes().replace(entry(256, 4, 1, 32), entry(256, 4, 1, 64)))
    picture = decode_image(path, ImageSpec(64, "inside"))
    assert np.abs(picture.pixels.astype(int) - shown).mean() < 8  # it was 32


PALETTE = np.stack([np.arange(256), 255 - np.arange(256), np.arange(256)])


@pytest.mark.parametrize("compression", ["none", "deflate"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("extra", [(), (0,), (2,)])
def test_palettes_are_read_or_refused(
    tmp_path: Path, compression: str, planar: bool, extra: tuple[int, ...]
) -> None:
    places = scene(3, SIZE)[..., :1]
    samples = np.concatenate([places, *[np.full_like(places, 255)] * len(extra)], axis=2)
    colors = tuple(int(value) * 257 for value in PALETTE.reshape(-1))
    layout = TiffLayout(
        photometric=3, planar=planar, compression=compression, extra=extra, tags={320: colors}
    )
    path = tiff(tmp_path / "a.tif", samples, layout)
    try:
        pixels = decode_image(path, ImageSpec(70, "inside")).pixels
    except UnsupportedMedia:
        assert planar
        assert extra
        return
    assert (pixels == PALETTE[:, places[..., 0]].transpose(1, 2, 0)).all()


def test_twelve_bit_greys_keep_their_brightness(tmp_path: Path) -> None:
    half = np.full((20, 20, 1), 0x800, np.uint16)  # two samples are three bytes
    packed = np.tile(np.array([0x80, 0x08, 0x00], np.uint8), 20 * 10).reshape(20, 30, 1)
    path = tiff(tmp_path / "a.tif", packed, TiffLayout(photometric=GREY, tags={}))
    content = path.read_bytes()
    for old, new in (((256, 4, 1, 30), (256, 4, 1, 20)), ((258, 3, 1, 8), (258, 3, 1, 12))):
        content = content.replace(entry(*old), entry(*new))
    path.write_bytes(content)
    picture = decode_image(path)
    assert (picture.width, picture.height) == half.shape[:2]
    assert np.abs(picture.pixels.astype(int) - 128).max() <= 1


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return b"".join(
        number.to_bytes(size, "little") for number, size in ((tag, 2), (kind, 2), (count, 4), (value, 4))
    )


def test_premultiplied_grey_is_read(tmp_path: Path) -> None:
    """A grey of 64 under half transparency is one of 128, which on white gives 191."""
    samples = np.tile(np.array([64, 128], np.uint8), (20, 20, 1))
    path = tiff(tmp_path / "a.tif", samples, TiffLayout(photometric=GREY, extra=(1,)))
    assert np.abs(decode_image(path).pixels.astype(int) - 191).max() <= 2


@pytest.mark.parametrize("compression", [34712, 99])
def test_a_compression_without_a_decoder_is_not_called_damage(tmp_path: Path, compression: int) -> None:
    samples, _ = make_samples(RGB, "u1", ())
    path = tiff(tmp_path / "a.tif", samples, TiffLayout(compression=compression))
    with pytest.raises(UnsupportedMedia, match=str(compression)):
        decode_image(path)
