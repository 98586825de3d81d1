"""Notes on the filters of a query: those that leave out more, or less, than somebody may expect."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from attune.core.errors import escape_path, escape_text
from attune.core.exclusion_rules import ExclusionRules
from attune.core.reachability import call_with_timeout
from attune.embedding.media_files import Kind
from attune.indexer.library import LibraryReader
from attune.indexer.records import Selection
from attune.retrieval.search import Filters, resolve_exclusions

_TIMEOUT_S = 2.0


def describe_filters(library: LibraryReader, kind: Kind, filters: Filters) -> tuple[str, ...]:
    """Return a sentence for each filter that people should know something about, or that has no effect.

    Args:
        library: The library that is searched.
        kind: Kind of the answers.
        filters: The filters of the query.

    Raises:
        UsageError: An exclusion is no valid pattern, or a path that does not belong to the library.
    """
    noun = "picture" if kind == "image" else "song"
    notes = [
        f"{escape_path(folder)}: no {noun} of the library lies below this folder"
        for folder in _iter_empty_folders(library, kind, filters)
    ]
    notes += [
        f"exclude {escape_text(text)}: matches nothing in this library"
        for text in _list_unused_exclusions(library, kind, filters)
    ]
    if filters.taken is not None and (undated := library.count_undated()):
        verbs = ("has", "is") if undated == 1 else ("have", "are")
        total = library.generation.images
        notes.append(f"{undated} of {total} pictures {verbs[0]} no date of capture and {verbs[1]} left out")
    if (absent := library.describe_absent_features()) is not None:
        notes.append(f"near-duplicates are not found, nor what files show: {absent}")
    return tuple(notes)


def _iter_empty_folders(library: LibraryReader, kind: Kind, filters: Filters) -> Iterator[str]:
    """Yield the folders of a filter below which the library has nothing, in any of their spellings."""
    spellings: dict[str, list[str]] = {}
    for folder in filters.below:
        spellings.setdefault(folder if filters.folder is None else _resolve(folder), []).append(folder)
    for names in spellings.values():
        if not library.has_any(kind, Selection(below=tuple(names))):
            yield names[0]


def _resolve(folder: str) -> str:
    try:
        return str(call_with_timeout(lambda: os.path.realpath(folder), _TIMEOUT_S))
    except TimeoutError:
        return folder


def _list_unused_exclusions(library: LibraryReader, kind: Kind, filters: Filters) -> list[str]:
    """Return the exclusions of a filter that match no file of the library, as they were typed.

    An exclusion that matches many files is soon found to; for one that matches none, all paths are read.
    """
    if not filters.exclude:
        return []
    roots = [root.path for root in library.roots()]
    unused = {}
    for text, rule in zip(filters.exclude, resolve_exclusions(roots, filters), strict=True):
        unused[text] = ExclusionRules(roots, [replace(rule, pattern=rule.pattern.removeprefix("!"))])
    kinds: tuple[Kind, ...] = ("image", "music") if kind == "image" else ("music", "image")
    for _, path in chain.from_iterable(library.paths(one) for one in kinds):
        for text in [text for text, rules in unused.items() if rules.excludes(path)]:
            del unused[text]
        if not unused:
            break
    return list(unused)
