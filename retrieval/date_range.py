"""Parser for date ranges such as `2023`, `2023..2024` and `2023-07..`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

_DATE = r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?"
_NOT_A_RANGE = "not a range of dates; write 2023, 2023-07..2023-08 or 2023-07-14.."


@dataclass(frozen=True, slots=True)
class DateRange:
    """Half-open range of dates.

    Attributes:
        first: ISO date of the first day in the range; None: no lower bound.
        after: ISO date of the first day after the range; None: no upper bound.
    """

    first: str | None
    after: str | None

    def contains(self, taken: str | None) -> bool:
        """Return whether an ISO date and time lies in the range; False for None (no date known)."""
        if taken is None:
            return False
        return (self.first is None or taken >= self.first) and (self.after is None or taken < self.after)


def parse_date_range(text: str) -> DateRange:
    """Parse a range of dates with both ends included; each end is a year, a month or a day.

    Raises:
        ValueError: The text is not a range of dates, or the range ends before it begins.
    """
    begin, dots, end = text.strip().partition("..")
    if not dots:
        end = begin
    if not (begin or end):
        raise ValueError(_NOT_A_RANGE)
    first = _parse_date(begin)[0].isoformat() if begin else None
    after = _parse_date(end)[1].isoformat() if end else None
    if first is not None and after is not None and first >= after:
        raise ValueError("ends before it begins")
    return DateRange(first, after)


def _parse_date(part: str) -> tuple[date, date]:
    """Return the first day of a period (a year, a month or a day) and the first day after it."""
    match = re.fullmatch(_DATE, part)
    if match is None:
        raise ValueError(_NOT_A_RANGE)
    year, month, day = (None if group is None else int(group) for group in match.groups())
    try:
        first = date(year or 0, month or 1, day or 1)
        if day is not None:
            return first, first + timedelta(days=1)
        if month is None:
            return first, date(first.year + 1, 1, 1)
        return first, date(first.year + month // 12, month % 12 + 1, 1)
    except (ValueError, OverflowError):
        raise ValueError(_NOT_A_RANGE) from None
