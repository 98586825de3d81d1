"""Publishing of generations: the FAISS files are written first, then one catalogue row is switched."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write, fsync, hash_file, make_folder
from attune.embedding.media_files import Kind
from attune.indexer.catalogue import Catalogue
from attune.indexer.locks import is_leased
from attune.indexer.records import KINDS
from attune.indexer.vector_index import (
    IVF_MIN_VECTORS,
    TRAINING_SAMPLE_SIZE,
    VectorIndex,
    copy_index,
    create_index,
    is_suitable,
    read_checked,
    view_index,
    write_index_file,
)

if TYPE_CHECKING:  # it imports SQLAlchemy, which readers do without
    from attune.indexer.catalogue_writer import WritableCatalogue

logger = logging.getLogger(__name__)

FOLDER = "index"
MANIFEST = "manifest.json"
TEMPORARY_PREFIX = ".aside-"
_ADD_BATCH = 1 << 16  # vectors in memory in addition to the index
INDEX_FILES: dict[Kind, str] = {"image": "images.faiss", "music": "music.faiss"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """Description of the FAISS files in a generation's folder.

    Attributes:
        generation: Id of the generation.
        network: Id of its network.
        counts: Number of vectors by kind.
        sha256: SHA-256 of each file by its name.
    """

    generation: int
    network: str
    counts: dict[str, int]
    sha256: dict[str, str]


def generation_folder(library: Path, generation: int) -> Path:
    """Return the folder of a generation's FAISS files."""
    return library / FOLDER / str(generation)


def read_manifest(library: Path, generation: int) -> Manifest | None:
    """Return a generation's manifest, None if it is missing or damaged."""
    try:
        return Manifest(**json.loads((generation_folder(library, generation) / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def find_newest_folder(library: Path) -> int | None:
    """Return the largest number of a generation that has a folder; it may not be published yet."""
    try:
        names = [folder.name for folder in (library / FOLDER).iterdir()]
    except OSError:
        return None
    return max((int(name) for name in names if name.isdecimal()), default=None)


def open_index(library: Path, generation: int, network: str, kind: Kind) -> VectorIndex | None:
    """Return a generation's index of one kind; it can be searched but not changed.

    None stands for an index that is missing, damaged or of another network.
    """
    data = _read_index_bytes(library, generation, network, kind)
    return None if data is None else view_index(data)


def load_index(library: Path, generation: int, network: str, kind: Kind) -> VectorIndex | None:
    """Return a copy of a generation's index of one kind, to be changed.

    None stands for an index that is missing, damaged or of another network.
    """
    data = _read_index_bytes(library, generation, network, kind)
    return None if data is None else copy_index(data)


def _read_index_bytes(library: Path, generation: int, network: str, kind: Kind) -> NDArray[np.uint8] | None:
    manifest = read_manifest(library, generation)
    if manifest is None or (manifest.generation, manifest.network) != (generation, network):
        return None
    name = INDEX_FILES[kind]
    return read_checked(generation_folder(library, generation) / name, manifest.sha256.get(name, ""))


def derive_index(
    catalogue: Catalogue, generation: int, network: str, kind: Kind, start: VectorIndex | None
) -> VectorIndex:
    """Return the index of a generation, made from the catalogue.

    Args:
        catalogue: The catalogue.
        generation: Id of the generation.
        network: Id of its network.
        kind: image or music.
        start: Index of an older generation that is updated, if its type still suits the number of vectors;
            None: start from an empty index.
    """
    wanted = catalogue.ids(generation, kind)
    index = start if start is not None and is_suitable(start, len(wanted)) else None
    if index is None:
        sample_ids = np.sort(np.random.default_rng(0).permutation(wanted)[:TRAINING_SAMPLE_SIZE])
        sample = sample_ids if len(wanted) >= IVF_MIN_VECTORS else sample_ids[:0]
        index = create_index(len(wanted), catalogue.vectors(sample.tolist(), network))
    known = index.ids
    index.remove(np.setdiff1d(known, wanted))
    new = np.setdiff1d(wanted, known)
    for first in range(0, len(new), _ADD_BATCH):
        ids = new[first : first + _ADD_BATCH]
        index.add(ids, catalogue.vectors(ids.tolist(), network))
    return index


def write_indexes(library: Path, generation: int, network: str, indexes: dict[Kind, VectorIndex]) -> None:
    """Write the folder of a generation; it gets its final name when all its files are durable."""
    folder = generation_folder(library, generation)
    make_folder(folder.parent)
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.parent))
    try:
        for kind, index in indexes.items():
            write_index_file(index, temporary / INDEX_FILES[kind])
        hashes = {name: hash_file(temporary / name) for name in INDEX_FILES.values()}
        counts = {str(kind): len(index) for kind, index in indexes.items()}
        manifest = Manifest(generation, network, counts, hashes)
        with atomic_write(temporary / MANIFEST) as path:
            path.write_text(json.dumps(asdict(manifest), indent=1))
        temporary.chmod(folder.parent.stat().st_mode)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)  # on a full disk the next build needs the space
        raise
    fsync(folder.parent)


def make_indexes(catalogue: Catalogue, library: Path, generation: int, network: str) -> None:
    """Write the FAISS files of a generation that is not published yet; those of the last one are updated."""
    before = catalogue.current_generation()
    indexes: dict[Kind, VectorIndex] = {}
    for kind in KINDS:
        start = None
        if before is not None and before.network == network:
            start = load_index(library, before.id, network, kind)
        indexes[kind] = derive_index(catalogue, generation, network, kind, start)
    delete_partial_indexes(library)
    write_indexes(library, generation, network, indexes)


def delete_partial_indexes(library: Path) -> None:
    """Delete incomplete index folders of builds that were killed."""
    for folder in (library / FOLDER).glob(f"{TEMPORARY_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


def purge(catalogue: WritableCatalogue, library: Path) -> None:
    """Delete the generations that are older than the last two and that no reader has open."""
    current = catalogue.current_generation()
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
    with catalogue.transaction():
        catalogue.purge(kept)
