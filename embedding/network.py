"""The network: features of either modality become an embedding in the shared space, and affect."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.core.errors import ArtefactError, UsageError
from attune.embedding.backbones import WEIGHTS
from attune.embedding.media_files import Kind
from attune.embedding.network_config import (
    CONFIG_FILE,
    TOWER_FILES,
    is_shipped,
    read_backbones,
    read_calibration,
    read_network_config,
)
from attune.embedding.onnx_session import OnnxSession

EMBEDDING_DIM = 128
DEFAULT_NETWORK = "attune"
_FIGURES = "figures.json"
Polarity = Literal["positive", "neutral", "negative"]
POLARITIES: tuple[Polarity, ...] = get_args(Polarity)


@dataclass(frozen=True, slots=True)
class Affect:
    """What one item feels like.

    Attributes:
        valence: Unpleasant to pleasant, in [-1, 1].
        arousal: Quiet to excited, in [-1, 1].
        positive: Probability of positive polarity; the three sum to one.
        neutral: Probability of neutral polarity.
        negative: Probability of negative polarity.
    """

    valence: float
    arousal: float
    positive: float
    neutral: float
    negative: float

    @classmethod
    def from_row(cls, row: NDArray[np.float32]) -> Affect:
        """Read a row (5,) of a network's `affect` output."""
        return cls(*(float(value) for value in row))

    @property
    def polarity(self) -> Polarity:
        """The most probable polarity."""
        shares: dict[Polarity, float] = dict(
            zip(POLARITIES, (self.positive, self.neutral, self.negative), strict=True)
        )
        return max(POLARITIES, key=shares.__getitem__)


@dataclass(frozen=True, slots=True)
class NetworkEmbeddings:
    """What the network says of n feature vectors.

    Attributes:
        vectors: float32, shape (n, 128), unit length.
        affect: float32, shape (n, 5): valence, arousal, positive, neutral, negative.
    """

    vectors: NDArray[np.float32]
    affect: NDArray[np.float32]


class Network:
    """A network folder: `image.onnx`, `music.onnx`, `network.json`, and backbones of its own, if any.

    Args:
        folder: The folder.
        source: How a person names it: the name of a shipped one, else the folder's absolute path.

    Attributes:
        backbones: What makes the features that it reads.

    Raises:
        ArtefactError: A part is missing, damaged or made for backbones that are not there.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = folder
        self.source = source
        self.card = read_network_config(folder)
        self._slope, self._intercept = read_calibration(folder, self.card)
        self.backbones = read_backbones(folder, self.card)

    @cached_property
    def id(self) -> str:
        """Hash of weights, its own backbones' too, and calibration: 16 hexadecimal digits."""
        parts = [self.card["sha256"][file] for file in TOWER_FILES.values()]
        parts += [repr(self._slope), repr(self._intercept)]
        parts += [one.sha256 for one in self.backbones.values() if not is_shipped(one)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Name and first digits of the id, for people."""
        return f"{self.card['name']}-{self.id[:8]}"

    def store_figures(self, report: dict[str, Any]) -> None:
        """Keep a test report with the network, for `status` and `match`.

        Raises:
            ArtefactError: The folder cannot be written.
        """
        try:
            with atomic_write(self.folder / _FIGURES) as aside:
                aside.write_text(json.dumps({"network": self.id} | report, indent=1) + "\n")
        except OSError as error:
            raise ArtefactError(f"{self.folder}: cannot be written ({error.strerror})") from error

    @property
    def test_figures(self) -> dict[str, Any] | None:
        """The test report that was stored with the network, if there is one."""
        try:
            figures: dict[str, Any] = json.loads((self.folder / _FIGURES).read_text())
        except (OSError, ValueError):
            return None  # none were stored, or they are damaged
        return figures if figures.get("network") == self.id else None

    def embed(self, kind: Kind, features: NDArray[np.floating[Any]]) -> NetworkEmbeddings:
        """Project features to the affective space.

        Args:
            kind: The modality that the features come from.
            features: Shape (n, width of the modality's backbone), float16 or float32.

        Returns:
            n unit vectors and n rows of affect.

        Raises:
            ArtefactError: The weights are missing, damaged, or give what no network gives.
        """
        session = self._image if kind == "image" else self._music
        vectors, affect = session.run(features.astype(np.float32), "embedding", "affect")
        if not (np.isfinite(vectors).all() and np.isfinite(affect).all()):
            raise ArtefactError(f"{self.folder}: the network says what is not a number; train it again")
        return NetworkEmbeddings(vectors, affect)

    def probability(self, inner: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the correspondence probability of inner products: monotone, in [0, 1]."""
        logits = self._slope * np.asarray(inner, np.float64) + self._intercept
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))

    @cached_property
    def _image(self) -> OnnxSession:
        return self._open_tower("image")

    @cached_property
    def _music(self) -> OnnxSession:
        return self._open_tower("music")

    def _open_tower(self, kind: Kind) -> OnnxSession:
        path, width = self.folder / TOWER_FILES[kind], self.backbones[kind].width
        session = OnnxSession(path, self.card["sha256"][path.name])
        if session.width != width:
            raise ArtefactError(f"{path}: takes {session.width} features, not {width}")
        session.require({"embedding": EMBEDDING_DIM, "affect": 2 + len(POLARITIES)})
        return session


def open_network(source: str = DEFAULT_NETWORK) -> Network:
    """Open a shipped network by its name, or any other by its folder.

    Raises:
        UsageError: There is no such network.
        ArtefactError: The network is damaged.
    """
    names = shipped_names()
    if source in names:
        return Network(WEIGHTS / source, source)
    folder = Path(source)
    if not folder.is_dir():
        raise UsageError(
            f"network {source}: neither a shipped network ({', '.join(names)}) nor a folder; "
            "name it with --network"
        )
    return Network(folder, str(folder.absolute()))


def shipped_names() -> list[str]:
    """Return the names of the shipped networks, the first the one that is used where none is named."""
    found = {path.parent.name for path in WEIGHTS.glob(f"*/{CONFIG_FILE}")}
    return [DEFAULT_NETWORK, *sorted(found - {DEFAULT_NETWORK})]
