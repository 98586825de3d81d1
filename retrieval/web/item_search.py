"""Search of items by words of their names, and random selection of items."""

from __future__ import annotations

import random
from pathlib import PurePath

from attune.embedding.media_files import Kind
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item


class ItemSearch:
    """Search by name over the items of one generation; the names are read once, at the first search.

    Args:
        library: The library, opened at this generation.
    """

    def __init__(self, library: LibraryReader) -> None:
        self._library = library
        self._names: dict[Kind, list[tuple[int, str]]] = {}

    def find(self, kind: Kind, text: str, limit: int) -> list[Item]:
        """Return the items that contain every word of a text, sorted by path.

        Args:
            kind: The kind of items to search.
            text: Words, compared without regard to case with the last three parts of the path and, for music,
                with title and artist.
            limit: Maximum number of items.
        """
        words = text.casefold().split()
        found = [item for item, name in self._load_names(kind) if all(word in name for word in words)]
        return self._items(found[:limit])

    def draw(self, kind: Kind, seed: int, limit: int) -> list[Item]:
        """Return up to `limit` items at random; the same ones for the same seed."""
        names = self._load_names(kind)
        positions = random.Random(seed).sample(range(len(names)), min(limit, len(names)))
        return self._items([names[position][0] for position in positions])

    def _items(self, ids: list[int]) -> list[Item]:
        items = self._library.items(ids)
        return [items[item] for item in ids]

    def _load_names(self, kind: Kind) -> list[tuple[int, str]]:
        if kind not in self._names:
            paths = sorted(self._library.paths(kind), key=lambda pair: pair[1])
            tags = self._library.items([item for item, _ in paths]) if kind == "music" else {}
            self._names[kind] = [(item, _search_text(path, tags.get(item))) for item, path in paths]
        return self._names[kind]


def _search_text(path: str, item: Item | None) -> str:
    tags = (item.title, item.artist) if item is not None else ()
    return " ".join([*PurePath(path).parts[-3:], *(tag for tag in tags if tag)]).casefold()
