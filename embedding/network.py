"""Networks that map features of pictures and of music to a shared embedding space and to affect."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.core.errors import ArtefactError, UsageError
from attune.embedding.affect import AFFECT_COLUMNS
from attune.embedding.backbones import WEIGHTS
from attune.embedding.media_files import Kind
from attune.embedding.network_config import (
    CONFIG_FILE,
    TOWER_FILES,
    read_backbones,
    read_calibration,
    read_network_config,
)
from attune.embedding.onnx_session import OnnxSession

EMBEDDING_DIM = 128
DEFAULT_NETWORK = "attune"
_FIGURES = "figures.json"


@dataclass(frozen=True, slots=True)
class NetworkEmbeddings:
    """A network's output for n feature vectors.

    Attributes:
        vectors: Embeddings of unit length, float32 (n, 128).
        affect: float32 (n, 11), the columns of `attune.embedding.affect.AFFECT_COLUMNS`.
    """

    vectors: NDArray[np.float32]
    affect: NDArray[np.float32]


class Network:
    """A network folder with `image.onnx`, `music.onnx`, `network.json`, and possibly its own backbones.

    Args:
        folder: The folder.
        source: The name of a shipped network, or else the folder's absolute path.

    Attributes:
        folder: The folder.
        source: As given.
        config: The content of `network.json`.
        backbones: The backbone of each kind, whose features are the network's input.

    Raises:
        ArtefactError: A part is missing or damaged, or needs a backbone that is not available.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = folder
        self.source = source
        self.config = read_network_config(folder)
        self._calibration = read_calibration(folder, self.config)
        self.backbones = read_backbones(folder, self.config)

    @cached_property
    def id(self) -> str:
        """Hash of its weights, its backbones with their preprocessing and its calibration, 16 hex digits."""
        parts = [self.config["sha256"][file] for file in TOWER_FILES.values()]
        parts += [repr(self._calibration)]
        parts += [backbone.id for backbone in self.backbones.values()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Name and first 8 digits of the id, for display."""
        return f"{self.config['name']}-{self.id[:8]}"

    def store_figures(self, report: dict[str, Any]) -> None:
        """Store a test report in the network's folder, where `test_figures` finds it.

        Raises:
            ArtefactError: The folder cannot be written.
        """
        try:
            with atomic_write(self.folder / _FIGURES) as temporary:
                temporary.write_text(json.dumps({"network": self.id} | report, indent=1) + "\n")
        except OSError as error:
            raise ArtefactError(f"{self.folder}: cannot be written ({error.strerror})") from error

    @property
    def test_figures(self) -> dict[str, Any] | None:
        """The test report that was stored for this network; None if there is none."""
        try:
            figures: dict[str, Any] = json.loads((self.folder / _FIGURES).read_text())
        except (OSError, ValueError):
            return None  # no report was stored, or it is damaged
        return figures if figures.get("network") == self.id else None

    def embed(self, kind: Kind, features: NDArray[np.floating[Any]]) -> NetworkEmbeddings:
        """Compute embeddings and affect from features.

        Args:
            kind: The media type of the features.
            features: float16 or float32 (n, width of the backbone).

        Returns:
            Embeddings and affect, one row per row of features.

        Raises:
            ArtefactError: The weights are missing or damaged, or give values that are not finite.
        """
        session = self._image if kind == "image" else self._music
        vectors, affect = session.run(features.astype(np.float32), "embedding", "affect")
        if not (np.isfinite(vectors).all() and np.isfinite(affect).all()):
            raise ArtefactError(f"{self.folder}: its output has values that are not finite; train it again")
        return NetworkEmbeddings(vectors, affect)

    def score(self, inner: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Convert inner products of embeddings to chances that both items share a mood.

        The chances hold for evenly mixed pairs, half of which share a mood quadrant.
        """
        return self._calibration.score.apply(inner)

    def correspondence(
        self, images: NDArray[np.floating[Any]], music: NDArray[np.floating[Any]]
    ) -> NDArray[np.float64]:
        """Return the chance that the items of each pair have the same polarity.

        The chances hold for evenly mixed pairs, half of which correspond.

        Args:
            images: Probabilities of the three polarities, (..., n, 3).
            music: The same, (..., m, 3).

        Returns:
            float64 (..., n, m).
        """
        agreement = np.asarray(images, np.float64) @ np.swapaxes(np.asarray(music, np.float64), -1, -2)
        return self._calibration.correspondence.apply(agreement)

    @cached_property
    def _image(self) -> OnnxSession:
        return self._open_tower("image")

    @cached_property
    def _music(self) -> OnnxSession:
        return self._open_tower("music")

    def _open_tower(self, kind: Kind) -> OnnxSession:
        path, width = self.folder / TOWER_FILES[kind], self.backbones[kind].width
        session = OnnxSession(path, self.config["sha256"][path.name])
        if session.width != width:
            raise ArtefactError(f"{path}: takes {session.width} features, not {width}")
        session.require({"embedding": EMBEDDING_DIM, "affect": len(AFFECT_COLUMNS)})
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
    """Return the names of the shipped networks, starting with the default one."""
    found = {path.parent.name for path in WEIGHTS.glob(f"*/{CONFIG_FILE}")}
    return [DEFAULT_NETWORK, *sorted(found - {DEFAULT_NETWORK})]
