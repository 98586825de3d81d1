"""The network: features of either modality become an embedding in the shared space, and affect."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.artefacts import written_aside
from core.errors import ArtefactError, UsageError
from embedding.backbones import BACKBONES, WEIGHTS
from embedding.media import Kind
from embedding.session import Session

DIM = 128
SHIPPED = "attune"
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
    def of(cls, row: NDArray[np.float32]) -> Affect:
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
class Embedded:
    """What the network says of n feature vectors.

    Attributes:
        vectors: float32, shape (n, 128), unit length.
        affect: float32, shape (n, 5): valence, arousal, positive, neutral, negative.
    """

    vectors: NDArray[np.float32]
    affect: NDArray[np.float32]


class Network:
    """A network folder: `image.onnx`, `music.onnx` and `network.json`.

    Args:
        folder: The folder.
        source: How a person names it: `attune` for the shipped one, else the folder's absolute path.

    Raises:
        ArtefactError: A part is missing, damaged or made for other backbones.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = folder
        self.source = source
        self.card = _read_card(folder)
        self._slope, self._intercept = _calibration(folder, self.card)
        for kind in BACKBONES:
            key = f"{kind}_backbone"
            if self.card.get(key) != BACKBONES[kind].name:
                raise ArtefactError(
                    f"{folder}: the network was made for the {kind} backbone {self.card.get(key)!r}, "
                    f"this version of Attune has {BACKBONES[kind].name!r}"
                )

    @cached_property
    def id(self) -> str:
        """Hash of weights and calibration, 16 hexadecimal digits."""
        parts = [self.card["sha256"]["image.onnx"], self.card["sha256"]["music.onnx"]]
        parts += [repr(self._slope), repr(self._intercept)]
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
            with written_aside(self.folder / _FIGURES) as aside:
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

    def embed(self, kind: Kind, features: NDArray[np.floating[Any]]) -> Embedded:
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
        return Embedded(vectors, affect)

    def probability(self, inner: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the correspondence probability of inner products: monotone, in [0, 1]."""
        logits = self._slope * np.asarray(inner, np.float64) + self._intercept
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))

    @cached_property
    def _image(self) -> Session:
        return self._tower("image.onnx", "image")

    @cached_property
    def _music(self) -> Session:
        return self._tower("music.onnx", "music")

    def _tower(self, file: str, kind: Kind) -> Session:
        session = Session(self.folder / file, self.card["sha256"][file])
        if session.width != BACKBONES[kind].width:
            raise ArtefactError(
                f"{self.folder / file}: takes {session.width} features, not {BACKBONES[kind].width}"
            )
        session.require({"embedding": DIM, "affect": 2 + len(POLARITIES)})
        return session


def open_network(source: str = SHIPPED) -> Network:
    """Open the shipped network by its name, or any other by its folder.

    Raises:
        UsageError: There is no such network.
        ArtefactError: The network is damaged.
    """
    if source == SHIPPED:
        return Network(WEIGHTS / SHIPPED, SHIPPED)
    folder = Path(source)
    if not folder.is_dir():
        raise UsageError(
            f"network {source}: neither a shipped network ({SHIPPED}) nor a folder; name it with --network"
        )
    return Network(folder, str(folder.absolute()))


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / "network.json"
    try:
        card: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ArtefactError(f"{folder}: no network here (network.json is missing)") from error
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path}: cannot be read ({error}); train the network again") from error
    hashes = card.get("sha256") if isinstance(card, dict) else None
    if (
        not isinstance(hashes, dict)
        or not {"image.onnx", "music.onnx"} <= hashes.keys()
        or "name" not in card
    ):
        raise ArtefactError(f"{path}: not a network's description; train the network again")
    return card


def _calibration(folder: Path, card: dict[str, Any]) -> tuple[float, float]:
    try:
        slope, intercept = float(card["calibration"]["slope"]), float(card["calibration"]["intercept"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{folder}: its calibration is missing; train the network again") from error
    if not (slope > 0 and math.isfinite(slope) and math.isfinite(intercept)):
        raise ArtefactError(f"{folder}: its calibration is not monotone; train the network again")
    return slope, intercept
