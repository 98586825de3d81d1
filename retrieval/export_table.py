"""A library as a table: affect, facts, and on request scores, embeddings and features of each file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError, escape_path
from attune.core.progress import Progress
from attune.core.table_files import TableBatch, TableColumn, write_table
from attune.embedding.media_files import Kind
from attune.embedding.network import EMBEDDING_DIM, Network
from attune.embedding.silent_patches import average_sounding
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item
from attune.retrieval.correspondence import measure_correspondence
from attune.retrieval.filter_notes import describe_filters
from attune.retrieval.mood_table import MOOD_COLUMNS, FileMood, tabulate_moods
from attune.retrieval.search import Filters, build_item_filter
from attune.retrieval.seeds import QueryItem, QuerySource, mean_vector

_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_BATCH: Final = 4096  # rows that are held at a time; they are one row group in Parquet
_FACTS: Final = (
    TableColumn("title"),
    TableColumn("artist"),
    TableColumn("taken"),
    TableColumn("rating", "integer"),
    TableColumn("duration_s", "number"),
)
_SCORES: Final = (TableColumn("score", "number"), TableColumn("correspondence", "number"))


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What a table of a library holds.

    Attributes:
        kind: Kind of the files; None: pictures, then songs.
        embeddings: Whether there is a column of embeddings.
        features: Whether there is a column of features; only of one kind, since the two differ in width.
        query: Files of one kind, whose mean the files of the other kind are scored against; may be empty.
        filters: Which files are rows: its folders and exclusions count, the rest does not.
    """

    kind: Kind | None = None
    embeddings: bool = False
    features: bool = False
    query: Sequence[QueryItem] = ()
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """Result of an export.

    Attributes:
        rows: Number of files in the table.
        lost_features: Number of these whose features are lost or damaged, so that their cells are empty.
        notes: Sentences on what people should know about the table.
    """

    rows: int
    lost_features: int
    notes: tuple[str, ...]


def resolve_export_query(
    seeds: QuerySource, files: Sequence[str], kind: Kind | None, option: str
) -> list[QueryItem]:
    """Return the files that a table is scored against.

    Args:
        seeds: Source of the embeddings of files.
        files: The files; may be empty.
        kind: Kind of the rows; None: both.
        option: How errors call the parameter.

    Raises:
        UsageError: A file does not exist or is no media, they are of two kinds, or no row would have a score.
        MediaError: A file cannot be used.
    """
    for file in files:
        if seeds.file(file).kind != seeds.file(files[0]).kind:
            raise UsageError(f"{option} {escape_path(file)}: name pictures only, or songs only")
        if seeds.file(file).kind == kind:
            nouns = ("a picture", "songs") if kind == "image" else ("a song", "pictures")
            raise UsageError(f"{option} {escape_path(file)}: {nouns[0]} is scored against {nouns[1]}")
    return [seeds.seed(file) for file in files]


class ExportTable:
    """The rows of a table, read from one generation of a library, some at a time.

    Args:
        library: The library.
        network: The network of that library.
        request: What the table holds.

    Attributes:
        columns: The columns, in order; the first are those of a table of moods.
        rows: Number of rows read so far.
        lost_features: Number of these whose features are lost or damaged.

    Raises:
        UsageError: Features of both kinds are requested.
    """

    def __init__(self, library: LibraryReader, network: Network, request: ExportRequest) -> None:
        self._library = library
        self._network = network
        self._request = request
        self.rows = self.lost_features = 0
        self.columns = [*MOOD_COLUMNS, *_FACTS]
        if request.query:
            self.columns += _SCORES
        if request.embeddings:
            self.columns.append(TableColumn("embedding", "vector", EMBEDDING_DIM, "e_"))
        if request.features:
            if request.kind is None:
                raise UsageError("features: pictures and songs have different ones; choose one kind")
            width = network.backbones[request.kind].width
            self.columns.append(TableColumn("features", "vector", width, "f_"))

    @property
    def metadata(self) -> dict[str, str]:
        """Where the table comes from, for Parquet's schema."""
        from importlib.metadata import version

        return {
            "attune.version": version("attune-affect"),
            "attune.network": self._network.id,
            "attune.generation": str(self._library.generation.id),
        }

    def read(self, progress: Progress) -> Iterator[TableBatch]:
        """Yield all rows, pictures first, in the order in which the files came into the library.

        Args:
            progress: Receives the number of files, with those that are no rows.
        """
        passes = build_item_filter(self._library, self._request.filters)
        ids = {kind: self._list_ids(kind) for kind in self._kinds}
        progress.start("exporting", sum(map(len, ids.values())))
        for kind, known in ids.items():
            for first in range(0, len(known), _BATCH):
                batch = known[first : first + _BATCH].tolist()
                found = self._library.items(batch)
                items = [found[item] for item in batch if passes(found[item])]
                if items:
                    yield self._tabulate(kind, items)
                self.rows += len(items)
                progress.advance(len(batch))
        progress.finish()

    def summarize(self) -> ExportSummary:
        """Return what people should know about the rows that were read."""
        notes = dict.fromkeys(
            note
            for kind in self._kinds
            for note in describe_filters(self._library, kind, self._request.filters)
        )
        if self.lost_features:
            notes[
                f"{self.lost_features} of {self.rows} files have lost their features, and empty cells in "
                "their place; `attune repair` computes them again"
            ] = None
        return ExportSummary(self.rows, self.lost_features, tuple(notes))

    @property
    def _kinds(self) -> tuple[Kind, ...]:
        return _KINDS if self._request.kind is None else (self._request.kind,)

    def _list_ids(self, kind: Kind) -> NDArray[np.int64]:
        return self._library.ids(kind, self._request.filters.selection)

    def _tabulate(self, kind: Kind, items: Sequence[Item]) -> TableBatch:
        """Return items of one kind by column."""
        batch: dict[str, Any] = dict(
            tabulate_moods([FileMood.from_affect(item.path, item.kind, item.affect) for item in items])
        )
        batch |= {fact.name: [getattr(item, fact.name) for item in items] for fact in _FACTS}
        request = self._request
        needs_vectors = bool(request.query) or request.embeddings
        vectors = self._library.vectors([item.id for item in items]) if needs_vectors else None
        if request.query and vectors is not None:
            batch |= self._score(kind, items, vectors)
        if request.features:
            batch["features"] = self._average_features(kind, items)
        return batch | {"embedding": vectors}

    def _score(
        self, kind: Kind, items: Sequence[Item], vectors: NDArray[np.float32]
    ) -> dict[str, list[float] | list[None]]:
        query = self._request.query
        if query[0].kind == kind:  # within one kind, neither number is calibrated
            return {"score": [None] * len(items), "correspondence": [None] * len(items)}
        affects = [item.affect for item in query], [item.affect for item in items]
        return {
            "score": self._network.score(vectors @ mean_vector(query)).tolist(),
            "correspondence": measure_correspondence(self._network, *affects),
        }

    def _average_features(self, kind: Kind, items: Sequence[Item]) -> NDArray[np.float32]:
        """Return the mean features of each item, float32 (n, width); NaN where they are lost."""
        backbone = self._network.backbones[kind]
        means = np.full((len(items), backbone.width), np.nan, np.float32)
        for row, features in enumerate(self._library.find_features(items, backbone)):
            if features is None:
                self.lost_features += 1
            else:
                means[row] = average_sounding(features)
        return means


def export_library(
    path: Path, library: LibraryReader, network: Network, request: ExportRequest, progress: Progress
) -> ExportSummary:
    """Write a library as a table to a CSV or Parquet file; an old file is replaced once all is written.

    Args:
        path: The file, .csv or .parquet.
        library: The library.
        network: The network of that library.
        request: What the table holds.
        progress: Receives the number of files.

    Raises:
        UsageError: The suffix is another one, or the request makes no sense.
        AttuneError: The file cannot be written, or the library cannot be read.
    """
    table = ExportTable(library, network, request)
    write_table(path, table.columns, table.read(progress), table.metadata)
    return table.summarize()
