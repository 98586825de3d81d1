"""Layout of a picture of any shape on a canvas from which the frames of a film are cut.

A picture that nearly has the film's shape fills the canvas, cropped around its most salient part. A portrait,
a panorama or a small picture is shown whole, on a blurred and darkened copy of itself. In both cases the
canvas is a little larger than the frame, so that the closest zoom still shows it pixel for pixel. The canvas
is stored in the film's format, YUV 4:2:0, BT.709, limited range: a frame costs three small resizes and no
colour conversion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import make_cover_spec

if TYPE_CHECKING:
    from PIL import Image

    Planes = tuple[Image.Image, Image.Image, Image.Image]

ZOOM: Final = 1.12
"""The largest zoom factor."""
_MAX_CROP: Final = 0.26  # a 4:3 photo on a 16:9 frame loses 25 % of its height
_MAX_ENLARGEMENT: Final = 2.1  # frame pixels per picture pixel, along a side; more looks blurred
_BLUR_FACTOR: Final = 24  # the blurred background is computed this many times smaller along each side
_BACKGROUND_BRIGHTNESS: Final = 0.5
_SALIENCY_SIDE: Final = 48  # side of the saliency map
_VERTICAL_CENTER: Final = 0.42  # the subject of a picture is usually a little above the middle
_EDGE_PENALTY: Final = (
    0.5  # share of its saliency that a window loses at distance 1 from the preferred position
)


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture that is laid out for a film.

    Attributes:
        planes: One luma plane and two chroma planes of half the size: 8-bit images.
        focus: The point towards which a zoom moves, (x, y) in [0, 1].
    """

    planes: Planes
    focus: tuple[float, float]

    def frame(self, zoom: float, size: tuple[int, int]) -> Planes:
        """Return the planes of a frame of `size` (width, height) at a zoom factor from 1 to `ZOOM`."""
        from PIL import Image

        width, height = self.planes[0].size
        left, top = (
            side * (1.0 - 1.0 / zoom) * at for side, at in zip((width, height), self.focus, strict=True)
        )
        box = (left, top, left + width / zoom, top + height / zoom)
        half = (size[0] // 2, size[1] // 2)
        luma, *chroma = self.planes
        small = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
        first, second = (plane.resize(half, Image.Resampling.BILINEAR, box=small) for plane in chroma)
        return luma.resize(size, Image.Resampling.BICUBIC, box=box), first, second


def compose(path: str, size: tuple[int, int]) -> Canvas:
    """Read a picture and lay it out on a canvas.

    Args:
        path: The picture.
        size: Width and height of the film's frames in pixels, both even.

    Raises:
        MediaError: The picture cannot be used.
    """
    from PIL import Image

    wide, high = (2 * round(side * ZOOM / 2) for side in size)
    image = Image.fromarray(decode_image(path, make_cover_spec(wide, high)).pixels)
    shape, wanted = image.width / image.height, wide / high
    cropped_share = 1.0 - min(shape / wanted, wanted / shape)
    saliency = _compute_saliency(image)
    if cropped_share <= _MAX_CROP and max(size[0] / image.width, size[1] / image.height) <= _MAX_ENLARGEMENT:
        from PIL import ImageOps

        around = (
            _choose_window(saliency.sum(axis=0), 1 - cropped_share, 0.5),
            _choose_window(saliency.sum(axis=1), 1 - cropped_share, _VERTICAL_CENTER),
        )
        canvas = ImageOps.fit(image, (wide, high), Image.Resampling.LANCZOS, centering=around)
        return Canvas(_convert_to_yuv(canvas), _find_center(_compute_saliency(canvas)))
    return Canvas(_convert_to_yuv(_overlay_on_blurred_copy(image, (wide, high), size)), (0.5, 0.5))


def _overlay_on_blurred_copy(
    image: Image.Image, canvas: tuple[int, int], frame: tuple[int, int]
) -> Image.Image:
    """Put the whole picture, inside the part that the closest zoom shows, on a blurred copy of itself."""
    from PIL import Image, ImageFilter, ImageOps

    tiny = (max(2, canvas[0] // _BLUR_FACTOR), max(2, canvas[1] // _BLUR_FACTOR))
    behind = ImageOps.fit(image, tiny, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(2))
    laid = behind.point([int(value * _BACKGROUND_BRIGHTNESS) for value in range(256)] * 3).resize(
        canvas, Image.Resampling.BICUBIC
    )
    scale = min(frame[0] / image.width, frame[1] / image.height, _MAX_ENLARGEMENT)
    whole = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    shown = image.resize(whole, Image.Resampling.LANCZOS)
    laid.paste(shown, ((canvas[0] - whole[0]) // 2, (canvas[1] - whole[1]) // 2))
    return laid


def _compute_saliency(image: Image.Image) -> NDArray[np.float64]:
    """Return a saliency map, float64 (48, 48): the strength of edges in brightness and colour."""
    from PIL import Image

    small = np.asarray(image.resize((_SALIENCY_SIDE, _SALIENCY_SIDE), Image.Resampling.BOX), np.float64)
    down, across = np.gradient(small, axis=(0, 1))
    edges: NDArray[np.float64] = np.hypot(down, across).sum(axis=2)
    return edges + 1e-3


def _choose_window(profile: NDArray[np.float64], share: float, around: float) -> float:
    """Return the best position of a crop window along one axis, from 0 (first) to 1 (last).

    Args:
        profile: Saliency along the axis.
        share: Length of the window, as a share of the axis.
        around: The preferred position.
    """
    length = max(1, round(share * len(profile)))
    if length >= len(profile):
        return 0.5
    sums = np.convolve(profile, np.ones(length), mode="valid")
    at = np.linspace(0.0, 1.0, len(sums))
    return float(at[np.argmax(sums * (1.0 - _EDGE_PENALTY * np.abs(at - around)))])


def _find_center(saliency: NDArray[np.float64]) -> tuple[float, float]:
    """Return the centre of mass of a saliency map, at least 0.25 away from each edge."""
    at = (np.arange(_SALIENCY_SIDE) + 0.5) / _SALIENCY_SIDE
    x, y = (float((saliency.sum(axis=axis) * at).sum() / saliency.sum()) for axis in (0, 1))
    return min(max(x, 0.25), 0.75), min(max(y, 0.25), 0.75)


def _convert_to_yuv(image: Image.Image) -> Planes:
    import av
    from av.video.reformatter import ColorRange, Colorspace
    from PIL import Image

    frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
    )
    flat = frame.to_ndarray().reshape(-1)
    width, height = image.size
    luma, quarter = width * height, width * height // 4
    parts = flat[:luma], flat[luma : luma + quarter], flat[luma + quarter :]
    sizes = (height, width), (height // 2, width // 2), (height // 2, width // 2)
    first, second, third = (
        Image.fromarray(np.ascontiguousarray(part.reshape(size)))
        for part, size in zip(parts, sizes, strict=True)
    )
    return first, second, third
