"""What a network shows for a small collection, such as the shipped samples: moods of the first answers.

The mood of a file is the word that people see: the nearest of the named moods to its place
(`attune.retrieval.mood_words`). A first answer is right if it has the word of its question. Only the words of
at least `FEWEST_PICTURES` pictures and one song are counted, both ways: of the others there is nothing right
to show, or too little to tell. Both sides are judged by the network itself, so that this tells whether the
order keeps what the words promise, not whether the words are true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attune.core.progress import Progress
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer, QueryEntry
from attune.retrieval.mood_words import MOODS
from attune.retrieval.queries import find
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver

DEPTH = 10
"""Answers that are found for each file."""

FEWEST_PICTURES = 3

_SET = 3


@dataclass(frozen=True, slots=True)
class Question:
    """A file of the collection, with its first answers of the other kind.

    Attributes:
        entry: The file and its mood.
        answers: At most `DEPTH` answers, best first.
    """

    entry: QueryEntry
    answers: Sequence[Answer]

    @property
    def right(self) -> bool:
        """Whether the first answer has the mood of the file."""
        return bool(self.answers) and self.answers[0].mood == self.entry.mood


def ask_each_file(library: LibraryReader, network: Network, kind: Kind, progress: Progress) -> list[Question]:
    """Query a library with each of its own files of one kind, in order of paths.

    Args:
        library: The library.
        network: The network of that library.
        kind: Kind of the questions; answers are of the other kind.
        progress: Receives the number of finished queries.
    """
    seeds = QueryResolver(library, network)
    paths = sorted(path for _, path in library.paths(kind))
    progress.start(f"queries: {kind}", len(paths))
    questions = []
    for path in paths:
        answers = find(library, network, seeds, [path], Filters(limit=DEPTH))
        questions.append(Question(answers.query[0], answers.results))
        progress.advance()
    progress.finish()
    return questions


def summarize_samples(pictures: Sequence[Question], songs: Sequence[Question]) -> dict[str, Any]:
    """Return how often first answers have the mood of their question, and how varied answers are.

    Args:
        pictures: Every picture with the songs that are found for it.
        songs: Every song with the pictures that are found for it.

    Returns:
        A JSON document: for `image_to_music` and `music_to_image`, `words` (a row for each word that counts:
        its files on both sides and the `right` ones), `files` and `right` over these words; `asked`, the
        number of all questions, `sets`, how many different sets the first three answers form, and
        `most_frequent`: the answer that is in most of these sets, by its path, and in how many it is.
    """
    counts = {
        kind: Counter(question.entry.mood for question in side)
        for kind, side in (("image", pictures), ("music", songs))
    }
    words = [
        word for word in MOODS if counts["image"][word] >= FEWEST_PICTURES and counts["music"][word] >= 1
    ]
    return {
        "image_to_music": _summarize_way(pictures, words, counts["music"]),
        "music_to_image": _summarize_way(songs, words, counts["image"]),
    }


def _summarize_way(
    questions: Sequence[Question], words: Sequence[str], gallery: Counter[str]
) -> dict[str, Any]:
    rows = []
    for word in words:
        own = [question for question in questions if question.entry.mood == word]
        rows.append(
            {
                "word": word,
                "files": len(own),
                "in_gallery": gallery[word],
                "right": sum(question.right for question in own),
            }
        )
    firsts = [frozenset(answer.path for answer in question.answers[:_SET]) for question in questions]
    shown = Counter(path for paths in firsts for path in sorted(paths))
    path, times = shown.most_common(1)[0] if shown else (None, 0)
    return {
        "words": rows,
        "files": sum(row["files"] for row in rows),
        "right": sum(row["right"] for row in rows),
        "asked": len(questions),
        "sets": len(set(firsts)),
        "most_frequent": {"path": path, "sets": times},
    }
