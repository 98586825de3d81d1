"""Pictures in a terminal: each character shows two pixels, one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attune.core.errors import MediaError
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import ImageSpec

if TYPE_CHECKING:
    from rich.text import Text

COLUMNS, LINES = 16, 5


def render_half_blocks(path: str) -> Text:
    """Return a picture as at most 16 columns and 5 lines of coloured half blocks.

    A file that cannot be read gives an empty text, since its path is printed beside it anyway.
    """
    from PIL import Image
    from rich.text import Text

    try:
        picture = decode_image(path, ImageSpec(colors="srgb"))
    except MediaError:
        return Text("")
    scale = min(COLUMNS / picture.width, 2 * LINES / picture.height)
    columns = max(1, round(picture.width * scale))
    rows = max(2, 2 * round(picture.height * scale / 2))
    small = Image.fromarray(picture.pixels).resize((columns, rows), Image.Resampling.BOX)
    text = Text()
    for row in range(0, rows, 2):
        for column in range(columns):
            upper, lower = (
                _hex_color(small.getpixel((column, row))),
                _hex_color(small.getpixel((column, row + 1))),
            )
            text.append("▀", f"{upper} on {lower}")
        if row + 2 < rows:
            text.append("\n")
    return text


def _hex_color(pixel: object) -> str:
    assert isinstance(pixel, tuple)
    red, green, blue = pixel
    return f"#{red:02x}{green:02x}{blue:02x}"
