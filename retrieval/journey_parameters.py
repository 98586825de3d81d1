"""Parameters of a journey, from which options, the HTTP API and the Python interface are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from attune.core.errors import UsageError
from attune.retrieval.query_parameters import NameFormat, QueryParameter, SearchParameters, parse_kind

_MAX_STEPS, _MAX_SERVED = 200, 100

NOT_OF_JOURNEYS = ("limit", "min_score", "diverse")
"""Parameters of a search that a journey does not take: it has steps in place of ranked answers."""


@dataclass(frozen=True, slots=True)
class JourneyParameters(SearchParameters):
    """Parameters of a journey; those of `NOT_OF_JOURNEYS` are never offered."""

    steps: Annotated[
        int,
        QueryParameter(
            "steps",
            "Number of songs or pictures, both ends counted.",
            "N",
            low=2,
            high=_MAX_STEPS,
            served_high=_MAX_SERVED,
        ),
    ] = 10
    kind: Annotated[
        Literal["image", "music"],
        QueryParameter(
            "kind", "Kind of files to pass.", "image|music", parse=parse_kind, choices=("image", "music")
        ),
    ] = "music"
    via: Annotated[
        tuple[str, ...],
        QueryParameter(
            "via",
            "Bend the line through a place (valence,arousal), a mood or a file; may be repeated, in order.",
            "PLACE",
        ),
    ] = ()

    def check(self, name: NameFormat) -> None:
        """Check that all conditions are such as the kind can fulfil.

        Raises:
            UsageError: A condition is meant for the other kind.
        """
        if self.kind == "music" and self.taken is not None:
            raise UsageError(
                f"{name('taken')}: only pictures have a date of capture; add {name('kind')} image"
            )
        if self.kind == "image" and self.per_artist is not None:
            raise UsageError(f"{name('per-artist')}: only for music")
