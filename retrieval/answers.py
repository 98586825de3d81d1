"""Records of the reply to a query, from which every form of output is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from attune.core.reachability import find_missing
from attune.embedding.affect import Affect
from attune.embedding.media_files import Kind
from attune.embedding.words.sentence_affect import WordEffect
from attune.indexer.records import Item
from attune.retrieval.mood_words import mood_word


@dataclass(frozen=True, slots=True)
class QueryEntry:
    """One file of a query, or the point of the valence–arousal plane that was searched.

    Attributes:
        path: Absolute path of the file; None for a point.
        kind: Kind of the file; for a point, the kind that was searched.
        affect: Affect of the file; None for a point.
        valence: Valence in [-1, 1]; for a point, its coordinate, which is a place.
        arousal: Arousal in [-1, 1]; for a point, its coordinate, which is a place.
        missing: Whether the file is not there now, so that the library's record of it was used.
        words: The words whose place the point is; None for a file and for any other point.
    """

    path: str | None
    kind: Kind | None
    affect: Affect | None
    valence: float
    arousal: float
    missing: bool = False
    words: str | None = None

    @classmethod
    def from_affect(cls, path: str, kind: Kind, affect: Affect, *, missing: bool = False) -> QueryEntry:
        """Make the entry of a file."""
        return cls(path, kind, affect, affect.valence, affect.arousal, missing)

    @classmethod
    def from_place(cls, kind: Kind, valence: float, arousal: float, words: str | None = None) -> QueryEntry:
        """Make the entry of a point, or of the place of words; `kind` is the kind that is searched."""
        return cls(None, kind, None, valence, arousal, words=words)

    @property
    def place(self) -> tuple[float, float]:
        """Its place on the plane, quantiles of valence and arousal, each in [-1, 1]."""
        return (self.valence, self.arousal) if self.affect is None else self.affect.place

    @property
    def mood(self) -> str:
        """The named mood that is nearest to its place."""
        return mood_word(self.place)


@dataclass(frozen=True, slots=True)
class WordsEntry:
    """A sentence of a query, and what was read in it.

    Attributes:
        text: The sentence.
        unwanted: Whether answers should be far from it.
        place: Its place on the plane; None if it says nothing of mood.
        named: Its phrases that name something by which files are known, the clearest first.
        meaning: Weight of what it names, in [0, 1]; its mood has the rest.
        effects: What single words add to its place, the strongest first.
    """

    text: str
    unwanted: bool
    place: tuple[float, float] | None
    named: tuple[str, ...]
    meaning: float
    effects: tuple[WordEffect, ...]

    @property
    def mood(self) -> str | None:
        """The named mood that is nearest to its place; None if it says nothing of mood."""
        return None if self.place is None else mood_word(self.place)


@dataclass(frozen=True, slots=True)
class Moment:
    """The part of a song that suits a query best.

    Attributes:
        start_s: Its start, in seconds from the beginning of the song.
        end_s: Its end, in seconds from the beginning of the song.
        score: Chance that this part alone shares the query's mood, in [0, 1].
    """

    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One ranked file.

    Attributes:
        item: The picture or song.
        rank: Its rank, from 1.
        score: Chance that it shares the mood of the query's files, in [0, 1], as among pairs of which half
            do. In a search with a named mood or words too, the mean of that chance and of the closeness to
            them. None without files.
        closeness: Closeness to the point of the plane, the mood or the words, in [0, 1]; None with files.
        fit: Share of the library's other files of this kind that suit the query less, in [0, 1]; those that
            suit it equally count half. None without files.
        correspondence: Chance that it has the same polarity as the query's files, in [0, 1], as among pairs
            of which half have; None without files.
        moment: The best moment of a song; None for a picture, and without files.
        alike: Paths of the near-duplicates that are folded into this answer, best first.
        explanation: One line that explains the answer; None if no explanation was requested.
        explain: Function that explains the answer when somebody asks; None if nothing can.
        missing: Whether the file is not there now, or its disk does not reply.
    """

    item: Item
    rank: int
    score: float | None
    closeness: float | None = None
    fit: float | None = None
    correspondence: float | None = None
    moment: Moment | None = None
    alike: tuple[str, ...] = ()
    explanation: str | None = None
    explain: Callable[[Answer], str] | None = field(default=None, repr=False, compare=False)
    missing: bool = False

    @property
    def worth(self) -> float:
        """The number by which answers are ranked, in [0, 1]: the score, or else the closeness."""
        return (self.closeness or 0.0) if self.score is None else self.score

    def why(self) -> str:
        """Return one line that explains the answer; computing it may read the file.

        Raises:
            LibraryError: The library that was searched is closed.
        """
        if self.explanation is not None:
            return self.explanation
        return "" if self.explain is None else self.explain(self)

    def _repr_html_(self) -> str:
        """Return the card that a notebook shows."""
        from attune.retrieval.notebook import render_answer

        return render_answer(self)

    @property
    def path(self) -> str:
        """Absolute path of the file."""
        return self.item.path

    @property
    def affect(self) -> Affect:
        """Its valence, arousal and polarity."""
        return self.item.affect

    @property
    def valence(self) -> float:
        """Valence that people would feel on average, in [-1, 1]."""
        return self.item.affect.valence

    @property
    def arousal(self) -> float:
        """Arousal that people would feel on average, in [-1, 1]."""
        return self.item.affect.arousal

    @property
    def place(self) -> tuple[float, float]:
        """Its place on the plane, quantiles of valence and arousal, each in [-1, 1]."""
        return self.item.affect.place

    @property
    def mood(self) -> str:
        """The named mood that is nearest to its place."""
        return mood_word(self.place)

    @property
    def title(self) -> str | None:
        """Title by the tags of a song, if any."""
        return self.item.title

    @property
    def artist(self) -> str | None:
        """Artist by the tags of a song, if any."""
        return self.item.artist

    @property
    def taken(self) -> str | None:
        """When a picture was taken, ISO 8601 in the camera's local time, if the file says so."""
        return self.item.taken

    @property
    def rating(self) -> int | None:
        """Stars that somebody gave the file, 0 to 5, or -1 for rejected; None if nobody did."""
        return self.item.rating

    @property
    def duration_s(self) -> float | None:
        """Length of a song in seconds."""
        return self.item.duration_s

    @property
    def display_name(self) -> str:
        """Artist and title, as far as the tags have them; may be empty."""
        return self.item.display_name


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """The library from which an answer comes.

    Attributes:
        path: Its folder, or its address in a database.
        generation: Number of the published generation that was searched.
        images: Number of pictures in it.
        music: Number of songs in it.
        network: Name of its network.
    """

    path: str
    generation: int
    images: int
    music: int
    network: str


@dataclass(frozen=True, slots=True)
class Answers:
    """The complete reply to a query.

    Attributes:
        kind: Kind of the answers.
        query: The files or the point of the query; empty if it is words alone.
        results: The answers, best first.
        library: The library that was searched.
        elapsed_ms: Duration of the query in milliseconds.
        notes: Sentences on what people should know about the answers, such as a filter without effect.
        words: The sentences of the query.
    """

    kind: Kind
    query: list[QueryEntry]
    results: list[Answer]
    library: LibraryInfo
    elapsed_ms: float
    notes: tuple[str, ...] = ()
    words: tuple[WordsEntry, ...] = ()

    @property
    def present(self) -> list[Answer]:
        """The answers whose files are there now."""
        return [answer for answer in self.results if not answer.missing]


def mark_missing(answers: Sequence[Answer]) -> list[Answer]:
    """Return the same answers, each with whether its file is there now."""
    missing = find_missing(answer.path for answer in answers)
    return [replace(answer, missing=answer.path in missing) for answer in answers]


def describe_missing(missing: int, total: int, noun: str, place: str) -> str:
    """Return a sentence on files that are left out because they are not there now.

    Args:
        missing: Number of these files, at least one.
        total: Number of all files.
        noun: What they are, in the singular: song or picture.
        place: What they are left out of.
    """
    verb = "is" if missing == 1 else "are"
    was = "was" if missing == 1 else "were"
    plural = noun if total == 1 else f"{noun}s"
    return f"{missing} of {total} {plural} {verb} not there now and {was} left out of {place}"
