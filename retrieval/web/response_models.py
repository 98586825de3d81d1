"""Response models of the HTTP API for its OpenAPI description; tests validate real responses with them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from attune.embedding.media_files import Kind


class _ResponseModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Polarity(_ResponseModel):
    """Probabilities of the three polarities; they sum to one."""

    positive: float
    neutral: float
    negative: float


class MomentModel(_ResponseModel):
    """The part of a song that matches best."""

    start_s: float
    end_s: float
    score: float


class _ItemFields(_ResponseModel):
    id: str | None = Field(description="Reference for queries; null for a point of the affect plane.")
    kind: Kind
    path: str | None = Field(
        description="Path in the library, or an upload's name; null for a point of the affect plane."
    )
    name: str
    title: str | None
    artist: str | None
    mood: str = Field(description="The nearest named mood.")
    valence: float
    arousal: float
    polarity: Polarity | None
    duration_s: float | None
    width: int | None
    height: int | None
    thumbnail: str | None = Field(description="Address of the thumbnail; null for music.")
    media: str | None = Field(description="Address of the file itself; null for an upload.")


class ItemModel(_ItemFields):
    """A picture or a song."""


class ResultModel(_ItemFields):
    """One result of a search."""

    rank: int
    score: float = Field(description="Correspondence probability; when browsing the affect plane, closeness.")
    moment: MomentModel | None
    taken: str | None = Field(description="When a picture was taken: ISO 8601, in the camera's local time.")
    alike: list[str] = Field(description="Near-duplicates that this result stands for.")
    why: str | None


class LibraryModel(_ResponseModel):
    """The library in which was searched."""

    path: str
    generation: int
    images: int
    music: int
    network: str


class AnswerModel(_ResponseModel):
    """The query, its results and the library."""

    query: list[ItemModel]
    results: list[ResultModel]
    library: LibraryModel
    elapsed_ms: float


class ItemsModel(_ResponseModel):
    """Items found by name, or chosen at random."""

    items: list[ItemModel]


class CurvePointModel(_ResponseModel):
    """One segment of a song's emotion curve."""

    start_s: float
    end_s: float
    valence: float
    arousal: float


class MoodModel(_ItemFields):
    """The estimated emotion of an item; for a song, its emotion curve too."""

    curve: list[CurvePointModel] | None


class MoodsModel(_ResponseModel):
    """The estimated emotions of items."""

    files: list[MoodModel]
    network: str


class MatchedSongModel(_ItemFields):
    """The song of a match, with its best moment."""

    moment: MomentModel


class MatchModel(_ResponseModel):
    """Whether a picture and a song match, and why."""

    score: float
    corresponds: bool
    why: str
    image: ItemModel
    music: MatchedSongModel


class UploadsModel(_ResponseModel):
    """Analyses of uploaded files, for further queries; the files themselves have been removed."""

    uploads: list[MoodModel]
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
    bytes: int
    test: dict[str, Any] | None
    moods: dict[str, tuple[float, float]]
    limits: dict[str, float]
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
