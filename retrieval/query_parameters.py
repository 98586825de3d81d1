"""Parameters of queries, each defined once.

The options of the commands (`query_options`) and the query parameters of the HTTP API (`web.params`) are made
from these definitions, so that both have the same names, ranges, meaning and errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from attune.core.errors import UsageError
from attune.retrieval.date_range import DateRange, parse_date_range
from attune.retrieval.mood_words import MOODS

if TYPE_CHECKING:
    from attune.embedding.media_files import Kind
    from attune.retrieval.answers import QueryEntry
    from attune.retrieval.search import Filters
    from attune.retrieval.seeds import Span

_Group = TypeVar("_Group", bound="ParameterGroup")
NameFormat = Callable[[str], str]
"""How errors show the name of a parameter: `--min-score` or `min_score`."""


# A named tuple is made four times as fast as a data class, and each start of a command makes these.
class QueryParameter(NamedTuple):
    """Definition of a parameter. Its type and default are those of the field that it annotates.

    Attributes:
        name: Name of the option without dashes in front; the HTTP API writes `_` for `-`.
        help: One line of help.
        metavar: What stands for the value in the help of a command.
        low: Least value.
        high: Largest value.
        parse: Converts the text of the value; raises ValueError that says what is wrong with it.
        choices: The values that `parse` accepts, if they are few.
        files: What a path on the command line names; None: the value is no path.
        short: Short form of the option.
        served_name: Name in the HTTP API, if it is another one.
        served_default: Default in the HTTP API, if it is another one.
        served_high: Largest value in the HTTP API, if it is another one.
    """

    name: str
    help: str
    metavar: str | None = None
    low: float | None = None
    high: float | None = None
    parse: Callable[[str], Any] | None = None
    choices: tuple[str, ...] = ()
    files: Literal["file", "folder"] | None = None
    short: str | None = None
    served_name: str | None = None
    served_default: int | None = None
    served_high: float | None = None


class ParameterField(NamedTuple):
    """One parameter of a group.

    Attributes:
        field: Name of the field.
        definition: The parameter's definition.
        type: Type of one value, before it is parsed.
        repeated: Whether the parameter may be given several times.
        default: The default; None if the parameter may be repeated.
    """

    field: str
    definition: QueryParameter
    type: type
    repeated: bool
    default: Any

    @property
    def served_name(self) -> str:
        """Name in the HTTP API."""
        return self.definition.served_name or self.definition.name.replace("-", "_")


class ParameterGroup:
    """Parameters that a command or a route takes together; each group is a data class."""

    __slots__ = ()

    def check(self, name: NameFormat) -> None:
        """Check parameters against each other.

        Raises:
            UsageError: They contradict each other, or one is missing.
        """


def parse_time(text: str) -> float:
    """Parse a time in a song, such as 70, 1:10 or 0:01:10, to seconds.

    Raises:
        ValueError: The text is not a time.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= part < float("inf") for part in parts):
        raise ValueError("not a time; write 70, 1:10 or 0:01:10")
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total


def parse_mood(text: str) -> str:
    """Check the name of a mood and return it.

    Raises:
        ValueError: There is no mood of that name.
    """
    if text not in MOODS:
        raise ValueError(f"unknown; there are {', '.join(MOODS)}")
    return text


def parse_kind(text: str) -> Kind:
    """Return the kind of files that a text names.

    Raises:
        ValueError: It is neither image nor music.
    """
    if text == "image":
        return "image"
    if text == "music":
        return "music"
    raise ValueError("write image or music")


_Folders = Annotated[
    tuple[str, ...],
    QueryParameter("in", "Only files below this folder; may be repeated.", "DIR", files="folder"),
]
_Exclusions = Annotated[
    tuple[str, ...],
    QueryParameter(
        "exclude",
        "Leave out a path, or what matches a pattern in Git's syntax; may be repeated.",
        "PATH|PATTERN",
    ),
]


@dataclass(frozen=True, slots=True)
class PathParameters(ParameterGroup):
    """Which files may be used, by their paths."""

    below: _Folders = ()
    exclude: _Exclusions = ()


@dataclass(frozen=True, slots=True)
class SearchParameters(ParameterGroup):
    """Conditions on the answers to any query, and rules for choosing among them."""

    limit: Annotated[
        int,
        QueryParameter(
            "limit", "Number of results.", "N", low=1, short="-n", served_default=40, served_high=200
        ),
    ] = 10
    min_score: Annotated[
        float,
        QueryParameter("min-score", "Lowest score (or closeness) of a result.", "X", low=0.0, high=1.0),
    ] = 0.0
    below: _Folders = ()
    exclude: _Exclusions = ()
    taken: Annotated[
        DateRange | None,
        QueryParameter(
            "taken",
            "Only pictures taken in this period: 2023, 2023..2024 or 2023-07-14..",
            "DATES",
            parse=parse_date_range,
        ),
    ] = None
    rating: Annotated[
        int | None,
        QueryParameter("rating", "Only files with at least N stars.", "N", low=1, high=5),
    ] = None
    diverse: Annotated[
        float,
        QueryParameter(
            "diverse",
            "Weight of variety when the results are chosen; they are listed by score all the same.",
            "X",
            low=0.0,
            high=1.0,
        ),
    ] = 0.0
    all_alike: Annotated[
        bool, QueryParameter("all-alike", "Show each near-duplicate as a result of its own.")
    ] = False
    per_artist: Annotated[
        int | None, QueryParameter("per-artist", "At most N songs of one artist.", "N", low=1)
    ] = None
    per_folder: Annotated[
        int | None, QueryParameter("per-folder", "At most N files of one folder.", "N", low=1)
    ] = None

    def make_filters(self, folder: str | None) -> Filters:
        """Return the filters that answers must pass.

        Args:
            folder: The current folder, absolute; None: there is none.
        """
        from attune.retrieval.diversify import Curation
        from attune.retrieval.search import Filters

        curation = Curation(not self.all_alike, self.diverse, self.per_artist, self.per_folder)
        conditions = self.below, self.exclude, self.taken, self.rating
        return Filters(self.limit, self.min_score, *conditions, curation, folder=folder)


@dataclass(frozen=True, slots=True)
class FindParameters(SearchParameters):
    """Parameters of a query by files."""

    start: Annotated[
        float | None,
        QueryParameter(
            "from", "Start of the part of the song to use, such as 1:10.", "TIME", parse=parse_time
        ),
    ] = None
    end: Annotated[
        float | None, QueryParameter("to", "End of that part, such as 1:40.", "TIME", parse=parse_time)
    ] = None
    against: Annotated[
        tuple[str, ...],
        QueryParameter(
            "not",
            "Prefer files unlike this picture or song; may be repeated.",
            "FILE",
            files="file",
            served_name="unlike",
        ),
    ] = ()
    mood: Annotated[
        str | None,
        QueryParameter(
            "mood",
            "Prefer files near a named mood: festive, calm, sad, …; the score is then the mean of the chance "
            "of a shared mood and of the closeness to the named one.",
            "NAME",
            parse=parse_mood,
            choices=tuple(MOODS),
        ),
    ] = None
    why: Annotated[bool, QueryParameter("why", "Explain each result in one line.")] = False

    @property
    def span(self) -> Span:
        """The part of the songs to use."""
        from attune.retrieval.seeds import Span

        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class BrowseParameters(SearchParameters):
    """Parameters of a query by a point of the plane."""

    valence: Annotated[
        float | None,
        QueryParameter(
            "valence",
            "Where it stands among all pictures, or songs, from -1 (least pleasant) to 1 (most pleasant).",
            "X",
            low=-1.0,
            high=1.0,
        ),
    ] = None
    arousal: Annotated[
        float | None,
        QueryParameter(
            "arousal",
            "Where it stands among all pictures, or songs, from -1 (quietest) to 1 (liveliest).",
            "X",
            low=-1.0,
            high=1.0,
        ),
    ] = None
    mood: Annotated[
        str | None,
        QueryParameter(
            "mood",
            "A named mood in place of the two numbers: festive, calm, sad, …",
            "NAME",
            parse=parse_mood,
            choices=tuple(MOODS),
        ),
    ] = None
    kind: Annotated[
        Literal["image", "music"],
        QueryParameter(
            "kind", "Kind of files to list.", "image|music", parse=parse_kind, choices=("image", "music")
        ),
    ] = "image"

    def check(self, name: NameFormat) -> None:
        """Check that there is one point, and that all conditions are such as the kind can fulfil.

        Raises:
            UsageError: There are two points or none, or a condition is meant for the other kind.
        """
        if self.kind == "music" and self.taken is not None:
            raise UsageError(f"{name('taken')}: only pictures have a date of capture")
        if self.kind == "image" and self.per_artist is not None:
            raise UsageError(f"{name('per-artist')}: only for music; add {name('kind')} music")
        numbers = f"{name('valence')} and {name('arousal')}"
        if self.mood is not None and (self.valence, self.arousal) != (None, None):
            raise UsageError(f"give either {name('mood')} or {numbers}")
        if self.mood is None and None in (self.valence, self.arousal):
            raise UsageError(f"give {numbers}, or {name('mood')}")

    @property
    def point(self) -> QueryEntry:
        """The point, with the kind of the answers."""
        from attune.retrieval.answers import QueryEntry

        valence, arousal = (self.valence, self.arousal) if self.mood is None else MOODS[self.mood]
        assert valence is not None and arousal is not None  # `check` has seen to it
        return QueryEntry.from_place(self.kind, valence, arousal)


def list_parameters(group: type[ParameterGroup]) -> tuple[ParameterField, ...]:
    """Return the parameters of a group."""
    hints = get_type_hints(group, include_extras=True)
    found = []
    for field in fields(group):  # type: ignore[arg-type]  # the base class has none
        base, definition = get_args(hints[field.name])
        repeated = get_origin(base) is tuple
        if repeated or definition.parse is not None:
            value_type = str
        else:
            value_type = next((option for option in get_args(base) if option is not type(None)), base)
        default = None if repeated else field.default
        found.append(ParameterField(field.name, definition, value_type, repeated, default))
    return tuple(found)


def read_parameters(group: type[_Group], values: Mapping[str, Any], name: NameFormat) -> _Group:
    """Return a group with the given values, parsed and checked.

    Args:
        group: The group.
        values: Values by field, in range, of the type before parsing; None: the default.
        name: How errors show the name of a parameter.

    Raises:
        UsageError: A value cannot be parsed, or the values contradict each other.
    """
    parsed = {}
    for parameter in list_parameters(group):
        value, parse = values.get(parameter.field), parameter.definition.parse
        if value is None:
            continue
        if parse is not None:
            try:
                value = parse(value)
            except ValueError as error:
                raise UsageError(f"{name(parameter.definition.name)} {value}: {error}") from None
        parsed[parameter.field] = tuple(value) if parameter.repeated else value
    read = group(**parsed)
    read.check(name)
    return read
