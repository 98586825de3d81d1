"""Options of the query commands and their conversion to filters, curation and output options."""

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

LimitOption = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, help="Number of results.")]
ScoreOption = Annotated[
    float, typer.Option("--min-score", metavar="X", min=0.0, max=1.0, help="Lowest score of a result.")
]
InOption = Annotated[
    list[Path] | None,
    typer.Option("--in", metavar="DIR", help="Only files below this folder; may be repeated."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="Leave out matching files; may be repeated."),
]
TakenOption = Annotated[
    str | None,
    typer.Option(
        "--taken",
        metavar="DATES",
        help="Only pictures taken in this period (EXIF): 2023, 2023..2024 or 2023-07-14..",
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Start of the part of the song to use, such as 1:10."),
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", help="End of that part, such as 1:40.")]
NotOption = Annotated[
    list[Path] | None,
    typer.Option("--not", metavar="FILE", help="Prefer files unlike this picture or song; may be repeated."),
]
MoodOption = Annotated[
    str | None,
    typer.Option("--mood", metavar="NAME", help="Prefer files near a named mood: festive, calm, sad, …"),
]
DiverseOption = Annotated[
    float,
    typer.Option(
        "--diverse",
        metavar="X",
        min=0.0,
        max=1.0,
        help="Weight of variety among the results; above 0 implies --fold.",
    ),
]
FoldOption = Annotated[bool, typer.Option("--fold", help="Show near-duplicates as one result.")]
FolderOption = Annotated[
    int | None, typer.Option("--per-folder", metavar="N", min=1, help="At most N files of one folder.")
]
ArtistOption = Annotated[
    int | None, typer.Option("--per-artist", metavar="N", min=1, help="At most N songs of one artist.")
]
WhyOption = Annotated[bool, typer.Option("--why", help="Explain each result in one line.")]
PathsOption = Annotated[bool, typer.Option("--paths", help="Print only the paths, one per line.")]
NulOption = Annotated[bool, typer.Option("-0", help="Print only the paths, each followed by a NUL byte.")]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write a self-contained web page.")
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]
M3uOption = Annotated[
    Path | None, typer.Option("--m3u", metavar="FILE", help="Also write a playlist with relative paths.")
]
PreviewOption = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="Show small pictures in the table; the default where the terminal has colours.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Form in which an answer is printed and written.

    Attributes:
        as_json: One JSON document.
        paths: Only paths, one per line.
        nul: Only paths, each followed by a NUL byte.
        html: Web page to write in addition.
        show: Open the page in the browser.
        m3u: Playlist to write in addition.
        preview: Small pictures in the table; None: where the terminal has colours.
        quiet: No line on the library and the time below the table.
    """

    as_json: bool = False
    paths: bool = False
    nul: bool = False
    html: Path | None = None
    show: bool = False
    m3u: Path | None = None
    preview: bool | None = None
    quiet: bool = False

    @property
    def needs_page(self) -> bool:
        """Whether a web page is needed."""
        return self.html is not None or self.show

    def __post_init__(self) -> None:
        if sum((self.as_json, self.paths, self.nul)) > 1:
            raise UsageError("--json, --paths and -0 exclude one another")
        for option, path in (("--html", self.html), ("--m3u", self.m3u)):
            if path is not None:
                require_writable(option, path)


def require_writable(option: str, path: Path) -> None:
    """Check before any work is done that an output file can be written.

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
    """Return the filters that answers must pass.

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
    """Return how answers are chosen from the ranking; variety implies folding near-duplicates."""
    from attune.retrieval.diversify import Curation

    return Curation(fold or diverse > 0, diverse, per_artist, per_folder)


def _resolve_folders(given: list[Path]) -> tuple[str, ...]:
    """Return each folder twice: as it was named, and with symbolic links resolved."""
    from attune.core.paths import absolute_path

    return tuple(name for folder in given for name in (absolute_path(folder), str(folder.resolve())))


def parse_time(option: str, text: str | None) -> float | None:
    """Parse a time in a song, such as 70, 1:10 or 0:01:10, to seconds.

    Raises:
        UsageError: The text is not a time.
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
    """Check the name of a mood and return it.

    Raises:
        UsageError: There is no mood of that name.
    """
    from attune.retrieval.mood_words import MOODS

    if name not in MOODS:
        raise UsageError(f"--mood {name}: unknown; there are {', '.join(MOODS)}")
    return name


def parse_point(valence: float | None, arousal: float | None, mood: str | None) -> tuple[float, float]:
    """Return the point (valence, arousal) given by two numbers or by a mood.

    Raises:
        UsageError: Both or neither are given, or only half of the numbers.
    """
    from attune.retrieval.mood_words import MOODS

    if mood is not None:
        if valence is not None or arousal is not None:
            raise UsageError("give either --mood or --valence and --arousal")
        return MOODS[parse_mood(mood)]
    if valence is None or arousal is None:
        raise UsageError("give --valence and --arousal, or --mood")
    return valence, arousal


def parse_kind(text: str) -> Kind:
    """Return the kind of files that `--kind` names.

    Raises:
        UsageError: It is neither image nor music.
    """
    if text == "image":
        return "image"
    if text == "music":
        return "music"
    raise UsageError(f"--kind {text}: write image or music")
