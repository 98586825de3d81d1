"""Commands that find: find-images, find-music, browse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.errors import UsageError
from attune.core.options import (
    DebugOption,
    JsonOption,
    LibraryOption,
    NetworkOption,
    QuietOption,
    library_folder,
)
from attune.retrieval import options
from attune.retrieval.options import (
    ArtistOption,
    DiverseOption,
    ExcludeOption,
    FolderOption,
    FoldOption,
    Form,
    FromOption,
    HtmlOption,
    InOption,
    LimitOption,
    M3uOption,
    MoodOption,
    NotOption,
    NulOption,
    OpenOption,
    PathsOption,
    PreviewOption,
    ScoreOption,
    TakenOption,
    ToOption,
    WhyOption,
)

if TYPE_CHECKING:
    from attune.embedding.media import Kind
    from attune.retrieval.query import Span
    from attune.retrieval.search import Filters

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked: files of one kind, a part of them, what to be less like, a mood, whether to say why."""

    files: list[Path]
    kind: Kind
    span: Span
    against: list[Path]
    mood: str | None
    why: bool


@app.command("find-images")
def find_images(
    songs: Annotated[
        list[Path], typer.Argument(metavar="SONG...", help="Music files; their mean is asked with.")
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
    quiet: QuietOption = False,  # noqa: ARG001 - a query says nothing beside its answer
    debug: DebugOption = False,  # noqa: ARG001 - read by the error ladder
) -> None:
    """Find the pictures that feel like a song."""
    from attune.retrieval.query import Span

    form = Form(as_json, paths, nul, html, show, preview=preview)
    span = Span(options.seconds("--from", start), options.seconds("--to", end))
    question = _Question(songs, "music", span, against or [], mood, why)
    curation = options.curation(diverse, fold, per_folder)
    filters = options.filters(limit, min_score, below, exclude, taken, curation)
    _find(question, filters, form, library, network)


@app.command("find-music")
def find_music(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Pictures; their mean is asked with.")
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
    quiet: QuietOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> None:
    """Find the songs that feel like a picture, each with its best moment."""
    from attune.retrieval.query import WHOLE

    form = Form(as_json, paths, nul, html, show, m3u)
    question = _Question(images, "image", WHOLE, against or [], mood, why)
    curation = options.curation(diverse, fold, per_folder, per_artist)
    filters = options.filters(limit, min_score, below, exclude, None, curation)
    _find(question, filters, form, library, network)


@app.command("browse")
def browse_command(
    valence: Annotated[float | None, typer.Option(min=-1.0, max=1.0, help="Unpleasant to pleasant.")] = None,
    arousal: Annotated[float | None, typer.Option(min=-1.0, max=1.0, help="Quiet to excited.")] = None,
    mood: Annotated[
        str | None, typer.Option(metavar="NAME", help="A named mood: festive, calm, sad, …")
    ] = None,
    kind: Annotated[str, typer.Option(metavar="image|music", help="What to look for.")] = "image",
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
    quiet: QuietOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> None:
    """List what lies near a point of the valence–arousal plane."""
    from attune.retrieval.answer import browse
    from attune.retrieval.query import open_library
    from attune.retrieval.results import Asked
    from attune.retrieval.show import show_answer

    wanted = options.kind_named(kind)
    if wanted == "music" and taken is not None:
        raise UsageError("--taken: only pictures have a date of capture")
    if wanted == "image" and (per_artist is not None or m3u is not None):
        raise UsageError("--per-artist and --m3u: only for music; add --kind music")
    form = Form(as_json, paths, nul, html, show, m3u, preview)
    curation = options.curation(diverse, fold, per_folder, per_artist)
    filters = options.filters(limit, min_score, below, exclude, taken, curation)
    point = Asked(None, wanted, None, *options.point_named(valence, arousal, mood))
    opened, net = open_library(library_folder(library), network)
    with opened:
        answer = browse(opened, net, point, filters)
    show_answer(answer, [], form)


def _find(
    question: _Question, filters: Filters, form: Form, library: Path | None, network: str | None
) -> None:
    from attune.retrieval.answer import find
    from attune.retrieval.mood import moods
    from attune.retrieval.query import Seeds, open_library, require_kind
    from attune.retrieval.show import show_answer
    from attune.retrieval.why import explained

    names = [str(path) for path in question.files]
    require_kind(names, question.kind, "find-images" if question.kind == "image" else "find-music")
    mood = None if question.mood is None else options.mood_named(question.mood)
    opened, net = open_library(library_folder(library), network)
    with opened:
        seeds = Seeds(opened, net)
        against = [str(path) for path in question.against]
        answer = find(opened, net, seeds, names, filters, question.span, against, mood)
        if question.why:
            answer = explained(answer, opened, net, seeds, question.span)
        felt = moods(seeds, names) if form.needs_page else []
    show_answer(answer, felt, form)
