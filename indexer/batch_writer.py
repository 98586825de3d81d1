"""Writing a pending generation: features first, then rows and embeddings in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import CostlyMedia, MediaError, UnreachableMedia
from attune.core.progress import Progress
from attune.core.reachability import call_with_timeout
from attune.embedding.feature_extraction import FileFeatures, hash_content, read_facts
from attune.embedding.media_facts import FACTS_VERSION, MediaFacts
from attune.embedding.media_files import Kind
from attune.embedding.network import Network
from attune.embedding.segments import embed_segments, embed_track
from attune.indexer.build_diff import BuildDiff
from attune.indexer.catalogue_writer import ItemRecord, NetworkOutput, UnembeddedItem, WritableCatalogue
from attune.indexer.feature_store import FeatureStore
from attune.indexer.records import Stamp
from attune.indexer.scan import Candidate

if TYPE_CHECKING:
    from attune.core.settings import Settings

logger = logging.getLogger(__name__)

TRANSIENT = "passing"  # stored instead of a reader version, so that every build tries the file again
_READING_TIMEOUT_S = 300.0  # for a hash of a file, or its facts
_DECODING_VERSION = 3  # a higher one whenever other files can be read than before
_EMBED_BATCH = 512  # pictures per run of the network


@cache
def reader_version() -> str:
    """Return the version of the file reader: of Attune and of its decoding, and the extras that read more.

    It decides which files can be read. Files that failed with another version are tried again.
    """
    extras = [name for name in ("pi_heif", "pillow_jxl", "rawpy") if find_spec(name)]
    return "+".join([version("attune-affect"), str(_DECODING_VERSION), *extras])


def reader_version_with_limits(settings: Settings | None) -> str:
    """Return `reader_version` with the limits of time and memory; None: the limits of the environment."""
    from attune.core.settings import load_settings

    settings = settings or load_settings()
    limits = settings.image_timeout_s, settings.music_timeout_s, settings.memory_mb
    return "+".join([reader_version(), *(f"{limit:g}" for limit in limits)])


class BatchWriter:
    """Writer of the pending generation of a build.

    Args:
        catalogue: The catalogue to write to.
        folder: Folder of the stored features.
        network: Network that embeds the items.
        generation: The generation that the rows will belong to.
        settings: The limits within which files are read.
    """

    def __init__(
        self,
        catalogue: WritableCatalogue,
        folder: Path,
        network: Network,
        generation: int,
        settings: Settings,
    ) -> None:
        self._reader = reader_version_with_limits(settings)
        self._catalogue = catalogue
        self._network = network
        self._generation = generation
        self._stores: dict[Kind, FeatureStore] = {}
        for kind, backbone in network.backbones.items():
            self._stores[kind] = FeatureStore(folder, backbone)
            row_count = catalogue.count_feature_rows(backbone.id)
            with catalogue.transaction():
                # This is committed before `open_at` fills the gap with zeros, so that no row refers to them.
                catalogue.remove_lost(backbone.id, self._stores[kind].count(), generation)
            self._stores[kind].open_at(row_count)
        self._sizes = catalogue.sizes()

    def remove_missing(self, diff: BuildDiff) -> None:
        """Remove the rows of files that are gone or left out, and update the list of skipped files."""
        with self._catalogue.transaction():
            self._catalogue.remove([row.id for row in diff.gone] + diff.failed_ids, self._generation)
            self._catalogue.leave_out(
                [row.id for row in diff.moved] + diff.left_out,
                self._generation,
            )
            failed = {skip.path for skip in diff.known_failures}
            refused = {file.stamp: file.reason for file in diff.scan.refused}
            self._catalogue.update_skips(failed, refused, reader_version(), diff.missing)

    def copy_known(
        self, candidates: Sequence[Candidate], diff: BuildDiff
    ) -> tuple[list[Candidate], dict[Candidate, bytes]]:
        """Write rows for the files whose content has features already.

        Such a file was touched, renamed or copied, it was left out by a setting, or its features by this
        backbone were stored before another network was used.

        Args:
            candidates: Files whose content is looked up.
            diff: The work of the build to which they belong.

        Returns:
            The other files, and the files that got rows, with their content hashes.
        """
        contents = {
            candidate: content
            for candidate in candidates
            if (content := self._hash_candidate(candidate, diff))
        }
        with self._catalogue.transaction():
            found = self._catalogue.find_contents(
                contents.values(), self._network.id, self._network.backbones
            )
            copies, rest, copied = [], [], {}
            for candidate in candidates:
                content = contents.get(candidate)
                known = None if content is None else found.get((candidate.kind, content))
                if (
                    content is None
                    or known is None
                    or not self._stores[candidate.kind].has(
                        known.feature_row, known.feature_rows, known.features_crc
                    )
                ):
                    rest.append(candidate)
                else:
                    copies.append(
                        replace(known, stamp=candidate.stamp, facts=_update_facts(known, candidate))
                    )
                    copied[candidate] = content
            self._catalogue.write_items(copies, self._network.id, self._generation)
            paths = (copy.stamp.path for copy in copies)
            old = [diff.replaced[path] for path in paths if path in diff.replaced]
            self._catalogue.remove(old, self._generation)
        return rest, copied

    def _hash_candidate(self, candidate: Candidate, diff: BuildDiff) -> bytes | None:
        """Return the content hash of a file, None if no file of its size is in the library."""
        if candidate in diff.contents:
            return diff.contents[candidate]
        return hash_candidate(candidate) if candidate.stamp.size in self._sizes else None

    def commit(
        self, batch: Sequence[FileFeatures | MediaError], stamps: dict[str, Stamp], replaced: dict[str, int]
    ) -> None:
        """Write a batch: its features durably, then everything else in one transaction.

        Args:
            batch: Features, or the error, of each file.
            stamps: Path of each file to its stamp in the scan.
            replaced: Path of a changed file to the id of its old row.
        """
        if not batch:
            return
        good = [outcome for outcome in batch if isinstance(outcome, FileFeatures)]
        records = self._embed_batch(good, stamps)
        with self._catalogue.transaction():
            self._catalogue.write_items(records, self._network.id, self._generation)
            for outcome in batch:
                path = str(outcome.path)
                if isinstance(outcome, MediaError):
                    logger.info("skipped %s", outcome)
                    reader = self._reader_for_error(outcome)
                    self._catalogue.write_skip(stamps[path], outcome.reason, reader)
            settled = [str(outcome.path) for outcome in batch if not isinstance(outcome, UnreachableMedia)]
            old = [replaced[path] for path in settled if path in replaced]
            self._catalogue.remove(old, self._generation)
        self._sizes.update(record.stamp.size for record in records)
        logger.debug("committed %d files, %d of them usable", len(batch), len(good))

    def _reader_for_error(self, error: MediaError) -> str:
        if isinstance(error, UnreachableMedia):
            return TRANSIENT
        return self._reader if isinstance(error, CostlyMedia) else reader_version()

    def complete(self) -> None:
        """Remove the items without an embedding by the network from the generation."""
        with self._catalogue.transaction():
            self._catalogue.remove_unembedded(self._generation, self._network.id)
            self._catalogue.forget_left_out(self._generation)

    def re_embed(self, progress: Progress) -> tuple[int, set[int]]:
        """Embed the items that this network has not embedded yet, from stored features.

        Args:
            progress: Receives the number of items.

        Returns:
            The number of embedded items, and the ids of items whose features are damaged, so that their
            files must be read again.
        """
        todo: dict[Kind, list[UnembeddedItem]] = {
            kind: self._catalogue.unembedded(self._generation, self._network.id, backbone.id)
            for kind, backbone in self._network.backbones.items()
        }
        count = sum(map(len, todo.values()))
        damaged: set[int] = set()
        if count == 0:
            return 0, damaged
        progress.start("embedding again", count)
        for kind, unembedded in todo.items():
            for offset in range(0, len(unembedded), _EMBED_BATCH):
                chunk = unembedded[offset : offset + _EMBED_BATCH]
                damaged |= self._re_embed_chunk(kind, chunk)
                progress.advance(len(chunk))
        progress.finish()
        return count - len(damaged), damaged

    def _re_embed_chunk(self, kind: Kind, chunk: Sequence[UnembeddedItem]) -> set[int]:
        """Embed items from stored features; return the ids of those whose features are damaged."""
        store = self._stores[kind]
        read = {one.id: store.read(one.feature_row, one.feature_rows, one.features_crc) for one in chunk}
        whole = {item: features for item, features in read.items() if features is not None}
        if whole:
            outputs = _run_network(self._network, kind, list(whole.values()))
            with self._catalogue.transaction():
                self._catalogue.write_embeddings(self._network.id, list(zip(whole, outputs, strict=True)))
        return read.keys() - whole.keys()

    def _embed_batch(self, good: Iterable[FileFeatures], stamps: dict[str, Stamp]) -> list[ItemRecord]:
        records = []
        for kind, backbone in self._network.backbones.items():
            files = [file for file in good if file.kind == kind]
            if not files:
                continue
            arrays = [file.features for file in files]
            rows = self._stores[kind].append(arrays)
            outputs = _run_network(self._network, kind, arrays)
            for file, (row, crc), output in zip(files, rows, outputs, strict=True):
                records.append(
                    ItemRecord(
                        kind=kind,
                        stamp=stamps[str(file.path)],
                        facts=file.facts,
                        backbone=backbone.id,
                        feature_row=row,
                        feature_rows=len(file.features),
                        features_crc=crc,
                        network_output=output,
                    )
                )
        return records


def hash_candidate(candidate: Candidate) -> bytes | None:
    """Return the content hash of a file, None if it cannot be read or its disk does not reply."""
    try:
        return call_with_timeout(partial(hash_content, Path(candidate.stamp.path)), _READING_TIMEOUT_S)
    except (MediaError, TimeoutError):
        return None


def _update_facts(known: ItemRecord, candidate: Candidate) -> MediaFacts:
    """Return the facts about a file of known content; read again if its sidecar or the rules are others."""
    is_current = (known.facts.sidecar_mtime_ns, known.facts_version) == (
        candidate.sidecar_mtime_ns,
        FACTS_VERSION,
    )
    if is_current:
        return known.facts
    facts = known.facts
    with suppress(TimeoutError):
        read = partial(read_facts, Path(candidate.stamp.path), known.kind, known.facts)
        facts = call_with_timeout(read, _READING_TIMEOUT_S)
    # As the scan saw it, which follows no links and knows what is excluded, so that it is not news again.
    return replace(facts, sidecar_mtime_ns=candidate.sidecar_mtime_ns)


def _run_network(network: Network, kind: Kind, arrays: Sequence[NDArray[np.float16]]) -> list[NetworkOutput]:
    """Return embedding and affect of each item, given its features, float16 (rows, width)."""
    if kind == "image":
        pictures = network.embed("image", np.concatenate(arrays))
        return [
            NetworkOutput(vector, affect, None)
            for vector, affect in zip(pictures.vectors, pictures.affect, strict=True)
        ]
    network_output = []
    for features in arrays:
        track = embed_track(network, features)
        moments = embed_segments(network, features).embedded.vectors.astype(np.float16)
        network_output.append(NetworkOutput(track.vectors[0], track.affect[0], moments))
    return network_output
