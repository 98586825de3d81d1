"""Integrity check of a library: catalogue, stored features and FAISS files."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from attune.core.errors import AttuneError, DamagedLibrary, LibraryError, escape_path
from attune.core.progress import Progress
from attune.embedding.backbones import Backbone
from attune.embedding.network import EMBEDDING_DIM, open_network
from attune.indexer.catalogue import Catalogue
from attune.indexer.catalogue_tables import compute_embedding_checksum, compute_item_checksum
from attune.indexer.feature_store import open_feature_stores
from attune.indexer.generations import KINDS, generation_folder, open_index, read_manifest
from attune.indexer.records import Generation

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
    """

    generation: int | None = None
    images: int = 0
    music: int = 0
    damage: list[Damage] = field(default_factory=list)
    suspect: set[int] = field(default_factory=set)
    broken: bool = False


def verify(library: Path, progress: Progress) -> Findings:
    """Check a whole library; nothing is written.

    Args:
        library: The library's folder.
        progress: Receives the progress of each step.

    Raises:
        LibraryError: There is no library, or another version of Attune made it.
    """
    findings = Findings()
    try:
        catalogue = Catalogue.open(library)
    except DamagedLibrary as error:
        findings.broken = True
        findings.damage.append(Damage("catalogue", str(error)))
        return findings
    if catalogue is None:
        if generation_folder(library, 0).parent.is_dir():  # a library without its catalogue
            findings.broken = True
            findings.damage.append(Damage("catalogue", "it is missing"))
            return findings
        raise LibraryError(f"{library}: no library here; make one with `attune build-index FOLDER`")
    try:
        with catalogue:
            _verify(catalogue, library, findings, progress)
    except (LibraryError, LookupError, ValueError, TypeError) as error:
        findings.broken = True
        findings.damage.append(Damage("catalogue", f"it cannot be read to its end ({error})"))
    logger.info("verified %s: %d damaged parts", escape_path(library), len(findings.damage))
    return findings


def _verify(catalogue: Catalogue, library: Path, findings: Findings, progress: Progress) -> None:
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
            findings.damage.append(Damage("catalogue", "it does not say which generation is the latest"))
        return
    findings.generation = generation.id
    findings.images, findings.music = generation.images, generation.music
    _verify_rows(catalogue, generation, library, findings, progress)
    _verify_index(catalogue, generation, library, findings)


def _verify_rows(
    catalogue: Catalogue, generation: Generation, library: Path, findings: Findings, progress: Progress
) -> None:
    """Check the checksums of all rows and of the features to which they refer."""
    stores = open_feature_stores(library, _load_backbones(generation))
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
        store = stores.get(row["backbone"])
        feature_location = row["feature_row"], row["feature_rows"], row["features_crc"]
        if store is not None and not store.has(*feature_location):
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


def _verify_index(catalogue: Catalogue, generation: Generation, library: Path, findings: Findings) -> None:
    """Check that the FAISS files are undamaged and hold exactly the items of the generation."""
    if read_manifest(library, generation.id) is None:
        findings.damage.append(Damage("index", "its manifest is missing or damaged"))
        return
    for kind in KINDS:
        index = open_index(library, generation.id, generation.network, kind)
        if index is None:
            findings.damage.append(Damage("index", f"the file for {kind} is missing or damaged"))
            continue
        wanted = catalogue.ids(generation.id, kind)
        if not np.array_equal(np.sort(index.ids), wanted):
            findings.damage.append(Damage("index", f"the file for {kind} holds other items"))
