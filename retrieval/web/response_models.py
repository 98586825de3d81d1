"""The answers' shapes, as the OpenAPI page shows them; a test holds real answers against them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from attune.embedding.media_files import Kind


class _ResponseModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Polarity(_ResponseModel):
    """Probabilities; they sum to one."""

    positive: float
    neutral: float
    negative: float


class MomentShape(_ResponseModel):
    """The part of a song that fits best."""

    start_s: float
    end_s: float
    score: float


class _Item(_ResponseModel):
    id: str | None = Field(description="What to ask for it by; null for a point of the plane.")
    kind: Kind
    path: str | None = Field(description="In the library; an upload's name; null for a point of the plane.")
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
    thumbnail: str | None = Field(description="Where its picture is; null for music.")
    media: str | None = Field(description="Where the file itself is; null for an upload.")


class ItemShape(_Item):
    """A picture or a song."""


class ResultShape(_Item):
    """One answer."""

    rank: int
    score: float = Field(description="Correspondence probability; on the plane, closeness.")
    moment: MomentShape | None
    taken: str | None = Field(description="Capture of a picture, ISO 8601 in the camera's local time.")
    alike: list[str] = Field(description="Near-duplicates that are folded into it.")
    why: str | None


class LibraryShape(_ResponseModel):
    """The library that answered."""

    path: str
    generation: int
    images: int
    music: int
    network: str


class AnswerShape(_ResponseModel):
    """What a question gives."""

    query: list[ItemShape]
    results: list[ResultShape]
    library: LibraryShape
    elapsed_ms: float


class ItemsShape(_ResponseModel):
    """Items by name, or at random."""

    items: list[ItemShape]


class CurvePointShape(_ResponseModel):
    """One moment of a song's emotion curve."""

    start_s: float
    end_s: float
    valence: float
    arousal: float


class MoodShape(_Item):
    """What an item feels like."""

    curve: list[CurvePointShape] | None


class MoodsShape(_ResponseModel):
    """What items feel like."""

    files: list[MoodShape]
    network: str


class MatchedSongShape(_Item):
    """The song of a match."""

    moment: MomentShape


class MatchShape(_ResponseModel):
    """The verdict on a picture and a song."""

    score: float
    corresponds: bool
    why: str
    image: ItemShape
    music: MatchedSongShape


class UploadsShape(_ResponseModel):
    """What was sent, for further questions; the files themselves are removed already."""

    uploads: list[MoodShape]
    kept_s: float


class OutlineShape(_ResponseModel):
    """The loudest sample of each stretch of a song, 0 to 255."""

    peaks: list[int]


class StatusShape(_ResponseModel):
    """What is served."""

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


class HealthShape(_ResponseModel):
    """That the server lives."""

    status: Literal["ok"]
    generation: int


class ErrorShape(_ResponseModel):
    """Every refusal."""

    class Detail(_ResponseModel):
        """A word for programs, a sentence for people."""

        code: str
        message: str

    error: Detail
