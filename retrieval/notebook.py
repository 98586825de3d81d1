"""HTML of answers and moods for notebooks: a thumbnail for a picture, a player for a song."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from attune.core.errors import MediaError, escape_path
from attune.embedding.media_files import Kind
from attune.retrieval.answers import Answer, QueryEntry
from attune.retrieval.audio_clip import encode_mp3_clip
from attune.retrieval.html_parts import answer_name, data_uri, missing_tag, picture_tag
from attune.retrieval.match import Match
from attune.retrieval.render_text import describe_verdicts, format_fit, format_time

_LONG_SIDE: Final = 240
_EXCERPT_S: Final = 15.0
_MAX_ROWS: Final = 50
_CARD: Final = "display:inline-block;vertical-align:top;margin:0 1em 1em 0;max-width:300px"


def render_answers(answers: Sequence[Answer]) -> str:
    """Return the answers of a search as cards, best first."""
    cards = "".join(render_answer(answer) for answer in answers)
    return f"<div>{cards or 'Nothing in the library matches.'}</div>"


def render_answer(answer: Answer) -> str:
    """Return an answer as a card with its rank, its score and fit (or closeness) and its mood."""
    start_s = answer.moment.start_s if answer.moment is not None else None
    best = "" if start_s is None else f", best from {format_time(start_s)}"
    fit = "" if answer.fit is None else f", better than {format_fit(answer.fit)}"
    caption = f"{answer.rank}. {answer_name(answer)}: {answer.worth:.1%}{fit}, {answer.mood}{best}"
    if answer.missing:
        return _render_figure(missing_tag(answer.path), caption)
    return _render_card(answer.path, answer.item.kind, start_s or 0.0, caption)


def render_match(match: Match) -> str:
    """Return the comparison of a picture and a song as two cards and three sentences."""
    verdicts = " ".join(describe_verdicts(match))
    return (
        f"<div><p><b>{html.escape(verdicts)}</b> {html.escape(match.why[0].upper() + match.why[1:])}.</p>"
        f"{_render_entry(match.image, 0.0)}{_render_entry(match.music, match.moment.start_s)}</div>"
    )


def render_file(path: str, kind: Kind, mood: str, valence: float, arousal: float) -> str:
    """Return a file as a card with its mood."""
    name = escape_path(Path(path).name)
    return _render_card(path, kind, 0.0, f"{name}: {mood}, valence {valence:+.2f}, arousal {arousal:+.2f}")


def render_table(header: Sequence[str], rows: Sequence[Iterable[Any]]) -> str:
    """Return a table of the first 50 rows, with the number of those that are left out."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_format_cell(cell))}</td>" for cell in row) + "</tr>"
        for row in rows[:_MAX_ROWS]
    )
    more = f"<p>and {len(rows) - _MAX_ROWS} more rows</p>" if len(rows) > _MAX_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _render_entry(entry: QueryEntry, start_s: float) -> str:
    assert entry.path is not None and entry.kind is not None
    caption = f"{escape_path(Path(entry.path).name)}: {entry.mood}"
    if entry.missing:
        return _render_figure(missing_tag(entry.path), caption)
    return _render_card(entry.path, entry.kind, start_s, caption)


def _render_card(path: str, kind: Kind, start_s: float, caption: str) -> str:
    media = picture_tag(path, _LONG_SIDE, caption) if kind == "image" else _render_excerpt(path, start_s)
    return _render_figure(media, caption)


def _render_figure(media: str, caption: str) -> str:
    return f'<figure style="{_CARD}">{media}<figcaption>{html.escape(caption)}</figcaption></figure>'


def _render_excerpt(path: str, start_s: float) -> str:
    """Return a player with an excerpt, or the reason if there is none; a notebook runs no script of ours."""
    try:
        excerpt = encode_mp3_clip(path, start_s, _EXCERPT_S)
    except MediaError as error:
        return f"<p>{html.escape(error.reason)}</p>"
    return f'<audio controls preload="metadata" src="{data_uri("audio/mpeg", excerpt)}"></audio>'


def _format_cell(value: Any) -> str:
    return f"{value:+.2f}" if isinstance(value, float) else escape_path(str(value))
