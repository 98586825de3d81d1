"""A generation becomes visible: its FAISS files are written aside, then one row is switched."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from sqlalchemy import Connection, Engine

from attune.core.artefacts import fsync, make_folder, sha256_of, written_aside
from attune.embedding.media import Kind
from attune.embedding.network import Network
from attune.indexer import catalogue, changes
from attune.indexer.cell_index import SAMPLE
from attune.indexer.locks import is_leased
from attune.indexer.vectors import CELLS_FROM, VectorIndex, new_index, read_file, suits, write_file

KINDS: tuple[Kind, ...] = get_args(Kind)
FOLDER = "index"
MANIFEST = "manifest.json"
_ASIDE = ".aside-"
_ADDED = 1 << 16  # vectors in memory beside the index
INDEX_FILES: dict[Kind, str] = {"image": "images.faiss", "music": "music.faiss"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation's folder promises of its files."""

    generation: int
    network: str
    counts: dict[str, int]
    sha256: dict[str, str]


def generation_folder(library: Path, generation: int) -> Path:
    """Return where a generation's FAISS files live."""
    return library / FOLDER / str(generation)


def read_manifest(library: Path, generation: int) -> Manifest | None:
    """Return a generation's manifest, None if it is missing or damaged."""
    try:
        return Manifest(**json.loads((generation_folder(library, generation) / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def read_index(library: Path, generation: int, network: str, kind: Kind) -> VectorIndex | None:
    """Return a generation's index of one kind, None if it is missing, damaged or of another network."""
    manifest = read_manifest(library, generation)
    if manifest is None or (manifest.generation, manifest.network) != (generation, network):
        return None
    name = INDEX_FILES[kind]
    return read_file(generation_folder(library, generation) / name, manifest.sha256.get(name, ""))


def derive_index(
    connection: Connection, generation: int, network: str, kind: Kind, start: VectorIndex | None
) -> VectorIndex:
    """Make the index of a generation from the catalogue, extending an older one where there is one."""
    wanted = catalogue.read_ids(connection, generation, kind)
    index = start if start is not None and suits(start, len(wanted)) else None
    if index is None:
        some = np.sort(np.random.default_rng(0).permutation(wanted)[:SAMPLE])
        sample = some if len(wanted) >= CELLS_FROM else some[:0]
        index = new_index(len(wanted), catalogue.read_vectors(connection, sample.tolist(), network))
    known = index.ids
    index.remove(np.setdiff1d(known, wanted))
    new = np.setdiff1d(wanted, known)
    for first in range(0, len(new), _ADDED):
        ids = new[first : first + _ADDED]
        index.add(ids, catalogue.read_vectors(connection, ids.tolist(), network))
    return index


def write_indexes(library: Path, generation: int, network: str, indexes: dict[Kind, VectorIndex]) -> None:
    """Write a generation's folder; it has its name only when all of it is durable."""
    folder = generation_folder(library, generation)
    make_folder(folder.parent)
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=folder.parent))
    try:
        for kind, index in indexes.items():
            write_file(index, aside / INDEX_FILES[kind])
        hashes = {name: sha256_of(aside / name) for name in INDEX_FILES.values()}
        counts = {str(kind): len(index) for kind, index in indexes.items()}
        manifest = Manifest(generation, network, counts, hashes)
        with written_aside(aside / MANIFEST) as path:
            path.write_text(json.dumps(asdict(manifest), indent=1))
        aside.chmod(folder.parent.stat().st_mode)
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)  # on a full disk it would stand in its own way
        raise
    fsync(folder.parent)


def publish(engine: Engine, library: Path, generation: int, network: Network) -> None:
    """Let readers see a generation whose rows are all committed.

    The index of the generation before is extended. A kill at any moment leaves the older generation in
    place; the next build publishes again.
    """
    with engine.connect() as connection:
        before = catalogue.current_generation(connection)
        indexes: dict[Kind, VectorIndex] = {}
        for kind in KINDS:
            start = None
            if before is not None and before.network == network.id:
                start = read_index(library, before.id, network.id, kind)
            indexes[kind] = derive_index(connection, generation, network.id, kind, start)
    sweep(library)
    write_indexes(library, generation, network.id, indexes)
    with engine.begin() as connection:
        counts = len(indexes["image"]), len(indexes["music"])
        changes.write_generation(connection, generation, (network.id, network.source), *counts)
    purge(engine, library)


def sweep(library: Path) -> None:
    """Delete index folders that a kill left half written."""
    for folder in (library / FOLDER).glob(f"{_ASIDE}*"):
        shutil.rmtree(folder, ignore_errors=True)


def purge(engine: Engine, library: Path) -> None:
    """Delete what no reader can need: generations older than the last two that nobody has open."""
    with engine.connect() as connection:
        current = catalogue.current_generation(connection)
    if current is None:
        return
    kept = [current.id]
    for folder in (library / FOLDER).iterdir():
        generation = int(folder.name) if folder.name.isdigit() else None
        if generation is None or generation >= current.id:
            continue
        if generation == current.id - 1 or is_leased(library, generation):
            kept.append(generation)
        else:
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)
    with engine.begin() as connection:
        changes.purge(connection, kept)
