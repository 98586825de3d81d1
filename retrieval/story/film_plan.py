"""The plan of a film: what is seen when, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from attune.embedding.network import Affect
from attune.retrieval.affect_plane import mood_word

FilmOrder = Literal["mood", "time"]
FILM_ORDERS: tuple[FilmOrder, ...] = get_args(FilmOrder)


@dataclass(frozen=True, slots=True)
class Shot:
    """One span of the song and its picture.

    Attributes:
        start_s: When the picture comes; a beat, but for the first. In the middle of the cross-fade.
        end_s: When the next one comes; a beat, but for the last, which ends with the song.
        picture: Absolute path.
        section: Number of the song's section, from 1.
        fade_s: How long the cross-fade from the picture before takes; 0 in the first.
        arousal: The song's there, in [-1, 1]: how much the picture moves.
        valence: The song's there, in [-1, 1].
        score: Correspondence probability of the picture and the span; None where nobody computed it.
        why: One sentence for people.
        taken: When the picture was taken, ISO 8601, where the film is in the order of time.
    """

    start_s: float
    end_s: float
    picture: str
    section: int = 1
    fade_s: float = 0.5
    arousal: float = 0.0
    valence: float = 0.0
    score: float | None = None
    why: str = ""
    taken: str | None = None

    @property
    def mood(self) -> str:
        """The named mood of the song there."""
        return mood_word(Affect(self.valence, self.arousal, 0.0, 0.0, 0.0))

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `spans` in the plan."""
        return {
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "picture": self.picture,
            "section": self.section,
            "fade_s": round(self.fade_s, 2),
            "mood": self.mood,
            "valence": round(self.valence, 3),
            "arousal": round(self.arousal, 3),
            "score": None if self.score is None else round(self.score, 4),
            "why": self.why,
            "taken": self.taken,
        }


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """A whole film.

    Attributes:
        song: Absolute path.
        title: Artist and title, as far as they are known.
        duration_s: Of song and film.
        tempo_bpm: Beats a minute; 0 where no beat was found.
        beats_s: The song's beats.
        shots: Tile the song: the first begins at 0, each begins where the one before ends, the last ends
            with the song.
        notes: What a person should know: too few pictures, no beats.
    """

    song: str
    title: str
    duration_s: float
    tempo_bpm: float
    beats_s: list[float]
    shots: list[Shot]
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the document that `read_plan` reads."""
        return {
            "attune_plan": 1,
            "song": self.song,
            "title": self.title,
            "duration_s": round(self.duration_s, 3),
            "tempo_bpm": round(self.tempo_bpm, 1),
            "notes": self.notes,
            "beats_s": [round(beat, 3) for beat in self.beats_s],
            "spans": [shot.to_json() for shot in self.shots],
        }
