"""XMP packets: what is read of them, and that nothing in them does harm."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attune.embedding.media_facts import NO_FACTS, CaptureFacts
from attune.embedding.xmp import MAX_BYTES, parse_rating, parse_xmp
from attune.tests.media_factory import xmp

DATE = "2019-07-04T12:30:00"


@pytest.mark.parametrize(
    "name", ["exif:DateTimeOriginal", "photoshop:DateCreated", "exif:DateTimeDigitized", "xmp:CreateDate"]
)
@pytest.mark.parametrize("text", ["2019-07-04T12:30:00.25+02:00", "2019:07:04 12:30:00.000"])
def test_each_date_counts(name: str, text: str) -> None:
    assert parse_xmp(xmp({name: text})) == CaptureFacts(DATE)


def test_the_first_valid_date_counts() -> None:
    dates = {"xmp:CreateDate": "2020-01-01", "photoshop:DateCreated": DATE, "exif:DateTimeOriginal": "0000"}
    assert parse_xmp(xmp(dates)).taken == DATE
    assert parse_xmp(xmp({"xmp:ModifyDate": DATE, "xmp:MetadataDate": DATE})).taken is None


@pytest.mark.parametrize(("text", "expected"), [("1985", "1985-01-01"), ("1985-06", "1985-06-01")])
def test_a_year_or_a_month_is_its_first_day(text: str, expected: str) -> None:
    assert parse_xmp(xmp({"photoshop:DateCreated": text})).taken == f"{expected}T00:00:00"


@pytest.mark.parametrize(
    ("text", "stars"),
    [("-1", -1), ("0", 0), ("1", 1), ("4.0", 4), ("3.5", 3), ("5", 5), ("6", None), ("-2", None)],
)
def test_ratings(text: str, stars: int | None) -> None:
    assert parse_xmp(xmp({"xmp:Rating": text})).rating == stars


@pytest.mark.parametrize("value", ["", "nan", "inf", "many", None, b"5", (5,), "9" * 5000])
def test_what_is_no_rating(value: object) -> None:
    assert parse_rating(value) is None


def test_elements_count_as_attributes_do() -> None:
    packet = xmp({}).replace(b"</rdf:Description>", b"<xmp:Rating>4</xmp:Rating></rdf:Description>")
    assert parse_xmp(packet).rating == 4
    bare = packet[packet.index(b"<rdf:RDF") : packet.index(b"</x:xmpmeta>")]
    assert parse_xmp(bare).rating == 4


def test_what_is_said_of_ingredients_does_not_count() -> None:
    inner = b'<xmp:Thing><rdf:Description xmp:Rating="5" xmp:CreateDate="2019-07-04"/></xmp:Thing>'
    packet = xmp({}).replace(b"</rdf:Description>", inner + b"</rdf:Description>")
    assert parse_xmp(packet) == NO_FACTS


HOSTILE = {
    "bomb": b'<!DOCTYPE x [<!ENTITY a "xxxx"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
    "foreign file": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    "deep": b"<a>" * 100_000 + b"</a>" * 100_000,
    "open": b"<a>" * 300_000,
    "wide": b"<a " + b" ".join(b'a%d="1"' % number for number in range(80_000)) + b"/>",
    "odd encoding": b"<?xml version='1.0' encoding='nonsense'?><a/>",
    "binary codec": b"<?xml version='1.0' encoding='base64'?><a/>",
    "UTF-16": "<a/>".encode("utf-16"),
    "large": xmp({"xmp:Rating": "5"}) + b" " * MAX_BYTES,
}


@pytest.mark.parametrize("packet", HOSTILE.values(), ids=HOSTILE)
def test_hostile_packets_say_nothing_and_end_soon(packet: bytes) -> None:
    began = time.perf_counter()
    assert parse_xmp(packet) == NO_FACTS
    assert time.perf_counter() - began < 5


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 1000))
@example(b"", 0)
@example(b"\xff\xfe<", 0)
def test_no_bytes_ever_raise(noise: bytes, position: int) -> None:
    parse_xmp(noise)
    whole = xmp({"xmp:Rating": "5", "exif:DateTimeOriginal": DATE})
    parse_xmp(whole[:position] + noise + whole[position:])
