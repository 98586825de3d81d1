"""Trying again after a connection to the server of a library was lost."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from attune.core.errors import LostConnection, UnreachableServer, escape_text

logger = logging.getLogger(__name__)

QUESTION_PAUSES_S: Final = (0.2, 1.0, 3.0)
"""Pauses before a question is asked again; somebody waits for the answer."""
_BUILD_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0, 60.0)
"""Pauses before a build goes on: a server may take minutes to start again."""
_BUILD_RENEWAL_S: Final = 300.0
"""After a build went on for so long without a loss, the pauses begin anew."""
_T = TypeVar("_T")


def keep_trying(
    action: Callable[[], _T],
    pauses_s: Iterable[float],
    *,
    was_reached: bool = False,
    renew_after_s: float = math.inf,
    tell: Callable[[str], None] = logger.info,
) -> _T:
    """Return the result of an action, which is called again each time that the connection is lost.

    Args:
        action: What is done; a second call must go on where the first one was cut off.
        pauses_s: Seconds before each further call.
        was_reached: Whether the server was reached before.
        renew_after_s: The pauses begin anew after a call that had a connection for longer than that.
        tell: Receives a sentence for people before each pause.

    Raises:
        LostConnection: It is lost each time.
        UnreachableServer: The server could not be reached even once.
    """
    pauses = iter(pauses_s)
    while True:
        began = time.monotonic()
        try:
            return action()
        except LostConnection as error:
            had_connection = not isinstance(error, UnreachableServer)
            was_reached |= had_connection
            if had_connection and time.monotonic() - began > renew_after_s:
                pauses = iter(pauses_s)
            pause = next(pauses, None)
            if not was_reached or pause is None:
                raise
            tell(f"{escape_text(str(error))}; trying again in {pause:g} s")
            time.sleep(pause)


def keep_building(build: Callable[[], _T]) -> _T:
    """Return the result of a build, which goes on each time that the server is back; arguments as above."""
    return keep_trying(build, _BUILD_PAUSES_S, renew_after_s=_BUILD_RENEWAL_S, tell=logger.warning)
