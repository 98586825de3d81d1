"""Text output of answers, verdicts and moods: tables for people, plain paths for pipes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from attune.core.console import stdout_console
from attune.core.errors import escape_path, escape_text
from attune.core.path_table import PathTable
from attune.core.paths import PathFormat
from attune.retrieval.answers import Answer, Answers, QueryEntry
from attune.retrieval.mood_words import mood_word

if TYPE_CHECKING:
    from rich.text import Text

    from attune.retrieval.match import Match
    from attune.retrieval.mood import Mood

_BARS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 48
NOT_THERE = "not there now"
"""What people read of a file that has vanished since the build, or whose disk does not reply."""


def print_paths(answers: Answers, end: bytes) -> None:
    """Print the bytes of each answer's path, followed by `end`; on a terminal the paths are escaped.

    Other programs read them, so files that are not there now are left out.
    """
    if sys.stdout.isatty():
        for answer in answers.present:
            sys.stdout.write(escape_path(answer.path) + "\n")
        return
    sys.stdout.buffer.write(b"".join(os.fsencode(answer.path) + end for answer in answers.present))
    sys.stdout.buffer.flush()


def print_answers(
    answers: Answers,
    preview: bool | None = False,
    format_path: PathFormat = escape_path,
    *,
    summary: bool = True,
) -> None:
    """Print answers as a table.

    Args:
        answers: The answers.
        preview: Whether to print small pictures beside the rows, if the terminal has colour; None: the same
            as True.
        format_path: How paths are shown.
        summary: Whether a line on the library and the time follows the table.
    """
    console = stdout_console()
    for entry in answers.query:
        console.print(_format_query_entry(entry, format_path))
    if not answers.results:
        console.print("Nothing in the library matches.")
        return
    music = answers.kind == "music"
    show_images = not music and console.color_system is not None and (preview or preview is None)
    columns = ("#", "score", "feels", "val", "aro", *(("best from",) if music else ()))
    table = PathTable(columns, "song" if music else "picture", numeric=set(columns) - {"feels"})
    for answer in answers.results:
        cells = [str(answer.rank), f"{answer.score:.2f}", answer.mood]
        cells += [f"{answer.affect.valence:+.2f}", f"{answer.affect.arousal:+.2f}"]
        if music:
            cells.append(format_time(answer.moment.start_s) if answer.moment else "")
        table.add_row(
            *cells,
            path=format_path(answer.path),
            details=_describe_answer(answer, music),
            picture=_render_picture(answer.path) if show_images and not answer.missing else None,
        )
    table.print(console)
    library = answers.library
    if summary:
        console.print(
            f"{library.images} images and {library.music} songs, generation {library.generation}, "
            f"{answers.elapsed_ms:.0f} ms",
            style="dim",
        )


def _describe_answer(answer: Answer, music: bool) -> list[str]:
    """Return the lines below an answer's path: what is known of the file, and why it is an answer."""
    lines = [NOT_THERE] if answer.missing else []
    if answer.display_name and music:
        lines.append(escape_text(answer.display_name))
    if answer.alike:
        lines.append(f"+{len(answer.alike)} alike")
    if answer.explanation is not None:
        lines.append(answer.explanation)
    return lines


def _render_picture(path: str) -> Text:
    from attune.retrieval.terminal_image import render_half_blocks

    return render_half_blocks(path)


def print_match(match: Match, accuracy: str | None, format_path: PathFormat = escape_path) -> None:
    """Print the comparison of a picture and a song, and a sentence on the network's accuracy, if any."""
    console = stdout_console()
    verdict = "They correspond" if match.corresponds else "They do not correspond"
    console.print(f"{verdict}: {match.score:.0%} likely to carry the same emotion.", style="bold")
    console.print(match.why[0].upper() + match.why[1:] + ".")
    for entry in (match.image, match.music):
        console.print(_format_query_entry(entry, format_path))
    moment = match.moment
    span = f"{format_time(moment.start_s)}–{format_time(moment.end_s)}"
    console.print(f"The song's best moment: {span}, {moment.score:.0%}.")
    if accuracy:
        console.print(accuracy, style="dim")


def print_moods(moods: list[Mood], format_path: PathFormat = escape_path) -> None:
    """Print the moods of files as a table, and the mood curves of songs."""
    console = stdout_console()
    columns = ("feels", "valence", "arousal", "positive", "neutral", "negative")
    table = PathTable(columns, "file", numeric=("valence", "arousal"))
    for mood in moods:
        affect = mood.entry.affect
        assert affect is not None
        shares = (affect.positive, affect.neutral, affect.negative)
        table.add_row(
            mood.entry.mood or "",
            f"{affect.valence:+.2f}",
            f"{affect.arousal:+.2f}",
            *(f"{share:.0%}" for share in shares),
            path=format_path(mood.entry.path or ""),
        )
    table.print(console)
    for mood in moods:
        if mood.curve:
            path, end = format_path(mood.entry.path or ""), format_time(mood.curve[-1].end_s)
            console.print(f"\n{path}, 0:00–{end}")
            console.print(f"  valence {draw_curve([point.valence for point in mood.curve])}")
            console.print(f"  arousal {draw_curve([point.arousal for point in mood.curve])}")


def draw_curve(values: list[float]) -> str:
    """Draw values in [-1, 1] as a line of block characters, at most 48 wide."""
    steps = min(len(values), _CURVE_WIDTH)
    means = []
    for step in range(steps):
        part = values[step * len(values) // steps : (step + 1) * len(values) // steps]
        means.append(sum(part) / len(part))
    return "".join(_BARS[min(int((value + 1) / 2 * len(_BARS)), len(_BARS) - 1)] for value in means)


def format_time(seconds: float) -> str:
    """Return seconds as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def format_accuracy(figures: dict[str, Any] | None) -> str | None:
    """Return a sentence on the accuracy of a network, from its stored test report; None without a report."""
    if figures is None:
        return None
    correspondence = figures["correspondence"]
    low, high = correspondence["ci95"]
    return (
        f"This network's verdicts are right {correspondence['accuracy']:.0%} of the time "
        f"({low:.0%}–{high:.0%}) on test pairs it never saw; 50% is chance."
    )


def _format_query_entry(entry: QueryEntry, format_path: PathFormat) -> str:
    name = "a point of the plane" if entry.path is None else format_path(entry.path)
    feels = "" if entry.affect is None else f"feels {mood_word(entry.affect)}, "
    return f"{name}: {feels}valence {entry.valence:+.2f}, arousal {entry.arousal:+.2f}"
