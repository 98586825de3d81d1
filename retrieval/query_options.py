"""Options of the commands that ask, and what they mean: filters, curation, the form of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.errors import UsageError, escape_path

if TYPE_CHECKING:
    from attune.embedding.media_files import Kind
    from attune.retrieval.diversify import Curation
    from attune.retrieval.search import Filters

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
TakenOption = Annotated[
    str | None,
    typer.Option(
        "--taken", metavar="DATES", help="Only pictures taken then: 2023, 2023..2024, 2023-07-14.. (EXIF)."
    ),
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Ask from 1:10 on.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Ask up to 1:40.")]
NotOption = Annotated[
    list[Path] | None,
    typer.Option("--not", metavar="FILE", help="Less like this picture or song; may be repeated."),
]
MoodOption = Annotated[
    str | None, typer.Option("--mood", metavar="NAME", help="Also near a named mood: festive, calm, sad, …")
]
DiverseOption = Annotated[
    float,
    typer.Option(
        "--diverse", min=0.0, max=1.0, help="Weight of variety among the answers; above 0 it also folds."
    ),
]
FoldOption = Annotated[bool, typer.Option("--fold", help="Near-duplicates of an answer go into it.")]
FolderOption = Annotated[
    int | None, typer.Option("--per-folder", metavar="N", min=1, help="At most so many of one folder.")
]
ArtistOption = Annotated[
    int | None, typer.Option("--per-artist", metavar="N", min=1, help="At most so many of one artist.")
]
WhyOption = Annotated[bool, typer.Option("--why", help="Say why, one line an answer.")]
PathsOption = Annotated[bool, typer.Option("--paths", help="Only the paths, one a line.")]
NulOption = Annotated[bool, typer.Option("-0", help="Only the paths, each ended by a NUL byte.")]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with all of it inside.")
]
OpenOption = Annotated[bool, typer.Option("--open", help="Show the page in the browser.")]
M3uOption = Annotated[
    Path | None, typer.Option("--m3u", metavar="FILE", help="Also write a playlist, its paths relative.")
]
PreviewOption = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="Small pictures in the table; where the terminal has colour.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How an answer is to be given.

    Attributes:
        as_json: One JSON document.
        paths: Paths, one a line.
        nul: Paths, each ended by a NUL byte.
        html: A page to write beside that.
        show: Open the page.
        m3u: A playlist to write beside that.
        preview: Pictures in the table; None: where the terminal has colour.
    """

    as_json: bool = False
    paths: bool = False
    nul: bool = False
    html: Path | None = None
    show: bool = False
    m3u: Path | None = None
    preview: bool | None = None

    @property
    def needs_page(self) -> bool:
        """Whether a page is to be made."""
        return self.html is not None or self.show

    def __post_init__(self) -> None:
        if sum((self.as_json, self.paths, self.nul)) > 1:
            raise UsageError("--json, --paths and -0 exclude one another")
        for option, path in (("--html", self.html), ("--m3u", self.m3u)):
            if path is not None:
                require_writable(option, path)


def require_writable(option: str, path: Path) -> None:
    """Make sure, before work is done, that a file can be written where an option wants it.

    Raises:
        UsageError: Its folder does not exist, or it is a folder.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {escape_path(path)}: no such folder")
    if path.is_dir():
        raise UsageError(f"{option} {escape_path(path)}: a folder; name a file in it")


def build_filters(
    limit: int,
    min_score: float,
    below: list[Path] | None,
    exclude: list[str] | None,
    taken: str | None,
    curation: Curation,
) -> Filters:
    """Return what answers must fulfil.

    Raises:
        UsageError: A folder does not exist, or dates make no sense.
    """
    from attune.retrieval.date_range import parse_date_range
    from attune.retrieval.search import Filters

    for folder in below or []:
        if not folder.is_dir():
            raise UsageError(f"--in {folder}: no such folder")
    period = None if taken is None else parse_date_range(taken)
    return Filters(limit, min_score, _resolve_folders(below or []), tuple(exclude or []), period, curation)


def build_curation(
    diverse: float, fold: bool, per_folder: int | None, per_artist: int | None = None
) -> Curation:
    """Return how answers are chosen; a burst is no variety, so whoever wants variety gets it folded."""
    from attune.retrieval.diversify import Curation

    return Curation(fold or diverse > 0, diverse, per_artist, per_folder)


def _resolve_folders(given: list[Path]) -> tuple[str, ...]:
    """Return folders as they are named and as they really lie: a link to a folder means that folder."""
    from attune.core.paths import absolute_path

    return tuple(name for folder in given for name in (absolute_path(folder), str(folder.resolve())))


def parse_time(option: str, text: str | None) -> float | None:
    """Read a time in a song: 70, 1:10 or 0:01:10.

    Raises:
        UsageError: It is none.
    """
    if text is None:
        return None
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= part < float("inf") for part in parts):
        raise UsageError(f"{option} {text}: not a time; write 70, 1:10 or 0:01:10")
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total


def parse_mood(name: str) -> str:
    """Return the name of a mood.

    Raises:
        UsageError: There is none of that name.
    """
    from attune.retrieval.affect_plane import MOODS

    if name not in MOODS:
        raise UsageError(f"--mood {name}: unknown; there are {', '.join(MOODS)}")
    return name


def parse_point(valence: float | None, arousal: float | None, mood: str | None) -> tuple[float, float]:
    """Return a point of the plane, named by its numbers or by a mood.

    Raises:
        UsageError: Both or neither are given, or only half of the numbers.
    """
    from attune.retrieval.affect_plane import MOODS

    if mood is not None:
        if valence is not None or arousal is not None:
            raise UsageError("give either --mood or --valence and --arousal")
        return MOODS[parse_mood(mood)]
    if valence is None or arousal is None:
        raise UsageError("give --valence and --arousal, or --mood")
    return valence, arousal


def parse_kind(text: str) -> Kind:
    """Return the kind that `--kind` names.

    Raises:
        UsageError: It is none.
    """
    if text == "image":
        return "image"
    if text == "music":
        return "music"
    raise UsageError(f"--kind {text}: write image or music")
