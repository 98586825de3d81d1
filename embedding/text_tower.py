"""Text towers: the part of a model such as CLIP that places sentences among the features of pictures.

Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import ArtefactError, AttuneError
from attune.embedding.onnx_session import OnnxSession


@dataclass(frozen=True, slots=True)
class TextTower:
    """Description of a text tower's files.

    The graph takes token ids, int64 (1, context), and has an output `features`, float32 (1, width), of unit
    length: a vector whose cosines with a backbone's features tell what files show.

    Attributes:
        path: The ONNX file.
        sha256: SHA-256 of that file, 64 hexadecimal digits.
        width: Length of a vector: that of the backbone's features.
        context: Number of token ids.
        tokenizer: The tokenizer, JSON of the library `tokenizers`, which cuts and pads to `context` ids.
        tokenizer_sha256: SHA-256 of that file.
    """

    path: Path
    sha256: str
    width: int
    context: int
    tokenizer: Path
    tokenizer_sha256: str


class TextEncoder:
    """A text tower with its tokenizer, loaded.

    Args:
        tower: The text tower.

    Raises:
        AttuneError: The library `tokenizers` is not installed.
        ArtefactError: A file is missing or damaged, or is not as described.
    """

    def __init__(self, tower: TextTower) -> None:
        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError as error:
            raise AttuneError(
                "words need the library tokenizers with this network, as its own encoder reads them: "
                'pip install "attune-affect[clip]"'
            ) from error

        self._tower = tower
        try:
            self._tokenizer = Tokenizer.from_buffer(_read_checked(tower.tokenizer, tower.tokenizer_sha256))
        except ValueError as error:
            raise ArtefactError(f"{tower.tokenizer}: is no tokenizer; train the network again") from error
        self._session = OnnxSession(tower.path, tower.sha256)
        if self._session.width != tower.context:
            raise ArtefactError(f"{tower.path}: takes {self._session.width} token ids, not {tower.context}")
        self._session.require({"features": tower.width})

    def tokenize(self, text: str) -> NDArray[np.int64]:
        """Return the token ids of a text, int64 (1, context); of a longer text, those of its beginning.

        Raises:
            ArtefactError: The tokenizer gives another number of ids.
        """
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        if ids.shape != (1, self._tower.context):
            raise ArtefactError(
                f"{self._tower.tokenizer}: gives {ids.size} token ids, not {self._tower.context}"
            )
        return ids

    def encode(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a text, float32 (width,), of unit length.

        Raises:
            ArtefactError: The tokenizer gives another number of ids, or the graph values that are not finite.
        """
        (features,) = self._session.run(self.tokenize(text), "features")
        if not np.isfinite(features).all():
            raise ArtefactError(
                f"{self._tower.path}: gives values that are not finite; train the network again"
            )
        return np.asarray(features[0], np.float32)


@lru_cache(maxsize=1)
def open_text_encoder(tower: TextTower) -> TextEncoder:
    """Return the encoder of a text tower; the last one is kept, as its weights take hundreds of megabytes.

    Raises:
        AttuneError: The library `tokenizers` is not installed.
        ArtefactError: A file is missing or damaged, or is not as described.
    """
    return TextEncoder(tower)


def _read_checked(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path}: the tokenizer is missing; train the network again") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtefactError(f"{path}: the tokenizer is damaged (checksum differs); train the network again")
    return content
