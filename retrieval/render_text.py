"""Text output of answers, verdicts and moods: tables for people, plain paths for pipes."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attune.core.console import stdout_console
from attune.core.errors import escape_path, escape_text
from attune.core.path_table import PathTable
from attune.core.paths import PathFormat
from attune.embedding.backbones import PATCH_S
from attune.retrieval.answers import Answer, Answers, QueryEntry, WordsEntry
from attune.retrieval.place_words import format_place

if TYPE_CHECKING:
    from rich.text import Text

    from attune.retrieval.match import Match
    from attune.retrieval.mood import Mood

_QUADRANTS = (
    "Q1: pleasant and lively, Q2: unpleasant and lively, Q3: unpleasant and quiet, Q4: pleasant and quiet"
)
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
        summary: Whether lines on the fit, and on the library and the time, follow the table.
    """
    console = stdout_console()
    for entry in answers.query:
        console.print(format_query_entry(entry, format_path))
    for words in answers.words:
        console.print(format_words(words))
    if not answers.results:
        console.print("Nothing in the library matches.")
        return
    music = answers.kind == "music"
    show_images = not music and console.color_system is not None and (preview or preview is None)
    scored = answers.results[0].score is not None
    columns = ("#", *(("score", "fit") if scored else ("closeness",)), "feels", "val", "aro")
    columns += ("best from",) if scored and music else ()
    table = PathTable(columns, "song" if music else "picture", numeric=set(columns) - {"feels"})
    for answer in answers.results:
        cells = [str(answer.rank), f"{answer.worth:.1%}", *((format_fit(answer.fit),) if scored else ())]
        cells += [answer.mood, f"{answer.valence:+.2f}", f"{answer.arousal:+.2f}"]
        if scored and music:
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
        if scored:
            noun = "songs" if music else "pictures"
            console.print(f"fit: share of the library's other {noun} that suit the query less", style="dim")
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
    for sentence in describe_verdicts(match):
        console.print(sentence, style="bold")
    console.print(match.why[0].upper() + match.why[1:] + ".")
    for entry in (match.image, match.music):
        console.print(format_query_entry(entry, format_path))
    moment = match.moment
    span = f"{format_time(moment.start_s)}–{format_time(moment.end_s)}"
    console.print(f"The song's best moment: {span}, with a score of {moment.score:.1%}.")
    if accuracy:
        console.print(accuracy, style="dim")


def describe_verdicts(match: Match) -> tuple[str, str]:
    """Return a sentence on the score of a match and one on its correspondence."""
    shared = "share a mood" if match.score >= 0.5 else "do not share a mood"
    verdict = "correspond" if match.corresponds else "do not correspond"
    return (
        f"They probably {shared}: the chance of a shared mood (score) is {match.score:.1%}, taking half of "
        "all pairs to have one.",
        f"They probably {verdict}: the chance of the same polarity (positive, neutral or negative) is "
        f"{match.correspondence:.1%}, taking half of all pairs to have it.",
    )


def print_moods(moods: list[Mood], format_path: PathFormat = escape_path) -> None:
    """Print the moods of files as a table, and the mood curves of songs."""
    console = stdout_console()
    columns = ("feels", "val", "aro", "positive", "neutral", "negative", "Q1", "Q2", "Q3", "Q4")
    table = PathTable(columns, "file", numeric=set(columns) - {"feels"})
    for mood in moods:
        affect = mood.entry.affect
        assert affect is not None
        shares = (
            affect.positive,
            affect.neutral,
            affect.negative,
            affect.q1,
            affect.q2,
            affect.q3,
            affect.q4,
        )
        table.add_row(
            mood.entry.mood,
            f"{affect.valence:+.2f}",
            f"{affect.arousal:+.2f}",
            *(f"{share:.0%}" for share in shares),
            path=format_path(mood.entry.path or ""),
        )
    table.print(console)
    console.print(_QUADRANTS, style="dim")
    for mood in moods:
        if mood.curve:
            path, end = format_path(mood.entry.path or ""), format_time(mood.curve[-1].end_s)
            console.print(f"\n{path}, 0:00–{end}")
            points = {round(point.start_s / PATCH_S): point for point in mood.curve}
            valence = {index: point.place[0] for index, point in points.items()}
            arousal = {index: point.place[1] for index, point in points.items()}
            console.print(f"  valence {draw_curve([valence.get(index) for index in range(max(points) + 1)])}")
            console.print(f"  arousal {draw_curve([arousal.get(index) for index in range(max(points) + 1)])}")


def draw_curve(values: Sequence[float | None]) -> str:
    """Draw values in [-1, 1] as a line of block characters, at most 48 wide; None, a silence, as a blank."""
    steps = min(len(values), _CURVE_WIDTH)
    parts = [values[step * len(values) // steps : (step + 1) * len(values) // steps] for step in range(steps)]
    return "".join(_draw_bar([value for value in part if value is not None]) for part in parts)


def _draw_bar(values: Sequence[float]) -> str:
    if not values:
        return " "
    mean = sum(values) / len(values)
    return _BARS[min(int((mean + 1) / 2 * len(_BARS)), len(_BARS) - 1)]


def format_fit(fit: float | None) -> str:
    """Return a fit in percent, rounded down: 100.0% means that nothing suits the query as well."""
    return "" if fit is None else f"{math.floor(fit * 1000 + 1e-6) / 1000:.1%}"


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
        f"This network's verdicts on correspondence are right {correspondence['accuracy']:.0%} of the time "
        f"({low:.0%}–{high:.0%}) on test pairs it never saw; 50% is chance."
    )


def format_query_entry(entry: QueryEntry, format_path: PathFormat) -> str:
    """Return a line on a file or a point of a query: what it is, and how it feels."""
    if entry.path is None:
        name = "a point of the plane" if entry.words is None else f"“{escape_text(entry.words.strip())}”"
        return f"{name}: feels {entry.mood}, place {entry.valence:+.2f}, {entry.arousal:+.2f}"
    return (
        f"{format_path(entry.path)}: feels {entry.mood}, valence {entry.valence:+.2f}, "
        f"arousal {entry.arousal:+.2f}"
    )


def format_words(entry: WordsEntry) -> str:
    """Return a line on a sentence of a query: how it feels, what it names, and which words did it."""
    parts = []
    if entry.place is not None:
        effects = ", ".join(
            f"{one.word} {format_place((one.valence, one.arousal))}" for one in entry.effects[:3]
        )
        parts.append(
            f"feels {entry.mood}, place {format_place(entry.place)}{f' ({effects})' if effects else ''}"
        )
    else:
        parts.append("says nothing of mood")
    if entry.named:
        parts.append(f"names {', '.join(entry.named)}")
    return f"{'not ' if entry.unwanted else ''}“{escape_text(entry.text.strip())}”: {'; '.join(parts)}"
