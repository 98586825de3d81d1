"""Plan of a film: which picture is shown when, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from attune.retrieval.mood_words import mood_word

FilmOrder = Literal["mood", "time"]


@dataclass(frozen=True, slots=True)
class Shot:
    """One span of the song and its picture.

    Attributes:
        start_s: Start in seconds, the middle of the cross-fade; a beat, except in the first shot.
        end_s: End in seconds, the start of the next shot; in the last shot the end of the song.
        picture: Absolute path of the picture.
        section: Number of the song's section, from 1.
        fade_s: Length in seconds of the cross-fade from the previous picture; 0 in the first shot.
        arousal: Arousal of the song's place in this span, in [-1, 1]; it sets how fast the picture zooms.
        valence: Valence of the song's place in this span, in [-1, 1].
        score: Chance that the picture and the span share a mood; None in a plan that does not have it.
        why: One sentence of explanation.
        taken: When the picture was taken, ISO 8601, if the film is in the order of time.
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
        """The named mood of the song in this span."""
        return mood_word((self.valence, self.arousal))

    def to_json(self) -> dict[str, Any]:
        """Return one element of `spans` in the plan's JSON."""
        return {
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "picture": self.picture,
            "section": self.section,
            "fade_s": round(self.fade_s, 2),
            "mood": self.mood,
            "place": {"valence": round(self.valence, 3), "arousal": round(self.arousal, 3)},
            "score": None if self.score is None else round(self.score, 4),
            "why": self.why,
            "taken": self.taken,
        }


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """Plan of a whole film.

    Attributes:
        song: Absolute path of the song.
        title: Artist and title, as far as they are known.
        duration_s: Length of the song and of the film, in seconds.
        tempo_bpm: Beats per minute; 0 if no beat was found.
        beats_s: Times of the song's beats, in seconds.
        shots: The shots, without gaps: the first begins at 0, each begins where the previous one ends, and
            the last ends with the song.
        notes: Notices for the user: too few pictures, no beats.
    """

    song: str
    title: str
    duration_s: float
    tempo_bpm: float
    beats_s: list[float]
    shots: list[Shot]
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document that `read_plan` reads."""
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
