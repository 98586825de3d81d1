"""Tests of date ranges."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.retrieval.date_range import parse_date_range

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (
            "2023",
            ["2023-01-01T00:00:00", "2023-12-31T23:59:59"],
            ["2022-12-31T23:59:59", "2024-01-01T00:00:00"],
        ),
        ("2023..2024", ["2023-06-01T00:00:00", "2024-12-31T23:59:59"], ["2025-01-01T00:00:00", None]),
        ("2023-12", ["2023-12-31T23:59:59"], ["2024-01-01T00:00:00"]),
        ("2024-02-29", ["2024-02-29T12:00:00"], ["2024-03-01T00:00:00"]),
        ("2023-07..", ["2023-07-01T00:00:00", "2099-01-01T00:00:00"], ["2023-06-30T23:59:59", None]),
        ("..2023-07-14", ["1970-01-01T00:00:00", "2023-07-14T23:59:59"], ["2023-07-15T00:00:00", None]),
    ],
)
def test_both_ends_belong_to_a_range(text: str, inside: list[str], outside: list[str | None]) -> None:
    period = parse_date_range(text)
    assert all(period.contains(taken) for taken in inside)
    assert not any(period.contains(taken) for taken in outside)


@pytest.mark.parametrize(
    "text", ["", "..", "last year", "2023-13", "2023-02-30", "23", "2023...2024", "9999-12-31"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a range of dates"):
        parse_date_range(text)


def test_a_range_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        parse_date_range("2024..2023")


@given(DAYS, DAYS, DAYS)
def test_days_are_compared_as_days(one: date, other: date, taken: date) -> None:
    first, last = sorted((one, other))
    moment = datetime(taken.year, taken.month, taken.day, 23, 59, 59).isoformat()
    assert parse_date_range(f"{first}..{last}").contains(moment) == (
        first <= taken < last + timedelta(days=1)
    )
