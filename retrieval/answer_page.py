"""Self-contained HTML page of answers: one file with pictures, players, mood curves and the plane."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attune.core.errors import escape_path
from attune.embedding.media_files import Kind
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
from attune.retrieval.render_text import format_fit, format_time

_TEMPLATE = Path(__file__).with_name("page.html")
_LONG_SIDE = 420
_EXCERPT_S = 30.0
_EVEN = 0.5  # below it, picture and song more likely differ in mood than share one
_CLOSENESS = "The percentage says how near an answer lies to the point; 100% is the point itself."
_STEPS = "The percentage says how near a step lies to its place on the line between the rings."
_NOUNS: dict[Kind, str] = {"image": "pictures", "music": "songs"}


@dataclass(frozen=True, slots=True)
class Section:
    """One query of a page.

    Attributes:
        title: Its heading.
        answers: Its answers.
        moods: The moods of the query's files, with curves for songs; empty for a point of the plane.
        path: Places that a line on the plane joins, if the answers are a journey; otherwise empty.
    """

    title: str
    answers: Answers
    moods: Sequence[Mood] = ()
    path: Sequence[tuple[float, float]] = ()


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
    render = _render_picture if pictures else _render_song
    mixed = all(entry.kind != answers.kind for entry in answers.query)
    cards = [render(answer, unlikely=mixed and answer.worth < _EVEN) for answer in answers.results]
    moods = {mood.entry.path: mood for mood in section.moods}
    entries = "\n".join(_render_query_entry(entry, moods.get(entry.path)) for entry in answers.query)
    cards_html = "".join(cards) or '<p class="lost">Nothing in the library matches.</p>'
    notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in answers.notes)
    return f"""
<section>
  <div class="ask">
    <h2>{html.escape(section.title)}</h2>
    {entries}{notes}
    {plane_svg(answers.query, answers.results, section.path)}
    {_render_help(section, mixed=mixed)}
  </div>
  <div class="{"pictures" if pictures else "songs"}">{cards_html}</div>
</section>"""


def _render_help(section: Section, *, mixed: bool) -> str:
    """Return what the numbers of answers mean, folded up.

    Args:
        section: The query.
        mixed: Whether pictures are compared with songs, so that a score is a chance.
    """
    answers = section.answers
    if not answers.results:
        return ""
    if answers.results[0].score is not None:
        text = _explain_scores(answers.kind, mixed=mixed)
    else:
        text = _STEPS if section.path else _CLOSENESS
    return f"<details><summary>What the numbers mean</summary><p>{text}</p></details>"


def _explain_scores(kind: Kind, *, mixed: bool) -> str:
    percentage = (
        "The percentage is the chance that picture and song share a mood (50%: as likely as not), or, if a "
        "mood was named, the mean of that chance and of the closeness to it"
        if mixed
        else "The percentage gives the order; between files of one kind it is no chance"
    )
    return (
        f"{percentage}. “Better than” says how many of the library's other {_NOUNS[kind]} suit the "
        "query less. “Same polarity” is coarser: the chance that both are positive, both neutral or both "
        "negative."
    )


def _render_query_entry(entry: QueryEntry, mood: Mood | None) -> str:
    if entry.path is None:
        return f"<p><b>{entry.mood}</b><br>pleasant {entry.valence:+.2f}, lively {entry.arousal:+.2f}</p>"
    name = html.escape(escape_path(Path(entry.path).name))
    position = f"valence {entry.valence:+.2f}, arousal {entry.arousal:+.2f}"
    caption = f"<p>{name} <b>feels {entry.mood}</b><br>{position}</p>"
    if entry.missing:
        return missing_tag(entry.path) + caption
    if entry.kind == "image":
        return picture_tag(entry.path, _LONG_SIDE, "the picture of the query") + caption
    curve = curve_svg(mood.curve) if mood is not None and mood.curve else ""
    return f"<div>{player_tag(entry.path, 0.0, None)}{curve}</div>{caption}"


def _render_picture(answer: Answer, *, unlikely: bool) -> str:
    image = (
        missing_tag(answer.path)
        if answer.missing
        else picture_tag(answer.path, _LONG_SIDE, f"answer {answer.rank}")
    )
    caption = f"{answer.rank}. {answer.mood}{_render_details(answer)}"
    numbers = f"{_render_numbers(answer, unlikely=unlikely)}{_render_explanation(answer)}"
    return f"<figure>{image}<figcaption>{caption}{numbers}</figcaption></figure>"


def _render_song(answer: Answer, *, unlikely: bool) -> str:
    start = 0.0 if answer.moment is None else answer.moment.start_s
    best = "" if answer.moment is None else f", best from {format_time(start)}"
    sound = missing_tag(answer.path) if answer.missing else player_tag(answer.path, start, _EXCERPT_S)
    return (
        f'<div class="song"><span class="feels">{answer.mood}{best}</span>'
        f"{answer.rank}. <b>{html.escape(answer_name(answer))}</b>{_render_details(answer)}"
        f"{_render_numbers(answer, unlikely=unlikely)}{_render_explanation(answer)}{sound}</div>"
    )


def _render_numbers(answer: Answer, *, unlikely: bool) -> str:
    """Return a bar as long as the score or closeness, its percentage, and fit and correspondence if known."""
    bar = f'<i class="{"unlikely" if unlikely else ""}" style="--share:{answer.worth:.4f}"></i>'
    parts, title = [f"<b>{answer.worth:.1%}</b>"], ""
    if answer.fit is not None:
        others = "all others" if answer.fit == 1.0 else format_fit(answer.fit)
        parts.append(f"<span>better than {others}</span>")
    if answer.correspondence is not None:
        title = f"same polarity: {answer.correspondence:.0%}"
        parts.append(f'<span class="polarity">{title}</span>')
    return f'<div class="numbers" title="{title}">{bar}{"".join(parts)}</div>'


def _render_details(answer: Answer) -> str:
    """Return the parts of a caption that not every answer has: date and near-duplicates."""
    details = ""
    if answer.taken is not None:
        details += f" · {html.escape(answer.taken[:10])}"
    if answer.alike:
        details += f" · +{len(answer.alike)} alike"
    return details


def _render_explanation(answer: Answer) -> str:
    explanation = answer.explanation
    return "" if explanation is None else f'<span class="why">{html.escape(explanation)}</span>'
