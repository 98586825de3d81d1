"""Reader and writer of `plan.json`, which people may edit by hand, with precise error messages."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from attune.core.atomic_files import atomic_write
from attune.core.errors import UsageError, escape_path
from attune.core.paths import absolute_path
from attune.core.reachability import find_missing
from attune.embedding.media_files import kind_of
from attune.retrieval.answers import describe_missing
from attune.retrieval.seeds import MissingFile, media_kind
from attune.retrieval.story.film_plan import FilmPlan, Shot

_MAX_BYTES: Final = 50_000_000  # the plan of half an hour has 300 KB
_TOLERANCE_S: Final = 0.002  # times in the file are rounded to milliseconds
_MAX_FADE_S: Final = 10.0


def write_plan(plan: FilmPlan, path: Path) -> None:
    """Write a plan as indented JSON, with all beats on one line.

    Raises:
        OSError: The file cannot be written.
    """
    document = plan.to_json()
    lines = [
        f'  "{key}": ' + (json.dumps(value) if key == "beats_s" else _indent_json(value))
        for key, value in document.items()
    ]
    with atomic_write(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _indent_json(value: Any) -> str:
    return json.dumps(value, indent=2).replace("\n", "\n  ")


def read_plan(path: Path) -> FilmPlan:
    """Read a plan, which a person may have edited.

    Relative paths are relative to the plan's folder. Spans that miss one another by at most 2 ms, the error
    of rounding, are joined. A picture that is not there now leaves its time to its neighbour, and a note says
    so. Required are `attune_plan`, `song` and `spans`, and in each span `start_s`,
    `end_s` and `picture`.

    Raises:
        UsageError: The file is not a plan, its song or all of its pictures are missing, its spans leave a gap
            or overlap, or it contains a picture twice.
    """
    document = _load(path)
    spans = document.get("spans")
    if not isinstance(spans, list) or not spans:
        raise UsageError(
            f'{escape_path(path)}: not a plan: its "spans" must be a list with at least one span'
        )
    song = _parse_file(path, document, "song", "music", "the plan")
    shots: list[Shot] = []
    for number, span in enumerate(spans, start=1):
        if not isinstance(span, dict):
            raise UsageError(f"{escape_path(path)}: span {number} is not an object in braces")
        shots.append(_parse_shot(path, span, number, shots))
    shots, missing = _leave_out_missing(path, shots)
    return FilmPlan(
        song=song,
        title=str(document.get("title") or ""),
        duration_s=shots[-1].end_s,
        tempo_bpm=_parse_number(path, document, "tempo_bpm", "the plan", 0.0),
        beats_s=[beat for beat in _as_list(document.get("beats_s")) if isinstance(beat, int | float)],
        shots=shots,
        notes=[*(str(note) for note in _as_list(document.get("notes"))), *missing],
    )


def _leave_out_missing(path: Path, shots: list[Shot]) -> tuple[list[Shot], list[str]]:
    """Return the shots whose pictures are there now, and a note on the others."""
    missing = find_missing(shot.picture for shot in shots)
    if not missing:
        return shots, []
    first = next(escape_path(shot.picture) for shot in shots if shot.picture in missing)
    kept: list[Shot] = []
    for shot in shots:
        if shot.picture not in missing:
            kept.append(shot if kept else replace(shot, start_s=0.0, fade_s=0.0))
        elif kept:
            kept[-1] = replace(kept[-1], end_s=shot.end_s)
    if not kept:
        raise UsageError(f"{escape_path(path)}: none of its pictures is there now, {first} first")
    return kept, [f"{describe_missing(len(missing), len(shots), 'picture', 'the film')}, {first} first"]


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{escape_path(path)}: too large for a plan")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{escape_path(path)}: cannot be read ({error.strerror})") from error
    except json.JSONDecodeError as error:
        raise UsageError(f"{escape_path(path)}: line {error.lineno}: {error.msg}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{escape_path(path)}: not JSON") from error
    if not isinstance(document, dict) or document.get("attune_plan") != 1:
        raise UsageError(f'{escape_path(path)}: not a plan of `attune storyboard` ("attune_plan" is not 1)')
    return document


def _parse_shot(path: Path, span: dict[str, Any], number: int, previous: list[Shot]) -> Shot:
    where = f"span {number}"
    start_s, end_s = _parse_number(path, span, "start_s", where), _parse_number(path, span, "end_s", where)
    previous_end_s = previous[-1].end_s if previous else 0.0
    if abs(start_s - previous_end_s) > _TOLERANCE_S:
        expected = (
            f"span {number - 1} ends at {previous_end_s:g}" if previous else "the first must start at 0"
        )
        raise UsageError(f"{escape_path(path)}: {where} starts at {start_s:g}, but {expected}")
    if end_s <= previous_end_s:
        raise UsageError(f"{escape_path(path)}: {where} ends at {end_s:g}, not after its start")
    picture = _parse_file(path, span, "picture", "image", where)
    for earlier, shot in enumerate(previous, start=1):
        if shot.picture == picture:
            raise UsageError(f"{escape_path(path)}: {where} shows the same picture as span {earlier}")
    place = span.get("place", span)  # plans of earlier versions have the two numbers in the span itself
    if not isinstance(place, dict):
        raise UsageError(f'{escape_path(path)}: {where}: "place" must hold "valence" and "arousal"')
    score, taken = span.get("score"), span.get("taken")
    return Shot(
        start_s=previous_end_s,
        end_s=end_s,
        picture=picture,
        section=int(_parse_number(path, span, "section", where, 1.0)),
        fade_s=min(max(_parse_number(path, span, "fade_s", where, 0.5), 0.0), _MAX_FADE_S),
        arousal=_parse_number(path, place, "arousal", where, 0.0),
        valence=_parse_number(path, place, "valence", where, 0.0),
        score=None if score is None else _parse_number(path, span, "score", where),
        why=str(span.get("why") or ""),
        taken=None if taken is None else str(taken),
    )


def _parse_number(
    path: Path, source: dict[str, Any], key: str, where: str, default: float | None = None
) -> float:
    value = source.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f'{escape_path(path)}: {where}: "{key}" must be a number')
    return float(value)


def _parse_file(path: Path, source: dict[str, Any], key: str, kind: str, where: str) -> str:
    name = source.get(key)
    if not isinstance(name, str) or not name or "\0" in name:
        raise UsageError(f'{escape_path(path)}: {where}: "{key}" must be the path of a file')
    full = absolute_path(path.absolute().parent / name)
    try:
        found = media_kind(full)
    except MissingFile:
        if kind != "image":  # a picture's place is taken by its neighbour
            raise
        found = kind_of(full) or "image"
    if found != kind:
        noun = "a picture" if kind == "image" else "music"
        raise UsageError(f"{escape_path(path)}: {where}: {escape_path(full)} is not {noun}")
    return full


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
