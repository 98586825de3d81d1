"""Attune from Python: build a library, open it, search it, embed a file.

Users reach these names as `attune.build`, `attune.open` and so on; docs/python.md shows them in use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import LibraryError, UsageError
from attune.core.library_address import DatabaseAddress, read_library_argument, resolve_library
from attune.core.paths import absolute_path, spell_folders
from attune.core.progress import SilentProgress
from attune.embedding.affect import Affect
from attune.embedding.backbones import Backbones
from attune.embedding.media_files import Kind
from attune.embedding.network import DEFAULT_NETWORK, Network, open_network
from attune.indexer.library import read_status
from attune.retrieval import queries
from attune.retrieval.answers import Answer, Moment
from attune.retrieval.deferred_explanation import DeferredExplanation
from attune.retrieval.export_table import ExportRequest, ExportSummary, export_library, resolve_export_query
from attune.retrieval.match import Match, match
from attune.retrieval.mood_table import FileMood, MoodTable
from attune.retrieval.query_parameters import (
    BrowseParameters,
    FindParameters,
    ParameterGroup,
    PathParameters,
    QueryParameter,
    list_parameters,
    read_parameters,
)
from attune.retrieval.search import Filters, require_folders
from attune.retrieval.seeds import WHOLE_SONG, QueryResolver, Span, media_kind, open_library, require_kind

if TYPE_CHECKING:
    from attune.indexer.library import LibraryReader
    from attune.indexer.records import Item, SkippedFile
    from attune.retrieval.answers import Answers
    from attune.retrieval.words.aims import Target

__all__ = [
    "Answer",
    "AnswerList",
    "EmbeddedFile",
    "ExportSummary",
    "FileMood",
    "FilterOptions",
    "Library",
    "Match",
    "Moment",
    "MoodTable",
    "SearchOptions",
    "build",
    "embed",
    "open",
]

FilePath = str | os.PathLike[str]
LibraryName = FilePath | DatabaseAddress

_CHUNK = 500  # items that are read from the catalogue at a time


class FilterOptions(TypedDict, total=False):
    """Conditions on the files of an answer; all are optional.

    Attributes:
        below: Only files below these folders.
        exclude: None of these paths, and no files that match these patterns in the syntax of `.gitignore`.
        taken: Only pictures taken in this period: `2023`, `2023..2024`, `2023-07-14..`.
        rating: Only files with at least so many stars, 1 to 5.
        all_alike: Show each near-duplicate as an answer of its own, not as part of a better one.
        per_folder: Largest number of files of one folder.
        per_artist: Largest number of songs of one artist.
    """

    below: Sequence[FilePath]
    exclude: Sequence[str]
    taken: str
    rating: int
    all_alike: bool
    per_folder: int
    per_artist: int


class SearchOptions(FilterOptions, total=False):
    """Conditions on the answers to a search; all are optional.

    Attributes:
        limit: Largest number of answers; 10 by default.
        min_score: Lowest score, or closeness, in [0, 1].
        diverse: Weight of variety when the answers are chosen, in [0, 1]; they are listed by score.
    """

    limit: int
    min_score: float
    diverse: float


class AnswerList(list[Answer]):
    """The answers to a search, best first.

    Attributes:
        notes: Sentences on what people should know about them, such as a filter that has no effect.
    """

    def __init__(self, answers: Iterable[Answer] = (), notes: Sequence[str] = ()) -> None:
        super().__init__(answers)
        self.notes = tuple(notes)

    def _repr_html_(self) -> str:
        from attune.retrieval.notebook import render_answers

        return render_answers(self)


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with its place in the affective space.

    Attributes:
        vector: Embedding, float32 (128,), unit length. The larger its inner product with the embedding of
            another file, the more alike the two feel.
        mood: The mood of the file.
    """

    vector: NDArray[np.float32]
    mood: FileMood

    def _repr_html_(self) -> str:
        return self.mood._repr_html_()


def embed(path: FilePath, network: str | None = None) -> EmbeddedFile:
    """Embed a picture or a song; no library is needed, and nothing is stored.

    A network is read once per process.

    Args:
        path: The file.
        network: Name of a shipped network, or the folder of another; None: the default network.

    Raises:
        UsageError: The file does not exist or is no media, or there is no such network.
        MediaError: The file cannot be used.
    """
    from attune.embedding.feature_extraction import extract
    from attune.embedding.segments import embed_track

    name = os.fspath(path)
    kind = media_kind(name)
    opened, backbones = _open_embedder(network or DEFAULT_NETWORK)
    features = extract(Path(name), kind, backbones).features
    embedded = opened.embed("image", features) if kind == "image" else embed_track(opened, features)
    affect = Affect.from_row(embedded.affect[0])
    return EmbeddedFile(embedded.vectors[0], FileMood.from_affect(absolute_path(name), kind, affect))


@cache
def _open_embedder(network: str) -> tuple[Network, Backbones]:
    """Return a network and its backbones; they stay open, since loading them takes longer than a picture."""
    opened = open_network(network)
    return opened, Backbones(opened.backbones, threads=os.cpu_count() or 1)


class Library:
    """A library, open for searching: its latest complete state at the time of opening.

    Close it, or use it in a `with` statement. Afterwards its methods, and `why()` of its answers, raise
    LibraryError.

    Args:
        path: Folder or `postgresql://` address of the library; None: the user's own, as for `attune`.
        network: The network to search with; None: the one that the library was built with.

    Attributes:
        path: Its folder, a Path, or its DatabaseAddress.
        images: Number of pictures.
        music: Number of songs.
        network: Name of its network.

    Raises:
        LibraryError: There is no library, or it was built with another network.
        UsageError: There is no such network, or the address is not one of a library.
    """

    def __init__(self, path: LibraryName | None = None, network: str | None = None) -> None:
        self.path = resolve_library(None if path is None else read_library_argument(path))
        self._opened, self._network = open_library(self.path, network)
        self._closed = False
        self.images, self.music = self._reader.generation.images, self._reader.generation.music
        self.network = self._network.name

    @property
    def _reader(self) -> LibraryReader:
        if self._closed:
            raise LibraryError(f"{self.path}: this library was closed; open it again")
        return self._opened

    @cached_property
    def _backbones(self) -> Backbones:
        return Backbones(self._network.backbones, threads=os.cpu_count() or 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<attune.Library {self.path}: {self.images} images, {self.music} songs>"

    def close(self) -> None:
        """Close the library; its files may then be removed."""
        self._opened.close()
        self._closed = True

    def find_images(
        self,
        *songs: FilePath,
        unlike: Sequence[FilePath] = (),
        mood: str | None = None,
        words: str | None = None,
        not_words: str | None = None,
        meaning: float | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> AnswerList:
        """Find the pictures that feel like songs, like words, or like both.

        Args:
            songs: Songs, which need not be in the library; the query is their average. None if there are
                words.
            unlike: Files of either kind that the answers should differ from.
            mood: A named mood, such as `calm`, that the answers should also be near to; the score is then the
                mean of the chance of a shared mood and of the closeness to the named one.
            words: A feeling, a thing or both in any language; with songs, the score is a mean as for a mood.
            not_words: What the answers should be far from.
            meaning: Weight of what the words name; their mood has the rest. None: 0.8.
            start_s: Start of the part of each song that is used, in seconds; None: its beginning.
            end_s: End of that part, in seconds; None: its end.
            options: Conditions on the answers.

        Returns:
            The answers, best first.

        Raises:
            UsageError: A file does not exist or is no song, or an option makes no sense.
            MediaError: A file cannot be used.
        """
        span = {"start": start_s, "end": end_s}
        wording = {"words": words, "not_words": not_words, "meaning": meaning}
        return self._find("music", songs, {"against": unlike, "mood": mood} | wording | span | options)

    def find_music(
        self,
        *images: FilePath,
        unlike: Sequence[FilePath] = (),
        mood: str | None = None,
        words: str | None = None,
        not_words: str | None = None,
        meaning: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> AnswerList:
        """Find the songs that feel like pictures, like words, or like both.

        With pictures, each has its best moment.

        Args:
            images: Pictures, which need not be in the library; the query is their average. None if there are
                words.
            unlike: Files of either kind that the answers should differ from.
            mood: A named mood, such as `calm`, that the answers should also be near to; the score is then the
                mean of the chance of a shared mood and of the closeness to the named one.
            words: A feeling, a thing or both in any language; with pictures, the score is a mean as for a
                mood.
            not_words: What the answers should be far from.
            meaning: Weight of what the words name; their mood has the rest. None: 0.8.
            options: Conditions on the answers.

        Returns:
            The answers, best first.

        Raises:
            UsageError: A file does not exist or is no picture, or an option makes no sense.
            MediaError: A file cannot be used.
        """
        wording = {"words": words, "not_words": not_words, "meaning": meaning}
        return self._find("image", images, {"against": unlike, "mood": mood} | wording | options)

    def browse(
        self,
        valence: float | None = None,
        arousal: float | None = None,
        *,
        mood: str | None = None,
        words: str | None = None,
        not_words: str | None = None,
        meaning: float | None = None,
        kind: Kind = "image",
        **options: Unpack[SearchOptions],
    ) -> AnswerList:
        """List the files nearest to a point of the valence–arousal plane, a mood or words.

        Args:
            valence: Where it stands among all pictures, or songs, from -1, the least pleasant, to 1.
            arousal: Where it stands among all pictures, or songs, from -1, the quietest, to 1.
            mood: A named mood in place of the two numbers.
            words: A feeling, a thing or both in any language, in place of them or beside them.
            not_words: What the answers should be far from.
            meaning: Weight of what the words name; their mood has the rest. None: 0.8.
            kind: Kind of the files, image or music.
            options: Conditions on the answers.

        Returns:
            The answers, nearest first; `closeness` says how near they are, and they have no score.

        Raises:
            UsageError: Neither a mood, nor words, nor both numbers are given, or an option makes no sense.
        """
        point = {"valence": valence, "arousal": arousal, "mood": mood, "kind": kind}
        wording = {"words": words, "not_words": not_words, "meaning": meaning}
        parameters = _read_options(BrowseParameters, point | wording | options)
        require_folders(self._reader, parameters.below, "below")
        filters = parameters.make_filters(absolute_path(os.curdir))
        found = queries.browse(self._reader, self._network, parameters, filters)
        make_target = partial(parameters.make_target, self._network)
        return self._explainable(found, self._open_query(), (), WHOLE_SONG, make_target)

    def journey(
        self,
        start: FilePath,
        end: FilePath,
        *,
        steps: int = 10,
        kind: Kind = "music",
        via: Sequence[FilePath | tuple[float, float]] = (),
        **options: Unpack[FilterOptions],
    ) -> AnswerList:
        """Find a path of songs or pictures from one mood to another, in even steps, none twice.

        Args:
            start: Where it begins: a file, a named mood such as `calm`, or a place such as `0.5,-0.3`. A file
                of the kind that is in the library is itself the first step.
            end: Where it ends; the same.
            steps: Number of files, both ends counted, 2 to 200.
            kind: Kind of the files, image or music.
            via: Files, moods or places, also as pairs of numbers, through which the path bends, in order.
            options: Conditions on the files.

        Returns:
            The files, in order; `closeness` says how near each lies to its place on the line, and they have
            no score. There are fewer than `steps` if the library has no more.

        Raises:
            UsageError: An end is neither a file nor a mood or a place, or an option makes no sense.
            MediaError: A file cannot be used.
        """
        from attune.retrieval.journey import plan_journey, resolve_request
        from attune.retrieval.journey_parameters import NOT_OF_JOURNEYS, JourneyParameters

        bends = ["{},{}".format(*one) if isinstance(one, tuple) else os.fspath(one) for one in via]
        own = {"steps": steps, "kind": kind, "via": bends}
        query = _read_options(JourneyParameters, own | options, NOT_OF_JOURNEYS)
        require_folders(self._reader, query.below, "below")
        request = resolve_request(self._open_query(), os.fspath(start), os.fspath(end), query)
        filters = query.make_filters(absolute_path(os.curdir))
        found = plan_journey(self._reader, self._network, request, filters)
        return AnswerList((step.answer for step in found.steps), found.notes)

    def match(self, image: FilePath, music: FilePath) -> Match:
        """Tell whether a picture and a song share a mood, and why.

        Neither file needs to be in the library.

        Raises:
            UsageError: A file does not exist, or is of the wrong kind.
            MediaError: A file cannot be used.
        """
        require_kind([os.fspath(image)], "image", "match(image, music)")
        require_kind([os.fspath(music)], "music", "match(image, music)")
        return match(self._open_query(), self._network, os.fspath(image), os.fspath(music))

    def moods(self, kind: Kind | None = None) -> MoodTable:
        """Return the mood of every file in the library.

        Args:
            kind: image or music; None: both, pictures first.

        Returns:
            One row per file, in the order in which the files came into the library.
        """
        kinds: tuple[Kind, ...] = ("image", "music") if kind is None else (kind,)
        items = (item for one in kinds for item in self._iter_items(one))
        return MoodTable(FileMood.from_affect(item.path, item.kind, item.affect) for item in items)

    def export(
        self,
        path: FilePath,
        kind: Kind | None = None,
        embeddings: bool = False,
        features: bool = False,
        score_against: FilePath | Sequence[FilePath] | None = None,
        *,
        below: Sequence[FilePath] = (),
        exclude: Sequence[str] = (),
    ) -> ExportSummary:
        """Write the library as a table, one row per file; docs/export.md lists the columns.

        Args:
            path: The file to write, .csv or .parquet (extra `parquet`). An existing file is replaced once the
                new one is complete.
            kind: image or music; None: both, pictures first.
            embeddings: Add the embedding of each file.
            features: Add the mean features of each file's backbone; only with a `kind`.
            score_against: Picture or song that the files of the other kind are scored against; of several of
                one kind, their average.
            below: Only files below these folders.
            exclude: None of these paths, and no files that match these patterns.

        Returns:
            The number of rows, and what people should know about them.

        Raises:
            UsageError: A file does not exist, or the options make no sense together.
            MediaError: A file to score against cannot be used.
            AttuneError: The table cannot be written.
        """
        against = [score_against] if isinstance(score_against, str | os.PathLike) else score_against or ()
        paths = _read_options(PathParameters, {"below": below, "exclude": exclude})
        require_folders(self._reader, paths.below, "below")
        names = [os.fspath(file) for file in against]
        query = resolve_export_query(self._open_query(), names, kind, "score_against")
        filters = Filters(below=paths.below, exclude=paths.exclude, folder=absolute_path(os.curdir))
        request = ExportRequest(kind, embeddings, features, query, filters)
        return export_library(Path(path), self._reader, self._network, request, SilentProgress())

    def embeddings(self, kind: Kind) -> tuple[list[str], NDArray[np.float32]]:
        """Return the paths of all files of one kind, and their embeddings, float32 (n, 128)."""
        known = self._reader.paths(kind)
        return [path for _, path in known], self._reader.vectors([item for item, _ in known])

    @property
    def skipped(self) -> list[SkippedFile]:
        """The files that could not be used, each with the reason."""
        return read_status(self.path).skipped

    def _find(self, query_kind: Kind, files: Sequence[FilePath], options: Mapping[str, Any]) -> AnswerList:
        names = [os.fspath(file) for file in files]
        query = _read_options(FindParameters, options)
        if not names and query.words is None:
            raise UsageError("name at least one file to search with, or describe one with words")
        require_kind(names, query_kind, "find_images" if query_kind == "image" else "find_music")
        require_folders(self._reader, query.below, "below")
        seeds = self._open_query()
        wanted: Kind = "image" if query_kind == "music" else "music"
        filters = query.make_filters(absolute_path(os.curdir))
        found = queries.find_and_explain(self._reader, self._network, seeds, names, query, filters, wanted)
        make_target = partial(query.make_target, self._network, wanted)
        return self._explainable(found, seeds, names, query.span, make_target)

    def _explainable(
        self,
        found: Answers,
        seeds: QueryResolver,
        names: Sequence[str],
        span: Span,
        make_target: Callable[[], Target],
    ) -> AnswerList:
        context = DeferredExplanation(lambda: self._reader, self._network, seeds, names, span, make_target)
        return AnswerList((replace(one, explain=context.explain) for one in found.results), found.notes)

    def _open_query(self) -> QueryResolver:
        """Return a resolver for one query; files may change between two, but the backbones stay open."""
        resolver = QueryResolver(self._reader, self._network)
        resolver.backbones = self._backbones
        return resolver

    def _iter_items(self, kind: Kind) -> Iterator[Item]:
        ids = [item for item, _ in self._reader.paths(kind)]
        for first in range(0, len(ids), _CHUNK):
            yield from self._reader.items(ids[first : first + _CHUNK]).values()


def open(path: LibraryName | None = None, network: str | None = None) -> Library:
    """Open a library for searching; arguments and errors as for `Library`."""
    return Library(path, network)


def build(
    *paths: FilePath,
    library: LibraryName | None = None,
    network: str | None = None,
    exclude: Sequence[str] = (),
    follow_links: bool = False,
    rebuild: bool = False,
    accept_empty: bool = False,
    workers: int | None = None,
    quiet: bool = False,
) -> Library:
    """Build a library of photos and music, or bring it up to date, and open it.

    Only new and changed files are read, in processes of their own. After an interrupt, the same call
    continues. Files that cannot be used are in `Library.skipped`.

    Args:
        paths: Folders or files to follow from now on; none: refresh those that the library follows.
        library: Folder or `postgresql://` address of the library; None: the user's own, as for `attune`.
        network: Name of a shipped network, or the folder of another; None: the library's own, or the default.
        exclude: Paths and patterns to leave out from now on, besides what is left out already.
        follow_links: Follow symbolic links.
        rebuild: Read every file again.
        accept_empty: Believe that files which cannot be found are gone, though a whole folder of them is.
        workers: Number of processes that read files; None: one per core.
        quiet: Show no progress.

    Raises:
        UsageError: A path does not exist, there is nothing to refresh, or there is no such network.
        LibraryError: The library cannot be written, or another build is writing it.
    """
    from attune.core.console import show_progress
    from attune.core.settings import load_settings
    from attune.embedding.device import resolve_device
    from attune.indexer.build import BuildRequest, open_build, open_network_of
    from attune.indexer.reconnection import keep_building

    address = resolve_library(None if library is None else read_library_argument(library))
    names = tuple(os.fspath(path) for path in paths)
    request = BuildRequest(address, names, tuple(exclude), follow_links, rebuild, accept_empty=accept_empty)
    settings, _ = resolve_device(load_settings(workers=workers), None)

    def run() -> None:
        with open_build(request) as session, show_progress(quiet=quiet) as progress:
            used = open_network_of(session.published) if network is None else open_network(network)
            session.run(used, settings, progress)

    keep_building(run)
    return Library(address, network)


_PYTHON_NAMES = {"in": "below", "not": "unlike", "from": "start_s", "to": "end_s"}
_Group = TypeVar("_Group", bound=ParameterGroup)


def _read_options(group: type[_Group], values: Mapping[str, Any], omitted: Sequence[str] = ()) -> _Group:
    """Return query parameters from keyword arguments, checked as the options of the commands are.

    Args:
        group: The group of parameters.
        values: Arguments by field; None: the default.
        omitted: Fields of the group that are not offered.

    Raises:
        UsageError: There is no such option, or a value makes no sense.
    """
    known = {one.field: one.definition for one in list_parameters(group) if one.field not in omitted}
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"there is no option `{name}`; the options are {', '.join(known)}")
        if value is None:
            continue
        definition = known[name]
        low, high = definition.low, definition.high
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = " and ".join(
                f"{word} {bound:g}"
                for word, bound in (("at least", low), ("at most", high))
                if bound is not None
            )
            raise UsageError(f"{_python_name(definition.name)}: {value} is not {bounds}")
        given[name] = _convert(definition, value)
    return read_parameters(group, given, _python_name)


def _convert(definition: QueryParameter, value: Any) -> Any:
    """Return an argument as a command would have read it: paths and times as text."""
    if definition.files == "folder":
        return spell_folders(Path(folder) for folder in value)
    if definition.files == "file":
        return [os.fspath(file) for file in value]
    return value if definition.parse is None else str(value)


def _python_name(name: str) -> str:
    return _PYTHON_NAMES.get(name, name.replace("-", "_"))
