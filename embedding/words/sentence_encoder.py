"""Sentences as vectors: the multilingual Universal Sentence Encoder, by ONNX Runtime and SentencePiece.

Sentences that mean the same lie close to each other, in any of its 16 languages: Arabic, Chinese (both
scripts), Dutch, English, French, German, Italian, Japanese, Korean, Polish, Portuguese, Russian, Spanish,
Thai, Turkish.
Source: Yang et al., Multilingual Universal Sentence Encoder for Semantic Retrieval, ACL 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import hash_file
from attune.core.errors import ArtefactError
from attune.embedding.backbones import WEIGHTS
from attune.embedding.onnx_session import OnnxSession

SENTENCE_DIM: Final = 512
MAX_PIECES: Final = 256
"""Pieces of a sentence that are read: some 150 words."""

_GRAPH: Final = WEIGHTS / "sentence_encoder.onnx"
_GRAPH_SHA256: Final = "1a0941acce81ce4d73daecee5ceacba20b4697d0d893d22f50bab1f7664dc605"
_PIECES: Final = WEIGHTS / "sentence_pieces.model"
_PIECES_SHA256: Final = "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"
_UNKNOWN, _BEGIN, _END = 0, 1, 2


class SentenceEncoder:
    """The encoder; loading it takes half a second, a sentence a millisecond.

    Raises:
        ArtefactError: Its files are missing or damaged.
    """

    def __init__(self) -> None:
        from sentencepiece import SentencePieceProcessor

        self._session = OnnxSession(_GRAPH, _GRAPH_SHA256)
        self._session.require({"features": SENTENCE_DIM})
        if not _PIECES.is_file() or hash_file(_PIECES) != _PIECES_SHA256:
            raise ArtefactError(f"{_PIECES}: missing or damaged; install Attune again")
        self._pieces = SentencePieceProcessor(model_file=str(_PIECES))

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of n sentences, float32 (n, 512), of unit length.

        Of a sentence longer than `MAX_PIECES` pieces, the beginning counts.
        """
        vectors = np.empty((len(sentences), SENTENCE_DIM), np.float32)
        for row, sentence in enumerate(sentences):
            pieces = self._pieces.encode(sentence)[:MAX_PIECES] or [_UNKNOWN]
            (vectors[row : row + 1],) = self._session.run(np.array([_BEGIN, *pieces, _END]), "features")
        return vectors


@cache
def open_sentence_encoder() -> SentenceEncoder:
    """Return the encoder, which is loaded once per process.

    Raises:
        ArtefactError: Its files are missing or damaged.
    """
    return SentenceEncoder()
