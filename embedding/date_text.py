"""Dates as cameras, phones and software write them: the format of EXIF, and its usual misspellings."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

_EARLIEST: Final = datetime(1826, 1, 1)  # the year of the oldest photograph that is known
_LONGEST: Final = 64  # characters of a field that are looked at
_TOLERANCE: Final = timedelta(days=1)  # a camera's time zone may be ahead of this computer's

# 2019:07:04, 2019-07-04, 2019/7/4, 2019.07.04, 2019: 7: 4 (blanks for zeros) or 20190704
_DATE: Final = re.compile(
    r"(?P<year>\d{4})"
    r"(?:[:/.-] ?(?P<month>\d{1,2})[:/.-] ?(?P<day>\d{1,2})(?!\d)|(?P<months>\d\d)(?P<days>\d\d))",
    re.ASCII,
)
# 12:30:00, 12:30, 9: 5: 7, 123000, 02:30:00 PM, each with fractions of seconds or a time zone behind it
_TIME: Final = re.compile(
    r"[ T_:]*(?:(?P<hour>\d{1,2}): ?(?P<minute>\d{1,2})(?:: ?(?P<second>\d{1,2}))?"
    r"|(?P<hours>\d\d)(?P<minutes>\d\d)(?P<seconds>\d\d)?)"
    r"(?!\d)(?:[.,]\d*)? ?(?:(?P<half>[AaPp])\.?[Mm])?",
    re.ASCII,
)
_NO_TIME: Final = re.compile(r"[ T:]*(?:Z|[+-]\d\d:?\d\d)?[^0-9A-Za-z]*", re.ASCII)


def parse_date_text(text: str) -> str | None:
    """Parse a date, with or without a time, as files hold it.

    Args:
        text: Such as `2019:07:04 12:30:00`, `2019-07-04T12:30:00.5+02:00` or `20190704`.

    Returns:
        The local time in ISO 8601, to the second (`2019-07-04T12:30:00`; midnight if there is only a date).
        Fractions and time zones are dropped. None for anything that is no date, that a camera without a
        clock writes (zeros, blanks), or that cannot be true: before photography, or in the future.
    """
    text = text[:_LONGEST].replace("\0", " ").strip()
    date = _DATE.match(text)
    if date is None:
        return None
    time = _TIME.match(text, date.end())
    if time is None and _NO_TIME.fullmatch(text, date.end()) is None:
        return None
    try:
        moment = datetime(*_read_day(date), *(_read_clock(time) if time is not None else (0, 0, 0)))
    except ValueError:
        return None
    is_plausible = _EARLIEST <= moment <= datetime.now() + _TOLERANCE
    return moment.isoformat(timespec="seconds") if is_plausible else None


def _read_day(date: re.Match[str]) -> tuple[int, int, int]:
    return int(date["year"]), int(date["month"] or date["months"]), int(date["day"] or date["days"])


def _read_clock(time: re.Match[str]) -> tuple[int, int, int]:
    """Return hour, minute and second, which need not be valid."""
    hour = int(time["hour"] or time["hours"])
    minute = int(time["minute"] or time["minutes"])
    half = (time["half"] or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour, minute, int(time["second"] or time["seconds"] or 0)
