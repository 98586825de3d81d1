"""Commands that ask: find-images, find-music, match, mood, browse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import UsageError
from core.options import DebugOption, JsonOption, LibraryOption, NetworkOption, QuietOption, library_folder

if TYPE_CHECKING:
    from embedding.media import Kind
    from retrieval.query import Span
    from retrieval.results import Answer
    from retrieval.search import Filters

app = typer.Typer()

LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many answers.")]
ScoreOption = Annotated[
    float, typer.Option("--min-score", min=0.0, max=1.0, help="Least score of an answer.")
]
InOption = Annotated[
    list[Path] | None,
    typer.Option("--in", metavar="DIR", help="Only files below this folder; may be repeated."),
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="GLOB", help="No files that match; may be repeated.")
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Ask from 1:10 on.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Ask up to 1:40.")]
PathsOption = Annotated[bool, typer.Option("--paths", help="Only the paths, one a line.")]
NulOption = Annotated[bool, typer.Option("-0", help="Only the paths, each ended by a NUL byte.")]


@app.command("find-images")
def find_images(
    songs: Annotated[
        list[Path], typer.Argument(metavar="SONG...", help="Music files; their mean is asked with.")
    ],
    limit: LimitOption = 10,
    min_score: ScoreOption = 0.0,
    below: InOption = None,
    exclude: ExcludeOption = None,
    start: FromOption = None,
    end: ToOption = None,
    paths: PathsOption = False,
    nul: NulOption = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,  # noqa: ARG001 - a query says nothing beside its answer
    debug: DebugOption = False,  # noqa: ARG001 - read by the error ladder
) -> None:
    """Find the pictures that feel like a song."""
    from retrieval.query import Span

    span = Span(_seconds("--from", start), _seconds("--to", end))
    filters = _filters(limit, min_score, below, exclude)
    answer = _find(songs, "music", library, network, filters, span)
    _show(answer, as_json=as_json, paths=paths, nul=nul)


@app.command("find-music")
def find_music(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Pictures; their mean is asked with.")
    ],
    limit: LimitOption = 10,
    min_score: ScoreOption = 0.0,
    below: InOption = None,
    exclude: ExcludeOption = None,
    paths: PathsOption = False,
    nul: NulOption = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> None:
    """Find the songs that feel like a picture, each with its best moment."""
    from retrieval.query import WHOLE

    answer = _find(images, "image", library, network, _filters(limit, min_score, below, exclude), WHOLE)
    _show(answer, as_json=as_json, paths=paths, nul=nul)


@app.command("match")
def match_command(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture.")],
    song: Annotated[Path, typer.Argument(metavar="SONG", help="A music file.")],
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> None:
    """Say whether a picture and a song carry the same emotion."""
    from core.terminal import print_json
    from retrieval.forms import accuracy_line, print_match
    from retrieval.match import match
    from retrieval.query import Seeds, open_any, require_kind

    require_kind([str(image)], "image", "match IMAGE SONG")
    require_kind([str(song)], "music", "match IMAGE SONG")
    opened, net = open_any(library_folder(library), network)
    found = match(Seeds(opened, net), net, str(image), str(song))
    if as_json:
        print_json(found.to_json() | {"network": {"name": net.name, "test": net.test_figures}})
    else:
        print_match(found, accuracy_line(net.test_figures))


@app.command("mood")
def mood_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures or music.")],
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> None:
    """Say what files feel like: valence, arousal, polarity; for songs the curve too."""
    from core.terminal import print_json
    from retrieval.forms import print_moods
    from retrieval.mood import moods
    from retrieval.query import Seeds, open_any

    opened, net = open_any(library_folder(library), network)
    found = moods(Seeds(opened, net), [str(path) for path in files])
    if as_json:
        print_json({"files": [mood.to_json() for mood in found], "network": net.name})
    else:
        print_moods(found)


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
    paths: PathsOption = False,
    nul: NulOption = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> None:
    """List what lies near a point of the valence–arousal plane."""
    from retrieval.answer import browse
    from retrieval.query import open_library
    from retrieval.results import Asked

    point = Asked(None, _kind(kind), None, *_point(valence, arousal, mood))
    opened, net = open_library(library_folder(library), network)
    with opened:
        answer = browse(opened, net, point, _filters(limit, min_score, below, exclude))
    _show(answer, as_json=as_json, paths=paths, nul=nul)


def _find(
    files: list[Path], kind: Kind, library: Path | None, network: str | None, filters: Filters, span: Span
) -> Answer:
    from retrieval.answer import find
    from retrieval.query import Seeds, open_library, require_kind

    names = [str(path) for path in files]
    require_kind(names, kind, "find-images" if kind == "image" else "find-music")
    opened, net = open_library(library_folder(library), network)
    with opened:
        return find(opened, net, Seeds(opened, net), names, filters, span)


def _show(answer: Answer, *, as_json: bool, paths: bool, nul: bool) -> None:
    from core.terminal import print_json
    from retrieval.forms import print_answer, print_paths

    if sum((as_json, paths, nul)) > 1:
        raise UsageError("--json, --paths and -0 exclude one another")
    if as_json:
        print_json(answer.to_json())
    elif paths or nul:
        print_paths(answer, b"\0" if nul else b"\n")
    else:
        print_answer(answer)


def _filters(limit: int, min_score: float, below: list[Path] | None, exclude: list[str] | None) -> Filters:
    from retrieval.search import Filters

    for folder in below or []:
        if not folder.is_dir():
            raise UsageError(f"--in {folder}: no such folder")
    return Filters(limit, min_score, _folders(below or []), tuple(exclude or []))


def _folders(given: list[Path]) -> tuple[str, ...]:
    """Return folders as they are named and as they really lie: a link to a folder means that folder."""
    from core.paths import absolute

    return tuple(name for folder in given for name in (absolute(folder), str(folder.resolve())))


def _seconds(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= part < float("inf") for part in parts):
        raise UsageError(f"{option} {text}: not a time; write 70, 1:10 or 0:01:10")
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + part
    return seconds


def _point(valence: float | None, arousal: float | None, mood: str | None) -> tuple[float, float]:
    from retrieval.plane import MOODS

    if mood is not None:
        if valence is not None or arousal is not None:
            raise UsageError("give either --mood or --valence and --arousal")
        if mood not in MOODS:
            raise UsageError(f"--mood {mood}: unknown; there are {', '.join(MOODS)}")
        return MOODS[mood]
    if valence is None or arousal is None:
        raise UsageError("give --valence and --arousal, or --mood")
    return valence, arousal


def _kind(text: str) -> Kind:
    if text == "image":
        return "image"
    if text == "music":
        return "music"
    raise UsageError(f"--kind {text}: write image or music")
