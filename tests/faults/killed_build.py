"""Build in its own process that is killed, or loses power, at a given step.

Attune's code has no part in it: the steps are observed by Python's audit hooks, SQLAlchemy's events and
wrappers of `os.fsync` and of psycopg.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from attune.core.errors import MediaError, UnreachableMedia
from attune.core.exclusions import Exclusion
from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.backbones import Backbone
from attune.embedding.decode_pool import ExtractionJob
from attune.embedding.feature_extraction import FileFeatures, hash_content
from attune.embedding.media_facts import MediaFacts
from attune.embedding.media_files import Kind
from attune.tests.faults.library_places import SMALL_EXACT_ROWS

_SONGS: Final = 10
_FILE_STEPS: Final = {
    "os.rename": "rename",
    "os.remove": "delete a file",
    "os.rmdir": "delete a folder",
    "os.mkdir": "make a folder",
    "os.truncate": "truncate",
}


@dataclass(frozen=True, slots=True)
class KilledBuildSpec:
    """Input of a build that is killed.

    Attributes:
        library: Where the library is.
        files: Folder of the files that the build writes; that of the features of a library in a database.
        media: Folder of the media files; of a copy, the library that is copied.
        network: Folder of the network, or the name of a shipped one.
        log: File to which the names of the steps are written.
        kill_at: Number of the step, from 1, at which the process kills itself; None: it does not.
        delay_s: Seconds after which it does so when the step is one of the server's.
        mirror: Folder for copies of all durable data, which is what a power cut leaves; None: no power cut.
        only_settings: Whether the settings are changed, by `change_library_settings`, in place of a build.
    """

    library: LibraryAddress
    files: Path
    media: Path
    network: str
    log: Path
    kill_at: int | None = None
    delay_s: float = 0.0
    mirror: Path | None = None
    only_settings: bool = False


def run(spec: KilledBuildSpec) -> None:
    """Build the library, unless the process is killed."""
    from attune.embedding.network import open_network
    from attune.indexer.build import BuildRequest, build

    if isinstance(spec.library, DatabaseAddress):
        from attune.indexer.postgres import pgvector_index

        os.environ["ATTUNE_FEATURES"] = str(spec.files)
        pgvector_index.EXACT_ROWS = SMALL_EXACT_ROWS  # type: ignore[misc]
    _StepCounter(spec).watch()
    if spec.only_settings:
        change_library_settings(spec.library)
        return
    build(
        BuildRequest(spec.library, (str(spec.media),)),
        open_network(spec.network),
        Settings(workers=1),
        SilentProgress(),
        read_content,
    )


def run_copy(spec: KilledBuildSpec, rows_per_batch: int) -> None:
    """Copy the library in the folder `spec.media` in small batches, unless the process is killed."""
    from attune.indexer import library_copy

    vars(library_copy)["_PAGE"] = rows_per_batch
    steps = _StepCounter(spec)
    steps.watch()
    library_copy.copy_library(spec.media, spec.library, SilentProgress())
    steps.count("finished")  # when power is cut here, everything must be durable


def change_library_settings(library: LibraryAddress) -> None:
    """Leave out every file whose name ends with a 7, from now on."""
    from attune.embedding.network import open_network
    from attune.indexer.library_settings import change_settings

    change_settings(
        library,
        lambda known: replace(known, exclusions=[Exclusion("*7.jpg")]),
        lambda _: open_network(),
        Settings(workers=1),
        SilentProgress(),
    )


def read_content(
    jobs: Iterable[ExtractionJob],
    settings: Settings,
    backbones: Mapping[Kind, Backbone],
) -> Generator[FileFeatures | MediaError]:
    """Yield features that are derived from the hash of a file's bytes, a fast substitute for real ones.

    The effect of a kill on a library does not depend on the features.
    """
    import numpy as np

    for job in jobs:
        try:
            content = hash_content(job.path)
        except UnreachableMedia as error:
            yield error
            continue
        random = np.random.default_rng(list(content))
        shape = (1 if job.kind == "image" else 4, backbones[job.kind].width)
        features = random.gamma(0.5, 1.0, shape).astype(np.float16)
        duration_s = None if job.kind == "image" else 9.0
        yield FileFeatures(job.path, job.kind, MediaFacts(content=content, duration_s=duration_s), features)


class _StepCounter:
    """Counter of the steps of a build, which kills the process at one of them."""

    def __init__(self, spec: KilledBuildSpec) -> None:
        self._spec = spec
        self._files = os.fspath(spec.files)
        self._log = os.open(spec.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._count = 0
        self._durable = None if spec.mirror is None else _DurableMirror(spec.files, spec.mirror)

    def watch(self) -> None:
        from sqlalchemy import Engine, event

        sys.addaudithook(self._on_audit)
        event.listen(Engine, "commit", lambda _: self.count("commit"))
        event.listen(Engine, "after_cursor_execute", self._on_statement)
        # `os` is patched only in this process, which runs nothing but the build.
        setattr(os, "fsync", self._wrap_fsync(os.fsync))  # noqa: B010
        if isinstance(self._spec.library, DatabaseAddress):
            self._watch_driver()

    def _watch_driver(self) -> None:
        """Count the indexes, copied rows and commits, which do not go by way of SQLAlchemy."""
        import psycopg

        execute, leave = psycopg.Cursor.execute, psycopg.Transaction.__exit__

        def execute_counted(cursor: Any, statement: Any, *arguments: Any, **options: Any) -> Any:
            name = " ".join(statement.split()[:2]).lower() if isinstance(statement, str) else ""
            is_index = name in ("create index", "drop index")
            if is_index:
                self.count(f"during {name}", self._spec.delay_s)
            done = execute(cursor, statement, *arguments, **options)
            if is_index:
                self.count(f"after {name}")
            return done

        def leave_counted(transaction: Any, *error: Any) -> Any:
            self.count("during commit", self._spec.delay_s / 100)
            done = leave(transaction, *error)
            self.count("commit")
            return done

        psycopg.Cursor.execute = execute_counted  # type: ignore[method-assign, assignment]
        psycopg.Transaction.__exit__ = leave_counted  # type: ignore[method-assign]

    def count(self, name: str, delay_s: float = 0.0) -> None:
        """Count a step, and die if it is the one, after a delay where there is one and power is not cut."""
        self._count += 1
        os.write(self._log, f"{name}\n".encode())
        if self._count != self._spec.kill_at:
            return
        if delay_s and self._durable is None:
            threading.Thread(target=_kill_self_after, args=(delay_s,), daemon=True).start()
            return
        if self._durable is not None:
            self._durable.cut_power()
        os.kill(os.getpid(), signal.SIGKILL)

    def _on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        name = _FILE_STEPS.get(event)
        if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            name = "open for writing"
        if name is not None and self._is_in_library(arguments[0]):
            self.count(name)

    def _is_in_library(self, path: object) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(self._files)

    def _on_statement(self, *arguments: Any) -> None:
        statement: str = arguments[2]
        words = statement.split(maxsplit=3)
        if words[0] in ("INSERT", "DELETE", "UPDATE", "CREATE", "ALTER"):
            table = words[2] if words[0] in ("INSERT", "DELETE") else words[1]
            self.count("switch the generation" if table == "state" else f"{words[0].lower()} rows")

    def _wrap_fsync(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        def counted_fsync(handle: int) -> None:
            self.count("before fsync")
            fsync(handle)
            if self._durable is not None:
                self._durable.keep(handle)
            self.count("after fsync")

        return counted_fsync


def _kill_self_after(delay_s: float) -> None:
    time.sleep(delay_s)
    os.kill(os.getpid(), signal.SIGKILL)


class _DurableMirror:
    """Copy of the durable data: the bytes of each file and the names in each folder at their last fsync.

    SQLite's files are copied as they are, since SQLite guarantees the order of its writes. The fault to be
    found is a row that is durable before the data to which it refers.
    """

    def __init__(self, library: Path, mirror: Path) -> None:
        self._library, self._mirror = library, mirror
        self._files: dict[int, Path] = {}
        self._folders: dict[int, dict[str, os.DirEntry[str]]] = {}
        mirror.mkdir()
        for folder, _, names in os.walk(library):
            self._keep_folder(Path(folder))
            for name in names:
                self._keep_file(Path(folder) / name)

    def keep(self, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").resolve()
        if path.is_dir():
            self._keep_folder(path)
        else:
            self._keep_file(path)

    def _keep_folder(self, path: Path) -> None:
        self._folders[path.stat().st_ino] = {entry.name: entry for entry in os.scandir(path)}

    def _keep_file(self, path: Path) -> None:
        inode = path.stat().st_ino
        self._files[inode] = self._mirror / str(inode)
        shutil.copyfile(path, self._files[inode])

    def cut_power(self) -> None:
        """Write the durable data to `mirror/library`."""
        if self._library.exists():
            self._restore(self._library.stat().st_ino, self._mirror / "library")
            for file in self._library.glob("catalogue.db*"):
                shutil.copyfile(file, self._mirror / "library" / file.name)

    def _restore(self, inode: int, target: Path) -> None:
        target.mkdir()
        for name, entry in self._folders.get(inode, {}).items():
            if entry.is_dir():
                self._restore(entry.inode(), target / name)
            elif entry.inode() in self._files:
                shutil.copyfile(self._files[entry.inode()], target / name)
            else:
                (target / name).touch()  # the name was durable, the bytes were not


def make_media(folder: Path, count: int) -> None:
    """Write files with distinct bytes; the first ten are music, the others pictures."""
    folder.mkdir(parents=True)
    for number in range(count):
        suffix = "flac" if number < _SONGS else "jpg"
        (folder / f"{number:03d}.{suffix}").write_bytes(b"content %d" % number)


def change_media(folder: Path) -> None:
    """Change, delete and rename some of the files, and add others."""
    files = sorted(folder.iterdir())
    for file in files[5:25]:
        file.write_bytes(file.read_bytes() + b", changed")
    for file in files[25:45]:
        file.unlink()
    for file in files[45:65]:
        file.rename(file.with_name(f"moved-{file.name}"))
    for number in range(80):
        (folder / f"new-{number:03d}.jpg").write_bytes(b"new %d" % number)
