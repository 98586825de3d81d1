"""What a client asks with becomes embeddings: ids of the library and uploads, never a path."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import LibraryError, UnreachableMedia, UsageError
from attune.embedding.media import Kind
from attune.embedding.moments import Moments, embed_moments, embed_track, part
from attune.embedding.network import Affect
from attune.indexer.records import Item
from attune.retrieval.query import WHOLE, Seed, Span
from attune.retrieval.web.errors import Forgotten, UnknownItem
from attune.retrieval.web.shelf import Opened
from attune.retrieval.web.uploads import PREFIX, Upload, Uploads

_ID = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Known:
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


class ClientSeeds:
    """Makes seeds of a client's references, as `Seeds` does of files.

    Args:
        opened: The generation that is asked.
        uploads: What clients sent.
    """

    def __init__(self, opened: Opened, uploads: Uploads) -> None:
        self._opened = opened
        self._uploads = uploads

    def known(self, reference: str) -> Known:
        """Return what a reference means.

        Raises:
            UsageError: It is no reference.
            UnknownItem: The generation has no such item.
            Forgotten: The upload is not remembered any more.
        """
        if reference.startswith(PREFIX):
            upload = self._uploads.get(reference)
            return Known(reference, upload.name, upload.kind, upload)
        item = item_of(self._opened, reference)
        return Known(reference, item.path, item.kind, item)

    def seed(self, path: str, span: Span = WHOLE) -> Seed:
        """Return what a reference asks; raises what `known` raises."""
        known = self.known(path)
        network = self._opened.network
        if isinstance(known.source, Item) and (span.whole or known.kind == "image"):
            vector = self._opened.library.vectors([known.source.id])[0]
            return Seed(known.name, known.kind, vector, known.source.affect)
        features = self._features(known)
        if known.kind == "image":
            embedded = network.embed("image", features)
        else:
            embedded = embed_track(network, part(features, span.start_s, span.end_s))
        return Seed(known.name, known.kind, embedded.vectors[0], Affect.of(embedded.affect[0]))

    def moments(self, path: str) -> Moments:
        """Return the moments of a song; raises what `known` raises."""
        known = self.known(path)
        if known.kind != "music":
            raise UsageError(f"{path}: a picture has no moments")
        return embed_moments(self._opened.network, self._features(known))

    def _features(self, known: Known) -> NDArray[np.float16]:
        backbone = self._opened.network.backbones[known.kind]
        if isinstance(known.source, Upload):
            if known.source.backbone != backbone.id:
                raise Forgotten("the library has got another network since this was sent; send it again")
            return known.source.features
        try:
            return self._opened.library.features(known.source, backbone)
        except LibraryError as error:
            raise UnreachableMedia(known.name, "its features are lost; build the index again") from error


def item_of(opened: Opened, reference: str) -> Item:
    """Return the library's item that a reference means.

    Raises:
        UsageError: It is no reference.
        UnknownItem: The generation has no such item.
    """
    if not _ID.fullmatch(reference):
        raise UsageError(f"{reference[:40]!r}: not an id of the library")
    item = opened.library.item(int(reference))
    if item is None:
        raise UnknownItem(f"the library has no item {reference} (any more)")
    return item
