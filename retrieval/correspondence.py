"""Correspondence of files: the chance that they have the same polarity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attune.embedding.affect import Affect
from attune.embedding.network import Network


def measure_correspondence(
    network: Network, query: Sequence[Affect], others: Sequence[Affect]
) -> list[float]:
    """Return the chance that each of some files has the polarity of a query.

    The polarity of several query files is their mean posterior.

    Args:
        network: The network that estimated the affect.
        query: Affect of the query's files, at least one.
        others: Affect of the files to compare with them.
    """
    if not others:
        return []
    mean = _posteriors(query).mean(axis=0, keepdims=True)
    return [float(chance) for chance in network.correspondence(mean, _posteriors(others))[0]]


def _posteriors(affects: Sequence[Affect]) -> NDArray[np.float64]:
    return np.array([(affect.positive, affect.neutral, affect.negative) for affect in affects])
