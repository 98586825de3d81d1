"""Configuration of the server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from attune.core.library_address import LibraryAddress
from attune.core.settings import Settings, load_settings
from attune.embedding.feature_extraction import Limits

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Limits of what clients may upload.

    Attributes:
        bytes: Maximum size of a request's body, in bytes.
        files: Maximum number of files in a request.
        decode_limits: Maximum pixels of a picture, as in a build, and seconds of a song.
        kept: Maximum number of analyses (not files) that are kept at the same time.
        kept_s: Seconds after its last use until an analysis is removed.
    """

    bytes: int = 100 * _MB
    files: int = 8
    decode_limits: Limits = field(default_factory=lambda: Limits(seconds=900.0))
    kept: int = 32
    kept_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Configuration of a server.

    Attributes:
        library: Where the library is kept; it need not exist yet.
        cache: Folder for thumbnails and outlines.
        network: The network to use; None: the library's own.
        hosts: Names under which clients may address the server, in lower case.
        allow_ip_addresses: Whether clients may also address it by any IP address.
        token: The token that every client must send; None: no token is needed.
        uploads: Limits of what clients may upload.
        readers: Limits of the processes that decode files; strict, but sufficient for a long song.
        threads: Number of queries that are computed at the same time.
        waiting: Number of queries that may wait for a thread; further ones are refused.
        cache_bytes: Size in bytes to which the cache is trimmed when the server starts.
        poll_interval_s: Seconds between two checks for a new generation.
    """

    library: LibraryAddress
    cache: Path
    network: str | None = None
    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    allow_ip_addresses: bool = False
    token: str | None = None
    uploads: UploadLimits = field(default_factory=UploadLimits)
    readers: Settings = field(
        default_factory=lambda: load_settings(
            workers=1, image_timeout_s=30.0, music_timeout_s=120.0, memory_mb=3072
        )
    )
    threads: int = field(default_factory=lambda: max(2, os.cpu_count() or 1))
    waiting: int = 64
    cache_bytes: int = 2000 * _MB
    poll_interval_s: float = 2.0
