"""The commands `find-images`, `find-music` and `browse`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.common_options import (
    CommandApp,
    JsonOption,
    LibraryOption,
    NetworkOption,
    QuietOption,
    library_folder,
)
from attune.core.errors import UsageError
from attune.core.path_format import choose_path_format
from attune.retrieval import query_options
from attune.retrieval.query_options import (
    ArtistOption,
    DiverseOption,
    ExcludeOption,
    FolderOption,
    FoldOption,
    FromOption,
    HtmlOption,
    InOption,
    LimitOption,
    M3uOption,
    MoodOption,
    NotOption,
    NulOption,
    OpenOption,
    OutputOptions,
    PathsOption,
    PreviewOption,
    ScoreOption,
    TakenOption,
    ToOption,
    WhyOption,
)

if TYPE_CHECKING:
    from attune.embedding.media_files import Kind
    from attune.retrieval.search import Filters
    from attune.retrieval.seeds import Span

app = CommandApp()


@dataclass(frozen=True, slots=True)
class _Query:
    """One query: files of one kind, a part of the song, counter-examples, a mood, whether to explain."""

    files: list[Path]
    kind: Kind
    span: Span
    against: list[Path]
    mood: str | None
    why: bool


@app.command("find-images")
def find_images(
    songs: Annotated[
        list[Path], typer.Argument(metavar="SONG", help="Music files; the query is their average.")
    ],
    limit: LimitOption = 10,
    min_score: ScoreOption = 0.0,
    below: InOption = None,
    exclude: ExcludeOption = None,
    taken: TakenOption = None,
    start: FromOption = None,
    end: ToOption = None,
    against: NotOption = None,
    mood: MoodOption = None,
    diverse: DiverseOption = 0.0,
    fold: FoldOption = False,
    per_folder: FolderOption = None,
    why: WhyOption = False,
    preview: PreviewOption = None,
    html: HtmlOption = None,
    show: OpenOption = False,
    paths: PathsOption = False,
    nul: NulOption = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find the pictures that feel like a song."""
    from attune.retrieval.seeds import Span

    form = OutputOptions(as_json, paths, nul, html, show, preview=preview, quiet=quiet)
    span = Span(query_options.parse_time("--from", start), query_options.parse_time("--to", end))
    question = _Query(songs, "music", span, against or [], mood, why)
    curation = query_options.build_curation(diverse, fold, per_folder)
    filters = query_options.build_filters(limit, min_score, below, exclude, taken, curation)
    _find(question, filters, form, library, network)


@app.command("find-music")
def find_music(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Pictures; the query is their average.")
    ],
    limit: LimitOption = 10,
    min_score: ScoreOption = 0.0,
    below: InOption = None,
    exclude: ExcludeOption = None,
    against: NotOption = None,
    mood: MoodOption = None,
    diverse: DiverseOption = 0.0,
    fold: FoldOption = False,
    per_artist: ArtistOption = None,
    per_folder: FolderOption = None,
    why: WhyOption = False,
    html: HtmlOption = None,
    show: OpenOption = False,
    m3u: M3uOption = None,
    paths: PathsOption = False,
    nul: NulOption = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find the songs that feel like a picture.

    Each comes with its best moment.
    """
    from attune.retrieval.seeds import WHOLE_SONG

    form = OutputOptions(as_json, paths, nul, html, show, m3u, quiet=quiet)
    question = _Query(images, "image", WHOLE_SONG, against or [], mood, why)
    curation = query_options.build_curation(diverse, fold, per_folder, per_artist)
    filters = query_options.build_filters(limit, min_score, below, exclude, None, curation)
    _find(question, filters, form, library, network)


@app.command("browse")
def browse_command(
    valence: Annotated[
        float | None, typer.Option(metavar="X", min=-1.0, max=1.0, help="From unpleasant to pleasant.")
    ] = None,
    arousal: Annotated[
        float | None, typer.Option(metavar="X", min=-1.0, max=1.0, help="From quiet to excited.")
    ] = None,
    mood: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A named mood in place of the two numbers: festive, calm, sad, …"),
    ] = None,
    kind: Annotated[str, typer.Option(metavar="image|music", help="Kind of files to list.")] = "image",
    limit: LimitOption = 10,
    min_score: ScoreOption = 0.0,
    below: InOption = None,
    exclude: ExcludeOption = None,
    taken: TakenOption = None,
    diverse: DiverseOption = 0.0,
    fold: FoldOption = False,
    per_artist: ArtistOption = None,
    per_folder: FolderOption = None,
    preview: PreviewOption = None,
    html: HtmlOption = None,
    show: OpenOption = False,
    m3u: M3uOption = None,
    paths: PathsOption = False,
    nul: NulOption = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """List the files near a point of the valence–arousal plane."""
    from attune.retrieval.answers import QueryEntry
    from attune.retrieval.output import show_answers
    from attune.retrieval.queries import browse
    from attune.retrieval.seeds import open_library

    wanted = query_options.parse_kind(kind)
    if wanted == "music" and taken is not None:
        raise UsageError("--taken: only pictures have a date of capture")
    if wanted == "image" and (per_artist is not None or m3u is not None):
        raise UsageError("--per-artist and --m3u: only for music; add --kind music")
    form = OutputOptions(as_json, paths, nul, html, show, m3u, preview, quiet)
    curation = query_options.build_curation(diverse, fold, per_folder, per_artist)
    filters = query_options.build_filters(limit, min_score, below, exclude, taken, curation)
    point = QueryEntry(None, wanted, None, *query_options.parse_point(valence, arousal, mood))
    opened, net = open_library(library_folder(library), network)
    with opened:
        answers = browse(opened, net, point, filters)
    show_answers(answers, [], form)


def _find(
    question: _Query, filters: Filters, form: OutputOptions, library: Path | None, network: str | None
) -> None:
    from attune.retrieval.explain import explain_answers
    from attune.retrieval.mood import estimate_moods
    from attune.retrieval.output import show_answers
    from attune.retrieval.queries import find
    from attune.retrieval.seeds import QueryResolver, open_library, require_kind

    names = [str(path) for path in question.files]
    require_kind(names, question.kind, "find-images" if question.kind == "image" else "find-music")
    mood = None if question.mood is None else query_options.parse_mood(question.mood)
    opened, net = open_library(library_folder(library), network)
    with opened:
        seeds = QueryResolver(opened, net)
        against = [str(path) for path in question.against]
        answers = find(opened, net, seeds, names, filters, question.span, against, mood)
        if question.why:
            answers = explain_answers(answers, opened, net, seeds, names, question.span)
        query_moods = estimate_moods(seeds, names) if form.needs_page else []
    show_answers(answers, query_moods, form, choose_path_format(question.files))
