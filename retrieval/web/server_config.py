"""What a server is told when it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from attune.core.settings import Settings
from attune.embedding.feature_extraction import Limits

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much a client may send.

    Attributes:
        bytes: Of one request's body.
        files: In one request.
        decode_limits: Pixels of a picture, seconds of a song.
        kept: Analyses (numbers, not files) that are remembered at a time.
        kept_s: Seconds after which an analysis that nobody asks with is forgotten.
    """

    bytes: int = 100 * _MB
    files: int = 8
    decode_limits: Limits = field(default_factory=lambda: Limits(pixels=100_000_000, seconds=900.0))
    kept: int = 32
    kept_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Config:
    """All that a server depends on.

    Attributes:
        library: The library's folder; it need not exist yet.
        network: The network that was asked for, None: the library's own.
        cache: Folder for thumbnails and outlines.
        hosts: Names under which clients may call it, in lower case.
        allow_ip_addresses: Clients may call it by any IP address, too.
        token: What every client must know; None: nothing is asked.
        uploads: How much a client may send.
        readers: Limits of the processes that read uploads; strict, but a long song passes.
        threads: Questions that are computed at a time.
        waiting: Questions that may wait for that; one more is refused.
        cache_bytes: The cache is cut back to this size at each start.
        poll_interval_s: Seconds between two looks for a new generation.
    """

    library: Path
    cache: Path
    network: str | None = None
    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    allow_ip_addresses: bool = False
    token: str | None = None
    uploads: UploadLimits = field(default_factory=UploadLimits)
    readers: Settings = field(
        default_factory=lambda: Settings(
            workers=1, image_timeout_s=30.0, music_timeout_s=120.0, memory_mb=3072
        )
    )
    threads: int = field(default_factory=lambda: max(2, os.cpu_count() or 1))
    waiting: int = 64
    cache_bytes: int = 2000 * _MB
    poll_interval_s: float = 2.0
