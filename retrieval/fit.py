"""Fit of answers: where each stands among all files of the library that could have been answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import Answer

SAMPLE_SIZE = 10_000
"""Number of files with which answers are compared where the index is too large for exact search."""
_FIRST_DEPTH = 32  # files that are ranked beyond the last answer, since some before it are no answers
_DEPTH_FACTOR = 8


@dataclass(frozen=True, slots=True)
class Peers:
    """The files with which answers are compared.

    Attributes:
        ids: int64 (m,), at least all those that suit the query as well as the last answer.
        scores: float64 (m,), their scores.
        total: Number of all, also of those that suit it less.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    total: int

    def leave_out(self, ids: Collection[int]) -> Peers:
        """Return the peers without some of them."""
        keep = ~np.isin(self.ids, list(ids))
        return Peers(self.ids[keep], self.scores[keep], self.total - len(ids))


def rank_peers(
    library: LibraryReader,
    network: Network,
    kind: Kind,
    vector: NDArray[np.float32],
    answers: Sequence[Answer],
) -> Peers:
    """Return the peers of answers that are ranked by their embedding alone.

    All files of the kind are compared; in a library of so many that its index is approximate, an evenly drawn
    sample of them.

    Args:
        library: The library that was searched.
        network: The network of that library.
        kind: The kind of the answers.
        vector: float32 (128,), unit length, embedding of the query.
        answers: The answers, best first.
    """
    search = library.search(kind)
    if not library.is_exact(kind):
        ids, inner = sample_peers(library, kind, vector)
        return Peers(ids, network.score(inner), len(ids))
    own = [answer.item.id for answer in answers]
    depth = _FIRST_DEPTH + 2 * max((answer.rank for answer in answers), default=0)
    while True:
        ids, inner = library.nearest(kind, vector, depth)
        answered = np.isin(ids, own)
        if depth >= len(search) or (
            answered.sum() == len(own) and inner[-1] < inner[answered].min(initial=2)
        ):
            return Peers(ids, network.score(inner), len(search))
        depth *= _DEPTH_FACTOR


def sample_peers(
    library: LibraryReader, kind: Kind, vector: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the ids of an evenly drawn sample, int64 (m,), and their inner products with a query, (m,)."""
    name = f"sample {kind}"
    if name not in library.derived:
        ids = library.search(kind).sample(SAMPLE_SIZE)
        library.derived[name] = ids, library.vectors(ids.tolist())
    ids, vectors = library.derived[name]
    return ids, vectors @ vector


def measure_fits(answers: Sequence[Answer], peers: Peers) -> list[float]:
    """Return the fit of each answer: the share of its peers that suit the query less.

    Returns:
        Shares in [0, 1]. Equal scores count half; the only file there is has nothing better beside it: 1.
    """
    own_ids = [answer.item.id for answer in answers]
    answered = np.isin(peers.ids, own_ids)
    known = dict(zip(peers.ids[answered].tolist(), peers.scores[answered].tolist(), strict=True))
    own = np.array([known.get(answer.item.id, answer.worth) for answer in answers])
    among = np.array([item in known for item in own_ids], np.int64)  # none is compared with itself
    descending = np.sort(-peers.scores)
    better = np.searchsorted(descending, -own, side="left")
    equal = np.searchsorted(descending, -own, side="right") - better - among
    others = peers.total - among
    fits = 1.0 - (better + 0.5 * equal) / np.maximum(others, 1)
    return [float(fit) for fit in fits]
