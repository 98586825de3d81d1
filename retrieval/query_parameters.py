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
    from attune.embedding.network import Network
    from attune.retrieval.answers import QueryEntry
    from attune.retrieval.search import Filters
    from attune.retrieval.seeds import Span
    from attune.retrieval.words.aims import Target

_Group = TypeVar("_Group", bound="ParameterGroup")
MAX_TEXT = 500
"""Characters of words at most: the sentence encoder reads so many, and of more only the beginning."""

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


_Words = Annotated[
    str | None,
    QueryParameter(
        "words", "Describe a feeling, a thing or both, in any language: “a calm evening by the sea”.", "TEXT"
    ),
]
_NotWords = Annotated[
    str | None, QueryParameter("not-words", "Describe what the results should be far from.", "TEXT")
]
_Meaning = Annotated[
    float | None,
    QueryParameter(
        "meaning",
        "Weight of what the words name, such as the sea; their mood has the rest. Default: 0.8.",
        "X",
        low=0.0,
        high=1.0,
    ),
]


@dataclass(frozen=True, slots=True)
class WordParameters(ParameterGroup):
    """Words that choose among files."""

    words: _Words = None
    not_words: _NotWords = None
    meaning: _Meaning = None

    def check(self, name: NameFormat) -> None:
        """Check that words are given where their weight is.

        Raises:
            UsageError: A weight is given without words, or words are blank.
        """
        check_words(self.words, self.not_words, self.meaning, name)

    def make_target(self, network: Network, kind: Kind) -> Target:
        """Return what the words ask for; raises UsageError if they say nothing."""
        from attune.retrieval.words.targets import make_target

        return make_target(network, kind, self.words, self.not_words, self.meaning)


def check_words(words: str | None, not_words: str | None, meaning: float | None, name: NameFormat) -> None:
    """Check the three parameters of words against each other.

    Raises:
        UsageError: A weight is given without words, or words are blank or too long.
    """
    for parameter, text in (("words", words), ("not-words", not_words)):
        if text is not None and not text.strip():
            raise UsageError(f"{name(parameter)}: describe a feeling or a thing")
        if text is not None and len(text) > MAX_TEXT:
            raise UsageError(f"{name(parameter)}: too long; write at most {MAX_TEXT} characters")
    if meaning is not None and words is None and not_words is None:
        raise UsageError(f"{name('meaning')}: only with {name('words')} or {name('not-words')}")


@dataclass(frozen=True, slots=True)
class PathParameters(ParameterGroup):
    """Which files may be used, by their paths."""

    below: _Folders = ()
    exclude: _Exclusions = ()


@dataclass(frozen=True, slots=True)
class FilmParameters(WordParameters):
    """Which pictures a film may show, and which it prefers."""

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
    words: _Words = None
    not_words: _NotWords = None
    meaning: _Meaning = None
    why: Annotated[bool, QueryParameter("why", "Explain each result in one line.")] = False

    def check(self, name: NameFormat) -> None:
        """Check the words.

        Raises:
            UsageError: A weight is given without words, or words are blank.
        """
        check_words(self.words, self.not_words, self.meaning, name)

    def make_target(self, network: Network, kind: Kind) -> Target:
        """Return what the answers should be near to beside the files.

        Raises:
            UsageError: The words say nothing.
        """
        from attune.retrieval.words.targets import make_target

        return make_target(network, kind, self.words, self.not_words, self.meaning, self.mood)

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
    words: _Words = None
    not_words: _NotWords = None
    meaning: _Meaning = None
    kind: Annotated[
        Literal["image", "music"],
        QueryParameter(
            "kind", "Kind of files to list.", "image|music", parse=parse_kind, choices=("image", "music")
        ),
    ] = "image"
    why: Annotated[bool, QueryParameter("why", "Explain each result in one line.")] = False

    def check(self, name: NameFormat) -> None:
        """Check that there is one point, and that all conditions are such as the kind can fulfil.

        Raises:
            UsageError: There are two points or none, or a condition is meant for the other kind.
        """
        if self.kind == "music" and self.taken is not None:
            raise UsageError(f"{name('taken')}: only pictures have a date of capture")
        if self.kind == "image" and self.per_artist is not None:
            raise UsageError(f"{name('per-artist')}: only for music; add {name('kind')} music")
        check_words(self.words, self.not_words, self.meaning, name)
        numbers = f"{name('valence')} and {name('arousal')}"
        if self.mood is not None and (self.valence, self.arousal) != (None, None):
            raise UsageError(f"give either {name('mood')} or {numbers}")
        if (self.valence is None) != (self.arousal is None):
            raise UsageError(f"give both {numbers}")
        if self.mood is None and self.valence is None and self.words is None:
            raise UsageError(f"give {numbers}, {name('mood')}, or {name('words')}")

    @property
    def point(self) -> QueryEntry | None:
        """The point, with the kind of the answers; None if words are all that was given."""
        from attune.retrieval.answers import QueryEntry

        if self.mood is not None:
            return QueryEntry.from_place(self.kind, *MOODS[self.mood])
        if self.valence is None or self.arousal is None:
            return None
        return QueryEntry.from_place(self.kind, self.valence, self.arousal)

    def make_target(self, network: Network) -> Target:
        """Return what the answers should be near to.

        Raises:
            UsageError: The words say nothing.
        """
        from attune.retrieval.words.targets import make_target

        point = None if self.point is None else self.point.place
        return make_target(network, self.kind, self.words, self.not_words, self.meaning, self.mood, point)


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
