"""References of clients, to items of the library or to uploads, and their embeddings.

A reference is an id, never a path: clients cannot make the server open a file.
"""

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
    """An item of the library, or an upload, as a client refers to it.

    Attributes:
        id: The reference.
        name: An item's path, or an upload's name on the client.
        kind: image or music.
        source: The item or the upload.
    """

    id: str
    name: str
    kind: Kind
    source: Item | Upload


class ReferenceResolver:
    """Resolves clients' references to query items, as `QueryResolver` does with files.

    Args:
        snapshot: The generation to look items up in.
        uploads: The uploads of all clients.
    """

    def __init__(self, snapshot: LibrarySnapshot, uploads: UploadStore) -> None:
        self._snapshot = snapshot
        self._uploads = uploads

    def resolve(self, reference: str) -> ResolvedReference:
        """Return the item or the upload of a reference.

        Raises:
            UsageError: The text is not a reference.
            UnknownItem: The generation has no such item.
            ExpiredUpload: The upload is no longer stored.
        """
        if reference.startswith(PREFIX):
            upload = self._uploads.get(reference)
            return ResolvedReference(reference, upload.name, upload.kind, upload)
        item = get_item(self._snapshot, reference)
        return ResolvedReference(reference, item.path, item.kind, item)

    def seed(self, path: str, span: Span = WHOLE_SONG) -> QueryItem:
        """Return the query item of a reference: its embedding and affect.

        Args:
            path: The reference.
            span: The part of a song to use; ignored for a picture.

        Raises:
            UsageError: The text is not a reference, or the song has nothing in this span.
            UnknownItem: The generation has no such item.
            ExpiredUpload: The upload is no longer stored, or its features are of another backbone.
            UnreachableMedia: The library has lost the item's features.
        """
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
        """Return the segments of a song, with embeddings; raises the same errors as `seed`."""
        target = self.resolve(path)
        if target.kind != "music":
            raise UsageError(f"{path}: a picture has no moments")
        return embed_segments(self._snapshot.network, self._features(target))

    def _features(self, target: ResolvedReference) -> NDArray[np.float16]:
        backbone = self._snapshot.network.backbones[target.kind]
        if isinstance(target.source, Upload):
            if target.source.backbone != backbone.id:
                raise ExpiredUpload("the library has another network since this upload; send the file again")
            return target.source.features
        try:
            return self._snapshot.library.features(target.source, backbone)
        except LibraryError as error:
            raise UnreachableMedia(target.name, "its features are missing; build the index again") from error


def get_item(snapshot: LibrarySnapshot, reference: str) -> Item:
    """Return the library's item of a reference.

    Raises:
        UsageError: The text is not an id.
        UnknownItem: The generation has no such item.
    """
    if not _ID.fullmatch(reference):
        raise UsageError(f"{reference[:40]!r}: not the id of an item")
    item = snapshot.library.item(int(reference))
    if item is None:
        raise UnknownItem(f"the library has no item {reference} (any more)")
    return item
