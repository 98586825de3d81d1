"""Integrity check of a library: catalogue, stored features and FAISS files."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from attune.core.errors import AttuneError, DamagedLibrary, LibraryError, LostConnection, escape_path
from attune.core.library_address import LibraryAddress
from attune.core.progress import Progress
from attune.embedding.backbones import Backbone
from attune.embedding.network import EMBEDDING_DIM, open_network
from attune.indexer.catalogue import Catalogue
from attune.indexer.catalogue_tables import compute_embedding_checksum, compute_item_checksum
from attune.indexer.feature_store import FeatureStore, open_feature_stores
from attune.indexer.library_store import LibraryStore, open_store
from attune.indexer.records import KINDS, Generation

logger = logging.getLogger(__name__)

Part = Literal["catalogue", "features", "index"]
_MAX_SQLITE_MESSAGES: Final = 20  # lines that are shown of SQLite's integrity check


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged part of a library.

    Attributes:
        part: The part of the library that is damaged.
        detail: What is wrong with it.
        path: The media file whose data is damaged; None if the damage concerns more than one file.
    """

    part: Part
    detail: str
    path: str | None = None


@dataclass(slots=True)
class Findings:
    """Result of a check.

    Attributes:
        generation: The published generation; None if there is none, or if it cannot be read.
        images: Number of pictures in it.
        music: Number of songs in it.
        damage: All damage that was found; empty for an undamaged library.
        suspect: Ids of the items whose rows, embeddings or features are damaged.
        broken: Whether the structure of the catalogue is damaged, so that nothing in it can be trusted.
        unchecked: What could not be checked on this machine, and why, one line each.
    """

    generation: int | None = None
    images: int = 0
    music: int = 0
    damage: list[Damage] = field(default_factory=list)
    suspect: set[int] = field(default_factory=set)
    broken: bool = False
    unchecked: list[str] = field(default_factory=list)


def verify(library: LibraryAddress, progress: Progress) -> Findings:
    """Check a whole library; nothing is written.

    Args:
        library: Where the library is.
        progress: Receives the progress of each step.

    Raises:
        LibraryError: There is no library, or another version of Attune made it.
    """
    findings = Findings()
    store = open_store(library)
    try:
        catalogue = store.open_catalogue()
    except DamagedLibrary as error:
        findings.broken = True
        findings.damage.append(Damage("catalogue", str(error)))
        return findings
    if catalogue is None:
        if store.has_lost_catalogue():
            findings.broken = True
            findings.damage.append(Damage("catalogue", "it is missing"))
            return findings
        raise LibraryError(f"{library}: no library here; make one with `attune build-index FOLDER`")
    try:
        with catalogue:
            _verify(catalogue, store, findings, progress)
    except LostConnection:
        raise  # it says nothing of the library
    except (LibraryError, LookupError, ValueError, TypeError) as error:
        findings.broken = True
        findings.damage.append(Damage("catalogue", f"it cannot be read to its end ({error})"))
    logger.info("verified %s: %d damaged parts", escape_path(library), len(findings.damage))
    return findings


def _verify(catalogue: Catalogue, store: LibraryStore, findings: Findings, progress: Progress) -> None:
    progress.start("checking the catalogue", None)
    problems = catalogue.find_structural_damage(_MAX_SQLITE_MESSAGES)
    progress.finish()
    if problems:
        findings.broken = True
        findings.damage += [Damage("catalogue", line) for line in problems]
        return
    generation = catalogue.current_generation()
    catalogue.roots()  # raises an error if a row cannot be parsed
    if generation is None:
        if catalogue.has_generations():
            findings.broken = True
            detail = "it does not say which generation is the latest, as after an unfinished copy"
            findings.damage.append(Damage("catalogue", detail))
        return
    findings.generation = generation.id
    findings.images, findings.music = generation.images, generation.music
    _verify_rows(catalogue, generation, store, findings, progress)
    findings.damage += [Damage("index", detail) for detail in store.find_index_damage(catalogue, generation)]


def _verify_rows(
    catalogue: Catalogue, generation: Generation, store: LibraryStore, findings: Findings, progress: Progress
) -> None:
    """Check the checksums of all rows and of the features to which they refer."""
    feature_stores: dict[str, FeatureStore] = {}
    if store.has_features():
        feature_stores = open_feature_stores(store.folder, _load_backbones(generation))
    else:
        findings.unchecked.append(f"features were not checked: {store.explain_lost_features()}")
    counts = dict.fromkeys(KINDS, 0)
    progress.start("checking items and features", generation.images + generation.music)
    for row in catalogue.item_rows():
        progress.advance()
        is_visible = row["removed"] is None or row["removed"] > generation.id
        is_visible &= row["added"] <= generation.id
        if not is_visible:
            continue  # no reader sees this row; a build that reuses it checks it first
        if row["seal"] != compute_item_checksum(row):
            _add_damage(findings, "catalogue", "its row is damaged", row)
            continue
        counts[row["kind"]] += 1
        features = feature_stores.get(row["backbone"])
        feature_location = row["feature_row"], row["feature_rows"], row["features_crc"]
        if features is not None and not features.has(*feature_location):
            _add_damage(findings, "features", "its features are lost or damaged", row)
    progress.finish()
    if not findings.suspect and tuple(counts.values()) != (generation.images, generation.music):
        findings.broken = True
        detail = f"{counts['image']} images and {counts['music']} songs, not {generation.images} and "
        findings.damage.append(Damage("catalogue", f"{detail}{generation.music} as published"))
    for row in catalogue.unembedded_rows(generation.id, generation.network):
        _add_damage(findings, "catalogue", "its embedding is missing", row)
    for row in catalogue.embedding_rows(generation.id, generation.network):
        if row["seal"] != compute_embedding_checksum(row) or len(row["vector"]) != 4 * EMBEDDING_DIM:
            _add_damage(findings, "catalogue", "its embedding is damaged", row)


def _load_backbones(generation: Generation) -> list[Backbone]:
    """Return the backbones of the generation's network, none if the network cannot be opened."""
    try:
        return list(open_network(generation.network_source).backbones.values())
    except AttuneError:
        return []


def _add_damage(findings: Findings, part: Part, detail: str, row: Mapping[str, Any]) -> None:
    findings.suspect.add(row["id"])
    findings.damage.append(Damage(part, detail, os.fsdecode(row["path"])))
