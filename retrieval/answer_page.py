"""Self-contained HTML page of answers: one file with pictures, players, mood curves and the plane."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attune.core.errors import escape_path
from attune.retrieval.answers import Answer, Answers, QueryEntry
from attune.retrieval.html_parts import (
    STYLE,
    answer_name,
    curve_svg,
    missing_tag,
    picture_tag,
    plane_svg,
    player_tag,
    write_from_template,
)
from attune.retrieval.mood import Mood
from attune.retrieval.mood_words import mood_word
from attune.retrieval.render_text import format_time

_TEMPLATE = Path(__file__).with_name("page.html")
_LONG_SIDE = 420
_EXCERPT_S = 30.0


@dataclass(frozen=True, slots=True)
class Section:
    """One query of a page.

    Attributes:
        title: Its heading.
        answers: Its answers.
        moods: The moods of the query's files, with curves for songs; empty for a point of the plane.
    """

    title: str
    answers: Answers
    moods: Sequence[Mood] = ()


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Write a page.

    Args:
        path: The HTML file.
        title: Title of the page.
        lead: The line below the title.
        sections: The queries.

    Raises:
        AttuneError: The page cannot be written.
    """
    parts = {
        "title": html.escape(title),
        "lead": html.escape(lead),
        "style": STYLE,
        "sections": "\n".join(_render_section(section) for section in sections),
    }
    write_from_template(path, _TEMPLATE, parts)


def _render_section(section: Section) -> str:
    answers = section.answers
    pictures = answers.kind == "image"
    cards = [_render_picture(answer) if pictures else _render_song(answer) for answer in answers.results]
    moods = {mood.entry.path: mood for mood in section.moods}
    entries = "\n".join(_render_query_entry(entry, moods.get(entry.path)) for entry in answers.query)
    cards_html = "".join(cards) or '<p class="lost">Nothing in the library matches.</p>'
    notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in answers.notes)
    return f"""
<section>
  <div class="ask">
    <h2>{html.escape(section.title)}</h2>
    {entries}{notes}
    {plane_svg(answers.query, answers.results)}
  </div>
  <div class="{"pictures" if pictures else "songs"}">{cards_html}</div>
</section>"""


def _render_query_entry(entry: QueryEntry, mood: Mood | None) -> str:
    position = f"valence {entry.valence:+.2f}, arousal {entry.arousal:+.2f}"
    if entry.path is None or entry.affect is None:
        return f"<p>{position}</p>"
    name = html.escape(escape_path(Path(entry.path).name))
    caption = f"<p>{name} <b>feels {mood_word(entry.affect)}</b><br>{position}</p>"
    if entry.missing:
        return missing_tag(entry.path) + caption
    if entry.kind == "image":
        return picture_tag(entry.path, _LONG_SIDE, "the picture of the query") + caption
    curve = curve_svg(mood.curve) if mood is not None and mood.curve else ""
    return f"<div>{player_tag(entry.path, 0.0, None)}{curve}</div>{caption}"


def _render_picture(answer: Answer) -> str:
    image = (
        missing_tag(answer.path)
        if answer.missing
        else picture_tag(answer.path, _LONG_SIDE, f"answer {answer.rank}")
    )
    caption = f"{answer.rank}. <b>{answer.score:.0%}</b> · {answer.mood}{_render_details(answer)}"
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _render_song(answer: Answer) -> str:
    start = 0.0 if answer.moment is None else answer.moment.start_s
    best = "" if answer.moment is None else f", best from {format_time(start)}"
    sound = missing_tag(answer.path) if answer.missing else player_tag(answer.path, start, _EXCERPT_S)
    return (
        f'<div class="song"><span class="feels">{answer.mood}{best}</span>'
        f"<b>{answer.score:.0%}</b> {html.escape(answer_name(answer))}{_render_details(answer)}"
        f"{sound}</div>"
    )


def _render_details(answer: Answer) -> str:
    """Return the parts of a caption that not every answer has: date, near-duplicates, explanation."""
    details = ""
    if answer.taken is not None:
        details += f" · {html.escape(answer.taken[:10])}"
    if answer.alike:
        details += f" · +{len(answer.alike)} alike"
    if answer.explanation is not None:
        details += f'<span class="why">{html.escape(answer.explanation)}</span>'
    return details
