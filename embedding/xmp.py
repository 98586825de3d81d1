"""Dates and ratings in XMP packets, which are inside pictures and in the sidecar files beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from attune.embedding.date_text import parse_date_text
from attune.embedding.media_facts import NO_FACTS, CaptureFacts

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # nosec B405 - its type alone

MAX_BYTES: Final = 1 << 20
"""Size of the largest packet that is parsed; usual ones have a few thousand bytes."""
_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_EXIF: Final = "{http://ns.adobe.com/exif/1.0/}"
_XMP: Final = "{http://ns.adobe.com/xap/1.0/}"
_RATING: Final = f"{_XMP}Rating"
# In this order. The last is when the file was made: for a picture from a camera, when it was taken.
_DATES: Final = (
    f"{_EXIF}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
    f"{_EXIF}DateTimeDigitized",
    f"{_XMP}CreateDate",
)
_ONLY_YEAR_OR_MONTH: Final = re.compile(r"\d{4}(-\d\d)?", re.ASCII)


def parse_xmp(packet: bytes) -> CaptureFacts:
    """Parse an XMP packet.

    Args:
        packet: The packet, with or without its `<?xpacket …?>` wrapper. It may hold anything: entities and
            document types, with which XML can be made to grow without bounds, are refused.

    Returns:
        The first valid date of those that XMP has, and the rating. A year or month alone counts as its first
        day. Nothing from a packet that is damaged or has more than `MAX_BYTES`.
    """
    if len(packet) > MAX_BYTES:
        return NO_FACTS
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(packet.strip(b"\0 \t\r\n"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):  # the last two: an unknown encoding
        return NO_FACTS
    properties = dict(_iter_properties(root))
    dates = (parse_xmp_date(properties[name]) for name in _DATES if name in properties)
    taken = next((date for date in dates if date is not None), None)
    return CaptureFacts(taken, parse_rating(properties.get(_RATING)))


def parse_xmp_date(text: str) -> str | None:
    """Parse a date as `parse_date_text` does; a year or a month alone is its first day."""
    if match := _ONLY_YEAR_OR_MONTH.fullmatch(text.strip()):
        text = match[0] + ("-01" if match[1] else "-01-01")
    return parse_date_text(text)


def parse_rating(value: object) -> int | None:
    """Return stars, 0 to 5, or -1 for rejected, from a number or its text; None for anything else."""
    try:
        rating = float(str(value))
    except ValueError:
        return None
    return int(rating) if -1 <= rating <= 5 else None


def _iter_properties(root: Element) -> Iterator[tuple[str, str]]:
    """Yield name and text of simple properties, be they attributes or elements.

    Only those of the file itself: descriptions deeper inside are of other files, from which it was made.
    """
    rdf = root if root.tag == f"{_RDF}RDF" else root.find(f"{_RDF}RDF")
    for description in rdf.findall(f"{_RDF}Description") if rdf is not None else ():
        yield from description.attrib.items()
        for element in description:
            if element.text is not None:
                yield element.tag, element.text
