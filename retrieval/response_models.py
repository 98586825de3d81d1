"""JSON documents of queries: what `--json` prints, and what the HTTP API adds to it.

The models are made from the records of an answer. They need pydantic, so commands that print a table do not
import this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
)

from attune.embedding.media_files import Kind
from attune.retrieval.answers import Answers
from attune.retrieval.match import Match
from attune.retrieval.mood import Mood

# Bytes of a path that are not UTF-8 are lone surrogates, which pydantic refuses in a string.
_Path = Annotated[str, SkipValidation]
_Seconds = Annotated[float, AfterValidator(lambda value: round(value, 2))]


class _ResponseModel(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Polarity(_ResponseModel):
    """Probabilities of the three polarities; they sum to one."""

    positive: float
    neutral: float
    negative: float


class Quadrants(_ResponseModel):
    """Probabilities of the four quadrants of the plane; they sum to one."""

    # Records name them in small letters.
    Q1: float = Field(description="Pleasant and lively.", validation_alias=AliasChoices("Q1", "q1"))
    Q2: float = Field(description="Unpleasant and lively.", validation_alias=AliasChoices("Q2", "q2"))
    Q3: float = Field(description="Unpleasant and quiet.", validation_alias=AliasChoices("Q3", "q3"))
    Q4: float = Field(description="Pleasant and quiet.", validation_alias=AliasChoices("Q4", "q4"))


class PlaceModel(_ResponseModel):
    """Where something stands among all pictures, or all songs: quantiles from -1 to 1."""

    valence: float
    arousal: float


def _name_coordinates(place: Any) -> Any:
    return {"valence": place[0], "arousal": place[1]} if isinstance(place, tuple) else place


Place = Annotated[PlaceModel, BeforeValidator(_name_coordinates)]
"""A place, also made from the pair of numbers that records hold."""

_Valence = Annotated[float, Field(description="Valence that people feel on average, from -1 to 1.")]
_Arousal = Annotated[float, Field(description="Arousal that people feel on average, from -1 to 1.")]


class QueryEntryModel(_ResponseModel):
    """One file of a query, or a point of the affect plane."""

    path: _Path | None = Field(description="Path of the file; null for a point of the affect plane.")
    kind: Kind
    mood: str = Field(description="The named mood that is nearest to its place.")
    valence: float = Field(
        description="Valence that people feel on average, from -1 to 1; of a point, its place's."
    )
    arousal: float = Field(
        description="Arousal that people feel on average, from -1 to 1; of a point, its place's."
    )
    place: Place
    # Records hold both inside their affect.
    polarity: Polarity | None = Field(validation_alias=AliasChoices("polarity", "affect"))
    quadrants: Quadrants | None = Field(validation_alias=AliasChoices("quadrants", "affect"))
    missing: bool = Field(
        default=False, description="Whether the file is not there now; the library's record of it was used."
    )


class WordEffectModel(_ResponseModel):
    """What a word adds to the place of its sentence."""

    word: str
    valence: float
    arousal: float


class WordsModel(_ResponseModel):
    """A sentence of a query, and what was read in it."""

    text: str
    unwanted: bool = Field(description="Whether answers should be far from it.")
    place: Place | None = Field(description="Its place on the plane; null if it says nothing of mood.")
    mood: str | None = Field(description="The named mood that is nearest to its place.")
    named: list[str] = Field(description="Phrases that name something by which files are known.")
    meaning: float = Field(description="Weight of what it names; its mood has the rest.")
    effects: list[WordEffectModel] = Field(description="What single words add to its place, strongest first.")


class NamedModel(_ResponseModel):
    """What a sentence names, by the kind of files that are known by it."""

    image: list[str]
    music: list[str]


class SentenceModel(_ResponseModel):
    """What a sentence says; it can be searched for if it has a place or names something."""

    text: str
    place: Place | None = Field(description="Its place on the plane; null if it says nothing of mood.")
    mood: str | None = Field(description="The named mood that is nearest to its place.")
    named: NamedModel
    effects: list[WordEffectModel] = Field(description="What single words add to its place, strongest first.")


class MomentModel(_ResponseModel):
    """The part of a song that matches best."""

    start_s: _Seconds
    end_s: _Seconds
    score: float = Field(description="Chance that this part alone shares the query's mood.")


class AnswerModel(_ResponseModel):
    """One ranked file."""

    rank: int
    path: _Path
    score: float | None = Field(
        description="Chance that it shares the query's mood, as among pairs of which half do; with `mood` "
        "or `words`, the mean of that chance and of the closeness to them. Null without files."
    )
    closeness: float | None = Field(description="Closeness to the point or the words; null with files.")
    fit: float | None = Field(
        description="Share of the library's other files of this kind that suit the query less; "
        "null when browsing."
    )
    correspondence: float | None = Field(
        description="Chance of the same polarity as the query's files, as among pairs of which half have it; "
        "null when browsing."
    )
    mood: str = Field(description="The named mood that is nearest to its place.")
    valence: _Valence
    arousal: _Arousal
    place: Place
    polarity: Polarity = Field(validation_alias=AliasChoices("polarity", "affect"))
    quadrants: Quadrants = Field(validation_alias=AliasChoices("quadrants", "affect"))
    moment: MomentModel | None
    title: str | None
    artist: str | None
    taken: str | None = Field(description="When a picture was taken: ISO 8601, in the camera's local time.")
    rating: int | None = Field(description="Stars that somebody gave the file: 0 to 5, or -1 for rejected.")
    duration_s: float | None
    alike: list[_Path] = Field(description="Near-duplicates that this answer stands for.")
    missing: bool = Field(description="Whether the file is not there now, or its disk does not reply.")
    why: str | None = Field(
        description="One line that explains the answer, if it was asked for.",
        validation_alias=AliasChoices("explanation", "why"),
    )


class LibraryModel(_ResponseModel):
    """The library in which was searched."""

    path: _Path
    generation: int
    images: int
    music: int
    network: str


class AnswersModel(_ResponseModel):
    """The query, its answers and the library."""

    query: Sequence[QueryEntryModel]
    results: Sequence[AnswerModel]
    library: LibraryModel
    elapsed_ms: Annotated[float, AfterValidator(lambda value: round(value, 1))]
    notes: list[str] = Field(description="What people should know, such as a filter that has no effect.")
    words: list[WordsModel] = Field(description="The sentences of the query.")


class MatchedSongModel(QueryEntryModel):
    """The song of a match, with its best moment."""

    moment: MomentModel


class MatchModel(_ResponseModel):
    """Whether a picture and a song match, and why."""

    score: float = Field(description="Chance that both share a mood, as among pairs of which half do.")
    correspondence: float = Field(
        description="Chance that both have the same polarity, as among pairs of which half have."
    )
    corresponds: bool = Field(description="Whether the correspondence is at least one half.")
    why: str
    image: QueryEntryModel
    music: MatchedSongModel


class CurvePointModel(_ResponseModel):
    """One segment of a song's emotion curve."""

    start_s: _Seconds
    end_s: _Seconds
    valence: _Valence
    arousal: _Arousal
    place: Place


class MoodModel(QueryEntryModel):
    """The estimated emotion of a file; for a song, its emotion curve too."""

    curve: list[CurvePointModel] | None


class MoodsModel(_ResponseModel):
    """The estimated emotions of files."""

    files: Sequence[MoodModel]
    network: str


class ItemFields(_ResponseModel):
    """What the HTTP API tells of a file beside its answer."""

    id: str | None = Field(description="Reference for queries; null for a point of the affect plane.")
    kind: Kind
    name: str
    title: str | None
    artist: str | None
    duration_s: float | None
    width: int | None
    height: int | None
    thumbnail: str | None = Field(description="Address of the thumbnail; null for music.")
    media: str | None = Field(description="Address of the file itself; null for an upload.")


class ItemModel(QueryEntryModel, ItemFields):
    """A picture or a song."""


class ItemAnswerModel(AnswerModel, ItemFields):
    """One answer with its item."""


class ItemAnswersModel(AnswersModel):
    """The query, a page of its answers, and the library."""

    query: Sequence[ItemModel]
    results: Sequence[ItemAnswerModel]


class ItemMoodModel(MoodModel, ItemFields):
    """The estimated emotion of an item; for a song, its emotion curve too."""


class ItemMoodsModel(MoodsModel):
    """The estimated emotions of items."""

    files: Sequence[ItemMoodModel]


class MatchedItemModel(MatchedSongModel, ItemFields):
    """The song of a match, with its best moment."""


class ItemMatchModel(MatchModel):
    """Whether a picture and a song match, and why."""

    image: ItemModel
    music: MatchedItemModel


class ItemsModel(_ResponseModel):
    """Items found by name, or chosen at random."""

    items: list[ItemModel]


class UploadsModel(_ResponseModel):
    """Analyses of uploaded files, for further queries; the files themselves have been removed."""

    uploads: list[ItemMoodModel]
    kept_s: float


class OutlineModel(_ResponseModel):
    """Peak level of each of the equal stretches of a song, 0 to 255."""

    peaks: list[int]


class StatusModel(_ResponseModel):
    """State of the library, limits for uploads, and the named moods."""

    path: str
    generation: int
    network: str | None
    images: int
    music: int
    skipped: int
    roots: list[str]
    unreachable: list[str]
    exclusions: list[str]
    bytes: int
    test: dict[str, Any] | None
    moods: dict[str, tuple[float, float]]
    limits: dict[str, int | float]
    problem: str | None


class HealthModel(_ResponseModel):
    """Sign that the server is running."""

    status: Literal["ok"]
    generation: int


class ErrorModel(_ResponseModel):
    """Body of every error response."""

    class Detail(_ResponseModel):
        """A code for programs and a sentence for people."""

        code: str
        message: str

    error: Detail


def answers_json(answers: Answers) -> dict[str, Any]:
    """Return the JSON document of `find-images`, `find-music` and `browse`."""
    return AnswersModel.model_validate(answers).model_dump()


def match_json(match: Match) -> dict[str, Any]:
    """Return the JSON document of `match`."""
    document = model_match(match)
    return document.model_dump()


def moods_json(moods: Sequence[Mood], network: str) -> dict[str, Any]:
    """Return the JSON document of `mood`."""
    return MoodsModel(files=[model_mood(mood) for mood in moods], network=network).model_dump()


def model_match(match: Match) -> MatchModel:
    """Return a comparison as a model."""
    music = dict(QueryEntryModel.model_validate(match.music)) | {"moment": match.moment}
    fields = {name: getattr(match, name) for name in ("score", "correspondence", "corresponds", "why")}
    return MatchModel.model_validate(fields | {"image": match.image, "music": music})


def model_mood(mood: Mood) -> MoodModel:
    """Return the mood of a file as a model."""
    entry = QueryEntryModel.model_validate(mood.entry)
    return MoodModel.model_validate(dict(entry) | {"curve": mood.curve})
