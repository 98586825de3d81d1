"""Ranges of dates as people write them: `2023`, `2023..2024`, `2023-07..`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from attune.core.errors import UsageError

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@dataclass(frozen=True, slots=True)
class DateRange:
    """From the beginning of one date to the beginning of another; None: no bound.

    Attributes:
        first: ISO date that belongs to it.
        after: ISO date that does not any more.
    """

    first: str | None
    after: str | None

    def contains(self, taken: str | None) -> bool:
        """Say whether an ISO date and time lies in it; what has no date lies in no period."""
        if taken is None:
            return False
        return (self.first is None or taken >= self.first) and (self.after is None or taken < self.after)


def parse_date_range(text: str) -> DateRange:
    """Read a range of dates, both ends included: a year, a month or a day each.

    Raises:
        UsageError: It is not one, or ends before it begins.
    """
    begin, dots, end = text.strip().partition("..")
    if not dots:
        end = begin
    if not (begin or end):
        raise _date_range_error(text)
    first = _parse_date(text, begin)[0].isoformat() if begin else None
    after = _parse_date(text, end)[1].isoformat() if end else None
    if first is not None and after is not None and first >= after:
        raise UsageError(f"--taken {text}: ends before it begins")
    return DateRange(first, after)


def _parse_date(text: str, part: str) -> tuple[date, date]:
    """Return the first day of a year, month or day, and the first day after it."""
    match = _DATE.fullmatch(part)
    if match is None:
        raise _date_range_error(text)
    year, month, day = (None if group is None else int(group) for group in match.groups())
    try:
        first = date(year or 0, month or 1, day or 1)
        if day is not None:
            return first, first + timedelta(days=1)
        if month is None:
            return first, date(first.year + 1, 1, 1)
        return first, date(first.year + month // 12, month % 12 + 1, 1)
    except (ValueError, OverflowError):
        raise _date_range_error(text) from None


def _date_range_error(text: str) -> UsageError:
    return UsageError(f"--taken {text}: not a range of dates; write 2023, 2023-07..2023-08 or 2023-07-14..")
