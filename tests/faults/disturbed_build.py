"""A build during which something happens."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path

from attune.core.errors import MediaError
from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.backbones import Backbone
from attune.embedding.decode_pool import ExtractionJob
from attune.embedding.feature_extraction import FileFeatures
from attune.embedding.media_files import Kind
from attune.embedding.network import DEFAULT_NETWORK, open_network
from attune.indexer.build import BuildReport, BuildRequest, build
from attune.tests.faults.killed_build import read_content


def build_with(
    library: LibraryAddress, media: Path, happen: Callable[[], object], at: Iterable[int]
) -> BuildReport:
    """Build; when so many files have been read, something happens."""
    left = sorted(at)
    read = 0

    def reader(
        jobs: Iterable[ExtractionJob], settings: Settings, backbones: Mapping[Kind, Backbone]
    ) -> Generator[FileFeatures | MediaError]:
        nonlocal read
        for outcome in read_content(jobs, settings, backbones):
            read += 1
            if left and read >= left[0]:
                left.pop(0)
                happen()
            yield outcome

    network = open_network(DEFAULT_NETWORK)
    request = BuildRequest(library, (str(media),))
    report = build(request, network, Settings(workers=1), SilentProgress(), reader)
    assert left == [], "less happened than there was to happen"
    return report


def write_for_a_minute(address: DatabaseAddress) -> None:
    """Hold the write lock by one long statement, as the making of a large index is one."""
    from attune.indexer.postgres.write_lock import hold_write_lock

    with hold_write_lock(address) as connection:
        connection.execute("SELECT pg_sleep(60)")
