"""Meaning of words: what a sentence names, and how well files of a library match it.

It is found out by content labels, which the shipped backbones have (`label_meaning`), or by the text tower of
the model that a network's backbone was taken from (`text_meaning`).
"""

from __future__ import annotations

from typing import Protocol

from attune.core.progress import Progress
from attune.embedding.content_labels import has_content_labels
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.embedding.words.sentence_encoder import open_sentence_encoder
from attune.indexer.library import LibraryReader
from attune.retrieval.words.label_meaning import read_label_meaning
from attune.retrieval.words.meaning_match import MeaningMatch
from attune.retrieval.words.phrases import split_phrases
from attune.retrieval.words.specificity import PhraseEncoder
from attune.retrieval.words.text_meaning import read_text_meaning

__all__ = ["Meaning", "MeaningMatch", "read_meaning"]


class Meaning(Protocol):
    """What a sentence means for the files of one kind."""

    @property
    def specificity(self) -> float:
        """Probability in [0, 1] that the sentence names something; otherwise it tells a mood at most."""

    @property
    def is_specific(self) -> bool:
        """Whether the sentence names something that files can be searched by."""

    @property
    def named(self) -> tuple[str, ...]:
        """The phrases of the sentence that name something."""

    def match(self, library: LibraryReader, progress: Progress | None = None) -> MeaningMatch:
        """Match all items of the kind in a library whose network has the same backbone.

        The first call in a library reads the features of all of them.

        Args:
            library: The library.
            progress: Receives the number of items whose features are read; silent by default.

        Raises:
            AttuneError: A library that this needs is not installed.
            ArtefactError: A file of the network, or a shipped one, is missing or damaged.
        """

    def describe(self, library: LibraryReader, item: int) -> str:
        """Return why an item matches, in a few words; empty if it does not, or if there is no such item."""


def read_meaning(
    text: str, network: Network, kind: Kind, encode: PhraseEncoder | None = None
) -> Meaning | None:
    """Find out what a sentence means for the files of one kind.

    Args:
        text: The sentence, in any language that the sentence encoder knows; a text tower may know fewer.
        network: The network of the library that will be searched.
        kind: The kind of files that will be searched.
        encode: Computes sentence vectors; the shipped sentence encoder if None.

    Returns:
        The meaning; None if the network's backbone of that kind has neither content labels nor a text tower,
        or the text is blank.

    Raises:
        ArtefactError: A shipped file is missing or damaged.
    """
    backbone = network.backbones[kind]
    phrases = split_phrases(text)
    if not phrases or not (has_content_labels(backbone) or backbone.text):
        return None
    encode = encode or open_sentence_encoder().encode
    if backbone.text:
        return read_text_meaning(text, phrases, backbone, backbone.text, encode)
    return read_label_meaning(phrases, backbone, encode)
