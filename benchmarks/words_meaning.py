"""Precision of meaning: whether words find the pictures and songs whose labels name what they ask for.

Each thing of `attune.benchmarks.named_things` is asked for by its word and by a sentence in four languages. A
file is right if its label names the thing. The precision is that of the first ten files, or of the first n if
only n files are right. Beside it stand chance and what affect alone could do at best: the order by distance
from the mean place of the very files that are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.benchmarks.named_things import HEARD, LANGUAGES, MOODS, PICTURED, NamedThing
from attune.core.errors import UsageError
from attune.core.progress import Progress
from attune.embedding.affect import AFFECT_COLUMNS
from attune.embedding.content_labels import ContentLabels, compute_content_labels, has_content_labels
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.embedding.silent_patches import average_sounding
from attune.retrieval.library_vectors import LibraryVectors, normalize_means
from attune.retrieval.words.label_meaning import LabelMeaning
from attune.retrieval.words.meaning import Meaning, read_meaning
from attune.retrieval.words.specificity import PhraseEncoder
from attune.retrieval.words.text_meaning import TextMeaning
from attune.training.feature_cache import extract_cached_features
from attune.training.manifest import LabelledRow, read_manifest

CONTENT_SETS: Final[dict[Kind, tuple[str, ...]]] = {
    "image": ("oasis", "naps", "bass", "vaps"),
    "music": ("4q_taffc",),
}
"""Data sets whose labels name what their files show, or the genre."""

THINGS: Final[dict[Kind, tuple[NamedThing, ...]]] = {"image": PICTURED, "music": HEARD}
TOP: Final = 10


@dataclass(frozen=True, slots=True)
class ContentGallery:
    """Labelled files of one kind that are searched.

    Attributes:
        kind: image or music.
        rows: The n files.
        content: What tells what they show: their content labels, or for a network with a text tower, their
            features as vectors of unit length.
        affect: Their valence and arousal by the network, float64 (n, 2).
    """

    kind: Kind
    rows: Sequence[LabelledRow]
    content: ContentLabels | LibraryVectors
    affect: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ThingMeasurement:
    """Precision of the answers to one thing.

    Attributes:
        kind: image or music.
        thing: Its name.
        right: Number of files that are right.
        chance: Precision of a random order.
        affect: Precision of the order by affect, at best.
        words: Precision by the word in each language.
        sentences: Precision by the sentence in each language; None if there is none.
    """

    kind: Kind
    thing: str
    right: int
    chance: float
    affect: float
    words: tuple[float, ...]
    sentences: tuple[float, ...] | None


def read_content_gallery(
    source: Path,
    kind: Kind,
    splits: Sequence[str],
    network: Network,
    cache: Path,
    workers: int,
    progress: Progress,
) -> ContentGallery:
    """Read labelled files of one kind, and compute what tells their content, and their affect.

    Args:
        source: The manifest.
        kind: image or music.
        splits: The splits whose files are searched.
        network: A network whose backbones have content labels or a text tower.
        cache: Folder of cached backbone features.
        workers: Number of worker processes.
        progress: Receives the number of files.

    Raises:
        UsageError: No file of the sets and splits is in the manifest, or the network's backbone has neither
            content labels nor a text tower.
    """
    rows = [row for row in read_manifest(source, sets=CONTENT_SETS[kind]) if row.split in splits]
    if not rows:
        raise UsageError(f"{source}: no rows with split {' or '.join(splits)}")
    backbone = network.backbones[kind]
    if not (has_content_labels(backbone) or backbone.text):
        raise UsageError(
            f"{network.name}: its {kind} backbone has neither content labels nor a text tower; "
            "name another network with --network"
        )
    gathered = extract_cached_features(rows, backbone, cache, workers, progress)
    means = np.stack([average_sounding(features) for features in gathered.features])
    affect = network.embed(kind, means).affect
    columns = [AFFECT_COLUMNS.index("valence"), AFFECT_COLUMNS.index("arousal")]
    content = (
        _make_vectors(gathered.features)
        if backbone.text
        else compute_content_labels(gathered.features, backbone)
    )
    return ContentGallery(kind, gathered.rows, content, affect[:, columns].astype(np.float64))


def _make_vectors(features: Sequence[NDArray[np.float16]]) -> LibraryVectors:
    vectors = normalize_means(features, features[0].shape[1]).astype(np.float16)
    return LibraryVectors(np.arange(len(vectors)), vectors, np.asarray(vectors.any(axis=1)))


def measure(
    gallery: ContentGallery, network: Network, least: int, encode: PhraseEncoder | None = None
) -> list[ThingMeasurement]:
    """Measure the precision for each thing that at least `least` files of a gallery show.

    Args:
        gallery: The files.
        network: The network of the gallery.
        least: Least number of files that must be right.
        encode: Computes sentence vectors; the shipped sentence encoder if None.
    """
    measured = []
    for thing in THINGS[gallery.kind]:
        is_right = np.array([thing.is_named(row.label) for row in gallery.rows])
        if is_right.sum() < least:
            continue

        def measure_texts(texts: Sequence[str], right: NDArray[np.bool_] = is_right) -> tuple[float, ...]:
            worths = [_measure_worth(text, gallery, network, encode) for text in texts]
            return tuple(compute_precision(worth, right) for worth in worths)

        distance = np.linalg.norm(gallery.affect - gallery.affect[is_right].mean(axis=0), axis=1)
        measured.append(
            ThingMeasurement(
                gallery.kind,
                thing.name,
                int(is_right.sum()),
                float(is_right.mean()),
                compute_precision(-distance, is_right),
                measure_texts(thing.words),
                None if thing.sentences is None else measure_texts(thing.sentences),
            )
        )
    return measured


def compute_precision(worth: NDArray[np.float64], is_right: NDArray[np.bool_]) -> float:
    """Return the share of right files among the first ten, or the first n if only n files are right."""
    top = min(TOP, int(is_right.sum()))
    return float(is_right[np.argsort(-worth, kind="stable")[:top]].mean())


def measure_specificity(
    network: Network, kind: Kind, encode: PhraseEncoder | None = None
) -> dict[str, float]:
    """Return the shares of words, of sentences and of mood sentences that count as naming something."""
    things = THINGS[kind]
    texts = {
        "words": [word for thing in things for word in thing.words],
        "sentences": [text for thing in things for text in thing.sentences or ()],
        "moods": list(MOODS),
    }
    return {
        name: float(np.mean([_read(text, network, kind, encode).is_specific for text in some]))
        for name, some in texts.items()
    }


def summarize(measured: Sequence[ThingMeasurement]) -> dict[str, Any]:
    """Return the means over things: chance, affect, and words and sentences by language and over all."""
    words = np.array([one.words for one in measured])
    sentences = np.array([one.sentences for one in measured if one.sentences is not None])
    by_language: dict[str, Any] = {}
    for name, table in (("words", words), ("sentences", sentences)):
        if len(table):
            by_language[name] = dict(zip(LANGUAGES, table.mean(axis=0).tolist(), strict=True))
            by_language[name]["all"] = float(table.mean())
    return {
        "things": len(measured),
        "chance": float(np.mean([one.chance for one in measured])),
        "affect": float(np.mean([one.affect for one in measured])),
        **by_language,
    }


def _measure_worth(
    text: str, gallery: ContentGallery, network: Network, encode: PhraseEncoder | None
) -> NDArray[np.float64]:
    meaning = _read(text, network, gallery.kind, encode)
    if isinstance(meaning, TextMeaning):
        assert isinstance(gallery.content, LibraryVectors)
        return meaning.measure(gallery.content)
    assert isinstance(meaning, LabelMeaning)
    assert isinstance(gallery.content, ContentLabels)
    return meaning.measure(gallery.content)


def _read(text: str, network: Network, kind: Kind, encode: PhraseEncoder | None) -> Meaning:
    meaning = read_meaning(text, network, kind, encode)
    assert meaning is not None, "a gallery has only content that words can mean"
    return meaning
