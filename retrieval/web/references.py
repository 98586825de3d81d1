"""What a client asks with becomes embeddings: ids of the library and uploads, never a path."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import LibraryError, UnreachableMedia, UsageError
from attune.embedding.media_files import Kind
from attune.embedding.network import Affect
from attune.embedding.segments import Segments, embed_segments, embed_track, slice_features
from attune.indexer.records import Item
from attune.retrieval.seeds import WHOLE_SONG, QueryItem, Span
from attune.retrieval.web.http_errors import ExpiredUpload, UnknownItem
from attune.retrieval.web.library_holder import LibrarySnapshot
from attune.retrieval.web.uploads import PREFIX, Upload, UploadStore

_ID = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class ResolvedReference:
    """An item of the library, or an upload, as a client sees it.

    Attributes:
        id: What it is asked for by.
        name: The file's path in the library, or what its sender calls it.
        kind: image or music.
        source: The item or the upload.
    """

    id: str
    name: str
    kind: Kind
    source: Item | Upload


class ReferenceResolver:
    """Makes seeds of a client's references, as `Seeds` does of files.

    Args:
        opened: The generation that is asked.
        uploads: What clients sent.
    """

    def __init__(self, snapshot: LibrarySnapshot, uploads: UploadStore) -> None:
        self._snapshot = snapshot
        self._uploads = uploads

    def resolve(self, reference: str) -> ResolvedReference:
        """Return what a reference means.

        Raises:
            UsageError: It is no reference.
            UnknownItem: The generation has no such item.
            Forgotten: The upload is not remembered any more.
        """
        if reference.startswith(PREFIX):
            upload = self._uploads.get(reference)
            return ResolvedReference(reference, upload.name, upload.kind, upload)
        item = get_item(self._snapshot, reference)
        return ResolvedReference(reference, item.path, item.kind, item)

    def seed(self, path: str, span: Span = WHOLE_SONG) -> QueryItem:
        """Return what a reference asks; raises what `resolve` raises."""
        target = self.resolve(path)
        network = self._snapshot.network
        if isinstance(target.source, Item) and (span.whole or target.kind == "image"):
            vector = self._snapshot.library.vectors([target.source.id])[0]
            return QueryItem(target.name, target.kind, vector, target.source.affect)
        features = self._features(target)
        if target.kind == "image":
            embedded = network.embed("image", features)
        else:
            embedded = embed_track(network, slice_features(features, span.start_s, span.end_s))
        return QueryItem(target.name, target.kind, embedded.vectors[0], Affect.from_row(embedded.affect[0]))

    def moments(self, path: str) -> Segments:
        """Return the moments of a song; raises what `resolve` raises."""
        target = self.resolve(path)
        if target.kind != "music":
            raise UsageError(f"{path}: a picture has no moments")
        return embed_segments(self._snapshot.network, self._features(target))

    def _features(self, target: ResolvedReference) -> NDArray[np.float16]:
        backbone = self._snapshot.network.backbones[target.kind]
        if isinstance(target.source, Upload):
            if target.source.backbone != backbone.id:
                raise ExpiredUpload("the library has got another network since this was sent; send it again")
            return target.source.features
        try:
            return self._snapshot.library.features(target.source, backbone)
        except LibraryError as error:
            raise UnreachableMedia(target.name, "its features are lost; build the index again") from error


def get_item(snapshot: LibrarySnapshot, reference: str) -> Item:
    """Return the library's item that a reference means.

    Raises:
        UsageError: It is no reference.
        UnknownItem: The generation has no such item.
    """
    if not _ID.fullmatch(reference):
        raise UsageError(f"{reference[:40]!r}: not an id of the library")
    item = snapshot.library.item(int(reference))
    if item is None:
        raise UnknownItem(f"the library has no item {reference} (any more)")
    return item
