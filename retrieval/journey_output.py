"""Output of a journey in the requested form: table, paths, JSON, HTML page or playlist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attune.core.console import print_json, stdout_console
from attune.core.errors import escape_path, escape_text
from attune.core.path_table import PathTable
from attune.core.paths import PathFormat
from attune.retrieval.journey import Journey, JourneyStep
from attune.retrieval.output import note_missing, print_notes, write_answer_page, write_playlist
from attune.retrieval.render_text import NOT_THERE, format_query_entry, print_paths

if TYPE_CHECKING:
    from attune.retrieval.query_options import OutputOptions


def show_journey(journey: Journey, form: OutputOptions, format_path: PathFormat = escape_path) -> None:
    """Print a journey and write the requested files.

    Args:
        journey: The journey.
        form: The requested form of output.
        format_path: How a table shows paths.

    Raises:
        AttuneError: A file cannot be written.
    """
    answers = journey.answers
    if form.as_json:
        from attune.retrieval.journey_models import journey_json

        print_json(journey_json(journey))
    elif form.paths or form.nul:
        print_paths(answers, b"\0" if form.nul else b"\n")
        print_notes(note_missing(answers, "the list"))
    else:
        print_journey(journey, format_path, summary=not form.quiet)
    if not form.as_json:
        print_notes(journey.notes)
    if form.m3u is not None:
        write_playlist(answers, form.m3u)
    if form.needs_page:
        noun = "Songs" if journey.kind == "music" else "Pictures"
        line = [step.answer.place for step in journey.steps]
        write_answer_page(f"{noun} from {journey.start.mood} to {journey.end.mood}", answers, [], form, line)


def print_journey(journey: Journey, format_path: PathFormat = escape_path, *, summary: bool = True) -> None:
    """Print a journey as a table.

    Args:
        journey: The journey.
        format_path: How paths are shown.
        summary: Whether a line on the steps, the library and the time follows the table.
    """
    console = stdout_console()
    for name, entry in (
        ("from", journey.start),
        *(("via", bend) for bend in journey.via),
        ("to", journey.end),
    ):
        console.print(f"{name} {format_query_entry(entry, format_path)}")
    if not journey.steps:
        console.print("Nothing in the library matches.")
        return
    columns = ("#", "feels", "place", "step")
    music = journey.kind == "music"
    table = PathTable(columns, "song" if music else "picture", numeric={"#", "place", "step"})
    for step in journey.steps:
        answer = step.answer
        table.add_row(
            str(answer.rank),
            answer.mood,
            "{:+.2f} {:+.2f}".format(*answer.place),
            "" if step.step is None else f"{step.step:.2f}",
            path=format_path(answer.path),
            details=_describe_step(step, music),
        )
    table.print(console)
    if summary:
        library = journey.library
        steps = (
            ""
            if journey.mean_step is None
            else (f"mean step {journey.mean_step:.2f}, largest {journey.largest_step:.2f}; ")
        )
        console.print(
            f"{steps}{library.images} images and {library.music} songs, generation {library.generation}, "
            f"{journey.elapsed_ms:.0f} ms",
            style="dim",
        )


def _describe_step(step: JourneyStep, music: bool) -> list[str]:
    lines = [NOT_THERE] if step.answer.missing else []
    if step.answer.display_name and music:
        lines.append(escape_text(step.answer.display_name))
    return lines
