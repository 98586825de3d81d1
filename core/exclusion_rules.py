"""Matching of paths with exclusions, folder by folder, as Git does it."""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from attune.core.exclusions import DEFAULT_EXCLUSIONS, Exclusion
from attune.core.paths import is_below


@dataclass(slots=True)
class _Rule:
    """One rule, compiled.

    Attributes:
        exclusion: The rule.
        matches: Function that tells whether a folded name or path matches.
        by_name: Whether only the name is compared, not the path relative to the root.
        folders_only: Whether only folders match.
        used: Whether anything has matched.
    """

    exclusion: Exclusion
    matches: Callable[[str], object]
    by_name: bool = True
    folders_only: bool = False
    used: bool = False


class _RuleSet(NamedTuple):
    """Consecutive rules that are relative to the same folder.

    Attributes:
        rank: How much the rules count: more than those of a lower rank.
        rules: The rules, the last one first, as it has the last word.
        for_files: Those that can match a file.
    """

    rank: int
    rules: list[_Rule]
    for_files: list[_Rule]


class _View(NamedTuple):
    """A set of rules as seen from a folder.

    Attributes:
        rules: The rules.
        prefix: Path of the folder relative to the base of the rules, folded, with a slash at its end.
    """

    rules: _RuleSet
    prefix: str


_Views = tuple[_View, ...]
"""Rules for what is in a folder, those of the highest rank first."""


class _Folder(NamedTuple):
    """What is known of a folder.

    Attributes:
        excluded: The rule that leaves it out; None: it is not left out.
        views: Rules for what is in it, for each root that it lies below.
    """

    excluded: _Rule | None
    views: tuple[_Views, ...]


class ExclusionRules:
    """Rules about what is left out, ready to be asked for many paths.

    A file is left out if it, or a folder above it below its root, is. As in Git, the last rule that matches
    decides, and what lies below an excluded folder cannot be brought back. A path rule counts before any
    pattern. Patterns ignore case and the normal form of Unicode.

    Args:
        roots: Absolute paths of the folders (or single files) that the library follows.
        exclusions: The rules; later ones count more. A pattern that is not valid matches nothing.
    """

    def __init__(self, roots: Sequence[str], exclusions: Iterable[Exclusion]) -> None:
        self._roots = frozenset(_with_slashes(root).rstrip("/") for root in roots)
        self._rules: list[_Rule] = []
        self._paths: dict[str, list[_Rule]] = {}
        self._sets: dict[str | None, list[_RuleSet]] = {}
        self._folders: dict[str, _Folder] = {}
        rules = list(exclusions)
        self._file_rules((rule for rule in rules if rule in _DEFAULTS), _DEFAULT_RANK)
        self._file_rules((rule for rule in rules if rule not in _DEFAULTS), _GIVEN_RANK)

    def add(self, exclusions: Iterable[Exclusion]) -> None:
        """Add rules for what lies below a folder, such as those of a `.attuneignore`.

        They count less than the rules that were given at first, and more than the default ones and those of
        folders above.

        Args:
            exclusions: The rules, each with the same `root`.
        """
        rules = list(exclusions)
        if rules:
            self._file_rules(rules, len(rules[0].root or ""))  # of folders within each other, the longest
            self._folders.clear()

    def unused(self) -> list[Exclusion]:
        """Return the rules, without the default ones, that nothing has matched so far."""
        return [rule.exclusion for rule in self._rules if not rule.used and rule.exclusion not in _DEFAULTS]

    def excludes(self, path: str, is_folder: bool = False) -> bool:
        """Return whether a file or folder is left out.

        Args:
            path: Absolute path.
            is_folder: Whether it is a folder.
        """
        path = _with_slashes(path)
        if is_folder:
            return self._find_folder(path).excluded is not None
        parent, _, name = path.rpartition("/")
        folder = self._folders.get(parent) or self._find_folder(parent)
        if path in self._roots:  # a root that is a single file
            folder = self._open(parent, folder.excluded, [*folder.views, self._view_root(parent, "")])
        return self._decide(folder, path, name, is_folder=False) is not None

    def _file_rules(self, exclusions: Iterable[Exclusion], rank: int) -> None:
        """Compile rules, and file them by the path or the folder that they concern."""
        for base, group in groupby(exclusions, key=lambda rule: rule.root):
            compiled = [_compile(rule) or _Rule(rule, _match_nothing) for rule in group]
            self._rules += compiled
            for rule in compiled:
                for path in self._spell_rule(rule.exclusion):
                    self._paths.setdefault(path, []).append(rule)
            files = [rule for rule in compiled if not rule.folders_only]
            base = None if base is None else _with_slashes(base).rstrip("/")
            self._sets.setdefault(base, []).append(_RuleSet(rank, compiled[::-1], files[::-1]))
            rank += 1

    def _spell_rule(self, rule: Exclusion) -> set[str]:
        """Return the paths of a path rule, composed: as given, and as they are spelled below each root."""
        if rule.path is None:
            return set()
        spelled = {rule.path}
        parent, name = os.path.split(rule.path)
        reals = {os.path.realpath(rule.path), os.path.join(os.path.realpath(parent), name)}  # noqa: PTH118
        for root in self._roots:
            real_root = os.path.realpath(root or "/").rstrip("/")
            for real in reals:
                if is_below(real, real_root):
                    spelled.add(root + real[len(real_root) :])
                elif is_below(real_root, real):
                    spelled.add(root)
        return {_compose(_with_slashes(path)) for path in spelled}

    def _find_folder(self, path: str) -> _Folder:
        """Return what is known of a folder, after those above it have been looked at."""
        missing = []
        while (known := self._folders.get(path)) is None and path:
            missing.append(path)
            path = path.rpartition("/")[0]
        if known is None:  # the root of the file system, which is that of all paths if none is named
            known = self._folders[""] = self._open("", None, [] if self._roots else [self._view_root("", "")])
        for path in reversed(missing):
            known = self._folders[path] = self._enter(known, path)
        return known

    def _enter(self, above: _Folder, path: str) -> _Folder:
        name = path.rpartition("/")[2]
        excluded = self._decide(above, path, name, is_folder=True)
        folded = fold_name(name) + "/"
        groups = [tuple(_View(view.rules, view.prefix + folded) for view in group) for group in above.views]
        return self._open(path, excluded, groups, folded)

    def _open(self, path: str, excluded: _Rule | None, groups: list[_Views], name: str = "") -> _Folder:
        """Return a folder with the rules that begin in it."""
        if path in self._roots:
            groups = [*groups, self._view_root(path, name)]
        if path in self._sets:
            added = [_View(rules, "") for rules in self._sets[path]]
            groups = [_sort_views([*group, *added]) for group in groups]
        return _Folder(excluded, tuple(groups))

    def _view_root(self, root: str, name: str) -> _Views:
        """Return the rules for what is in a root, without those for it alone.

        Default rules see the folded name of the root too, as it may be that of a photo library.
        """
        views = [_View(rules, name if rules.rank < _GIVEN_RANK else "") for rules in self._sets.get(None, ())]
        for base in self._sets:
            if base is not None and root.startswith(base + "/"):
                relative = fold_name(root[len(base) + 1 :]) + "/"
                views += [_View(rules, relative) for rules in self._sets[base]]
        return _sort_views(views)

    def _decide(self, above: _Folder, path: str, name: str, *, is_folder: bool) -> _Rule | None:
        """Return the rule that leaves a file or folder out; None: it is not left out."""
        excluded, groups = above
        if path in self._roots:  # somebody named it: only rules that somebody gave leave it out
            groups = tuple(tuple(v for v in group if v.rules.rank != _DEFAULT_RANK) for group in groups)
            if excluded is not None and excluded.exclusion in _DEFAULTS:
                excluded = None
        if excluded is not None:
            return excluded
        if self._paths and (rules := self._paths.get(_compose(path))):
            for rule in rules:
                rule.used = True
            return None if rules[-1].exclusion.lifts else rules[-1]
        folded = fold_name(name)
        for group in groups:
            found = _find_match(group, folded, is_folder=is_folder)
            if found is not None and not found.exclusion.lifts:
                excluded = found
        return excluded


_SEPARATOR: Final = os.sep
_DEFAULTS: Final = frozenset(DEFAULT_EXCLUSIONS)
_DEFAULT_RANK: Final = -1
_GIVEN_RANK: Final = 1 << 20  # above the length of any path


def _sort_views(views: Iterable[_View]) -> _Views:
    return tuple(sorted(views, key=lambda view: -view.rules.rank))


def _find_match(views: _Views, name: str, *, is_folder: bool) -> _Rule | None:
    """Return the rule that has the last word on a folded name; all that match are marked as used."""
    found = None
    for rules, prefix in views:
        for rule in rules.rules if is_folder else rules.for_files:
            if rule.matches(name if rule.by_name else prefix + name):
                rule.used = True
                if found is None:
                    found = rule
    return found


def _with_slashes(path: str) -> str:
    """Return a path with slashes between its names, as patterns have them on every system."""
    return path if _SEPARATOR == "/" else path.replace(_SEPARATOR, "/")


def _match_nothing(_text: str) -> None:
    return None


def is_valid(rule: Exclusion) -> bool:
    """Return whether a rule names a path, or its pattern is valid."""
    return _compile(rule) is not None


def _compile(rule: Exclusion) -> _Rule | None:
    """Return a rule, compiled; None if its pattern is not valid."""
    if rule.path is not None:
        return _Rule(rule, _match_nothing)  # it is found by its path
    body = rule.pattern.removeprefix("!")
    folders_only = body.endswith("/")
    body = fold_name(body.removesuffix("/"))
    expression = _translate(body) if body else None
    if expression is None:
        return None
    return _Rule(rule, expression.fullmatch, "/" not in body, folders_only)


_STAR: Final = "[^/]*"
"""What pathspec writes for a `*`."""


def _translate(pattern: str) -> re.Pattern[str] | None:
    """Return an expression that matches a path as a whole if a pattern does; None if it is not valid.

    Other than pathspec's own, it does not match what lies below a path that matches: whoever asks goes from
    folder to folder, as Git does.

    Args:
        pattern: A pattern in Git's syntax, folded, without `!` in front or a slash at the end.
    """
    from pathspec.patterns.gitignore import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    head, slash, last = pattern.rpartition("/")
    if last in ("*", "**"):  # pathspec shortens these to expressions that match parts of paths
        pattern = f"{head}{slash}{'**/' if slash and last == '**' else ''}?*"
    if not slash:  # it is compared with a single name
        pattern = "/" + pattern
    elif pattern[0] in "!#":
        pattern = "\\" + pattern
    try:
        regex, _ = GitIgnoreSpecPattern.pattern_to_regex(pattern)
    except GitIgnorePatternError:
        return None
    if regex is None:
        return None
    regex = re.sub(r"\[\^(?!/\])", "[^/", regex)  # a class such as [!a] matches no slash
    first, *parts = regex.split(_STAR)
    # Without atomic groups, a pattern of many stars may take years for one name. Only the last star of a name
    # may have to give back what it took; it is followed by a slash or by the end, which holds one.
    atomic = (_STAR + part if "/" in part else f"(?>{_STAR}?{part})" for part in parts)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # `[[` and the like have no other meaning yet
            return re.compile(first + "".join(atomic), re.DOTALL)
    except re.error:
        return None


def _compose(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold_name(text: str) -> str:
    """Return text that is equal for names that differ in case or in the normal form of Unicode only.

    The number of characters stays: `?` is one.
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFC", text)
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(char.casefold() if len(char.casefold()) == 1 else char for char in text)
