"""Note on answers of which even the best one suits its query poorly."""

from __future__ import annotations

from collections.abc import Sequence

from attune.embedding.media_files import Kind
from attune.retrieval.answers import Answer, QueryEntry
from attune.retrieval.words.aims import Target

_NOUNS: dict[Kind, str] = {"image": "picture", "music": "song"}


def describe_poor_match(
    kind: Kind, query: Sequence[QueryEntry], answers: Sequence[Answer], target: Target
) -> tuple[str, ...]:
    """Return a sentence if the best answer more likely has another mood than that of the query.

    Nothing is said of answers that are not the first ones of a ranking, nor of those of the query's own kind,
    whose scores only give an order.

    Args:
        kind: Kind of the answers.
        query: The files of the query.
        answers: The answers, best first.
        target: What the answers should also be near to, and far from.
    """
    if not answers or answers[0].rank > 1 or any(entry.kind == kind for entry in query):
        return ()
    score = answers[0].worth
    if round(score, 3) >= 0.5:
        return ()
    noun, other = _NOUNS[kind], _NOUNS["music" if kind == "image" else "image"]
    owner = f"the {other}'s" if len(query) == 1 else f"the {other}s'"
    poor = f"even the best {noun} is a poor match: "
    if target:
        names = " and ".join(aim.name for aim in target.aims)
        nearness = f", the mean of the chance that it shares {owner} mood and of its closeness to {names}"
        far = " and ".join(aim.name for aim in target.unwanted)
        rest = f", lowered by its closeness to {far}" if far else ""
        return (f"{poor}its score is {score:.1%}{nearness if names else ''}{rest}",)
    return (f"{poor}the chance that it shares {owner} mood is {score:.1%}, so more likely it does not",)
