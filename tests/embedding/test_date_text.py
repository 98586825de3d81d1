"""Dates in the format of EXIF, in its misspellings, and in texts that are no dates."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attune.embedding.date_text import parse_date_text


@pytest.mark.parametrize(
    "text",
    [
        "2019:07:04 12:30:09",
        "2019-07-04 12:30:09",
        "2019/07/04 12:30:09",
        "2019.07.04 12:30:09",
        "2019-07-04T12:30:09",
        "2019-07-04T12:30:09Z",
        "2019:07:04 12:30:09+02:00",
        "2019-07-04T12:30:09.123-07:00",
        "2019:07:04 12:30:09.99",
        "2019:07:04 12:30:09\0",
        "2019:07:04\x0012:30:09\0\0",
        " 2019:07:04 12:30:09 ",
        "2019: 7: 4 12:30: 9",
        "2019:7:4 12:30:9",
        "2019:07:04 12:30:09 PM",
        "2019:07:04:12:30:09",
        "20190704 123009+0200",
        "20190704T123009",
        "20190704123009",
    ],
)
def test_every_spelling_is_the_same_moment(text: str) -> None:
    assert parse_date_text(text) == "2019-07-04T12:30:09"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019:07:04 12:30", "2019-07-04T12:30:00"),
        ("2019:07:04", "2019-07-04T00:00:00"),
        ("20190704", "2019-07-04T00:00:00"),
        ("2019-07-04+02:00", "2019-07-04T00:00:00"),
        ("2019:07:04   :  :  ", "2019-07-04T00:00:00"),
        ("2019:07:04 02:30:00 PM", "2019-07-04T14:30:00"),
        ("2019:07:04 02:30:00 a.m.", "2019-07-04T02:30:00"),
        ("2019:07:04 12:30:00 AM", "2019-07-04T00:30:00"),
        ("2019:07:04 14:30:00 PM", "2019-07-04T14:30:00"),
        ("1826:06:04 12:00:00", "1826-06-04T12:00:00"),
    ],
)
def test_what_is_there_counts(text: str, expected: str) -> None:
    assert parse_date_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2019:00:00 00:00:00",
        "2019:13:45 99:00:00",
        "2019:02:29 12:00:00",
        "2019:07:04 24:00:00",
        "2019:07:04 25:00:00",
        "2019:07:04 noon",
        "2019",
        "2019-07",
        "04.07.2019",
        "1562243400",
        "1562243400000",
        "1825:12:31 23:59:59",
        "x" + ":" * 100_000,
    ],
)
def test_no_date_is_made_up(text: str) -> None:
    assert parse_date_text(text) is None


def test_a_date_in_the_future_is_doubted() -> None:
    now = datetime.now()
    assert parse_date_text(f"{now + timedelta(hours=20):%Y:%m:%d %H:%M:%S}") is not None
    assert parse_date_text(f"{now + timedelta(hours=28):%Y:%m:%d %H:%M:%S}") is None


@given(st.text(max_size=40) | st.text("0123456789:- TZ./+apm\0", max_size=30))
@example("9999:12:31 23:59:59")
@example("\u0662\u0660\u0661\u0669:07:04 12:00:00")
def test_any_text_gives_a_plausible_date_or_none(text: str) -> None:
    found = parse_date_text(text)
    if found is not None:
        moment = datetime.fromisoformat(found)
        assert moment.isoformat() == found
        assert moment.year >= 1826
        assert moment < datetime.now() + timedelta(days=1, seconds=1)


@given(
    st.datetimes(datetime(1826, 1, 1), datetime(2026, 1, 1)), st.sampled_from(":-/."), st.sampled_from(" T")
)
def test_every_moment_comes_back(moment: datetime, separator: str, between: str) -> None:
    text = f"{moment:%m{separator}%d{between}%H:%M:%S}"
    expected = moment.replace(microsecond=0).isoformat()
    assert parse_date_text(f"{moment.year}{separator}{text}") == expected
