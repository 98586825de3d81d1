"""One-line explanations of what words, a mood or a point have to do with an answer."""

from __future__ import annotations

from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer
from attune.retrieval.place_words import describe_place, format_place
from attune.retrieval.words.aims import Aim, Target
from attune.retrieval.words.meaning import Meaning


def explain_target(target: Target, library: LibraryReader, answer: Answer) -> str:
    """Return one line on what a target and an answer have in common.

    Args:
        target: What the answer should be near to, and far from.
        library: The library that was searched.
        answer: The answer.
    """
    parts = [_explain(aim, library, answer, "words") for aim in target.aims]
    parts += [_explain(aim, library, answer, "not wanted") for aim in target.unwanted]
    return "; ".join(parts)


def explain_meaning(target: Target, library: LibraryReader, answer: Answer) -> str:
    """Return one line on what the words of a target name in an answer; empty if they name nothing."""
    named = [_describe(aim.meaning, library, answer) for aim in target.aims if aim.meaning is not None]
    return f"words: {'; '.join(named)}" if named else ""


def _explain(aim: Aim, library: LibraryReader, answer: Answer, name: str) -> str:
    parts = []
    if aim.place is not None:
        noun = "picture" if answer.item.kind == "image" else "song"
        parts.append(f"{noun} {describe_place(answer.place)} (place {format_place(answer.place)})")
    if aim.meaning is not None:
        parts.append(_describe(aim.meaning, library, answer))
    return f"{name if aim.text is not None else aim.name}: {', '.join(parts)}"


def _describe(meaning: Meaning, library: LibraryReader, answer: Answer) -> str:
    return meaning.describe(library, answer.item.id) or "nothing that they name was recognised"
