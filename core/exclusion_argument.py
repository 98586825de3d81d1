"""What a text means that somebody typed as an exclusion: a path in any spelling, or a pattern."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from attune.core.errors import UsageError, escape_path, escape_text
from attune.core.exclusion_rules import fold_name, is_valid
from attune.core.exclusions import Exclusion, strip_blanks
from attune.core.paths import absolute_path, is_below, path_from_uri

_MAX_PATH: Final = 4096
"""Largest number of bytes of a path on Linux."""


def resolve_exclusion(text: str, roots: Sequence[str], folder: str | None) -> Exclusion:
    """Return the rule that a text stands for: a path where it names one, otherwise a pattern in Git's syntax.

    An absolute path, one that begins with `./` or `../`, and a `file://` address name a path. Any other text
    names one if a file or folder of that name exists in `folder` and belongs to the roots.

    Args:
        text: What somebody typed: a path, or a pattern; with `!` in front it lifts earlier rules.
        roots: Absolute paths of the folders that the library follows.
        folder: Absolute path of the current folder; None: there is none.

    Raises:
        UsageError: The text is empty or no valid pattern, or names a path that does not belong to the roots.
    """
    if not text.strip():
        raise UsageError("an exclusion is a path or a pattern, not an empty text")
    _require_name(text)
    text = path_from_uri(text)
    _require_name(text)
    if folder is not None and text.startswith("~/"):
        text = os.path.expanduser(text)  # noqa: PTH111 - no shell does so in `--exclude=~/photos`
    if Path(text).is_absolute():
        rule = _resolve_absolute(text, roots)
    elif _is_dotted(text):
        rule = _resolve_dotted(text, roots, folder)
    else:
        rule = _resolve_name(text, roots, folder)
    if rule is not None:
        return rule
    if text.startswith("!") and not text.startswith("!!"):
        lifted = resolve_exclusion(text[1:], roots, folder)
        return Exclusion(f"!{lifted.pattern}", lifted.path, lifted.root)
    rule = Exclusion(strip_blanks(text))
    if not is_valid(rule):
        raise UsageError(f"{escape_text(text)}: neither a path nor a valid pattern")
    return rule


def _require_name(text: str) -> None:
    try:
        name = os.fsencode(text)
    except UnicodeEncodeError:
        name = b"\0"
    if b"\0" in name or len(name) > _MAX_PATH:
        raise UsageError(f"{escape_text(text[:80])}: no file may have this name")


def _resolve_absolute(text: str, roots: Sequence[str]) -> Exclusion | None:
    path = absolute_path(text)
    exists = os.path.lexists(path)
    place = _respell(path, roots)
    if place is None:
        # `/private` may exist and nevertheless mean the folder of that name in a root.
        anchored = any(os.path.lexists(root + path) for root in roots)
        return _exclude_path(path) if exists and (_holds_root(path, roots) or not anchored) else None
    root, relative = place
    if not exists and _is_glob(relative, away=not os.path.lexists(root)):
        return Exclusion(relative + ("/" if text.endswith("/") else ""), root=root)
    return _exclude_path(_join(place))


def _resolve_dotted(text: str, roots: Sequence[str], folder: str | None) -> Exclusion | None:
    """Return the rule for a text with `./` or `../` in front, which cannot be a pattern."""
    found = _find_named(text, folder, roots) or next(
        iter(_find_below(text, [*roots, *_parents(roots)], roots)), None
    )
    if found is not None:
        return _exclude_path(found)
    if folder is not None:
        path = os.path.join(folder, text)  # noqa: PTH118 - pathlib drops the slash at the end
        if _respell(absolute_path(path), roots) is not None:
            return _resolve_absolute(path, roots)
    raise UsageError(f"{escape_path(text)}: names nothing in the folders of the library")


def _resolve_name(text: str, roots: Sequence[str], folder: str | None) -> Exclusion | None:
    found = _find_named(text, folder, roots)
    if found is not None:
        return _exclude_path(found)
    below = _find_below(text, roots, roots)
    if _is_glob(text) and below:  # in Git's syntax, the name would not match itself
        return _exclude_path(below[0]) if len(below) == 1 else Exclusion("/" + _escape_glob(text.rstrip("/")))
    if "/" in text.rstrip("/") and not below:  # it may begin with the name of a root
        beside = _find_below(text, _parents(roots), roots)
        return _exclude_path(beside[0]) if beside else None
    return None


def _exclude_path(path: str) -> Exclusion:
    return Exclusion(escape_path(path), path)


def _find_named(text: str, folder: str | None, roots: Sequence[str]) -> str | None:
    """Return the path that a relative text names in a folder, if it exists and belongs to the roots."""
    if folder is None or not os.path.lexists(path := absolute_path(Path(folder, text))):
        return None
    place = _respell(path, roots)
    return _join(place) if place else path if _holds_root(path, roots) else None


def _find_below(text: str, folders: Iterable[str], roots: Sequence[str]) -> list[str]:
    """Return the existing paths below the roots that a relative text names in the folders, each once."""
    paths = (absolute_path(Path(folder, text)) for folder in folders)
    places = (_respell(path, roots) for path in paths if os.path.lexists(path))
    return list(dict.fromkeys(_join(place) for place in places if place is not None))


def _parents(paths: Iterable[str]) -> list[str]:
    return [str(Path(path).parent) for path in paths]


def _is_dotted(text: str) -> bool:
    return text.split("/", 1)[0] in (".", "..")


def _is_glob(text: str, *, away: bool = False) -> bool:
    """Return whether characters of a text mean something in a pattern.

    Args:
        text: The text.
        away: Whether brackets and backslashes are more likely to be part of a name that cannot be looked up.
    """
    return any(char in text for char in ("*?" if away else "*?[\\")) or text.startswith(("!", "#"))


def _escape_glob(text: str) -> str:
    return re.sub(r"([\\*?\[\]])", r"\\\1", text)


def _holds_root(path: str, roots: Iterable[str]) -> bool:
    """Return whether a path is one of the roots or a folder above one."""
    real = os.path.realpath(path)
    return any(is_below(root, path) or is_below(os.path.realpath(root), real) for root in roots)


def _respell(path: str, roots: Sequence[str]) -> tuple[str, str] | None:
    """Return how the library spells a path: a root and what follows it; None if the path is below no root."""
    for candidate in dict.fromkeys((path, os.path.realpath(path))):
        for ancestor in map(str, (Path(candidate), *Path(candidate).parents)):
            for root in roots:
                if ancestor == root or _is_same(ancestor, root):
                    return root, _spell_as_listed(root, candidate[len(ancestor.rstrip("/")) :])
    return None


def _join(place: tuple[str, str]) -> str:
    root, relative = place
    return root.rstrip("/") + relative or "/"


def _is_same(path: str, other: str) -> bool:
    try:
        return Path(path).samefile(other)
    except OSError:
        return False


def _spell_as_listed(folder: str, relative: str) -> str:
    """Return what follows a folder in a path, each name as its folder lists it: a disk may ignore case."""
    spelled = ""
    for name in relative.split("/"):
        if name:
            spelled += "/" + _find_listed_name(folder + spelled, name)
    return spelled


def _find_listed_name(folder: str, name: str) -> str:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return name
    if name in names:
        return name
    path, folded = os.path.join(folder, name), fold_name(name)  # noqa: PTH118
    alike = (other for other in names if fold_name(other) == folded)
    return next((other for other in alike if _is_same(os.path.join(folder, other), path)), name)  # noqa: PTH118
