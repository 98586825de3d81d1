"""Who may do what with a library in a database, and the one line where something is missing."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attune.cli import run
from attune.core.library_address import DatabaseAddress
from attune.embedding.network import Network
from attune.tests.conftest import PHOTOS, run_build
from attune.tests.e2e.command import start_attune
from attune.tests.faults.library_places import DatabasePlace
from attune.tests.faults.tcp_proxy import TcpProxy
from attune.tests.postgres_server import PostgresServer, free_port, installed

_PASSWORD = "Moonlight-Sonata-14"
_BROWSE = "browse\n--mood\ncalm"
_VIEWING = "GRANT USAGE ON SCHEMA attune TO {0}", "GRANT SELECT ON ALL TABLES IN SCHEMA attune TO {0}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One whose users, all but the owner of the library, need their password."""
    with PostgresServer() as running:
        running.execute(f"CREATE ROLE viewer LOGIN PASSWORD '{_PASSWORD}'")
        running.execute(f"CREATE ROLE stranger LOGIN PASSWORD '{_PASSWORD}'")
        (running.data_folder / "pg_hba.conf").write_text(
            "host all attune 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        running.execute("SELECT pg_reload_conf()")
        yield running


@pytest.fixture(scope="module")
def built_address(
    server: PostgresServer, media: Path, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseAddress]:
    """A library of real media that `viewer` may read."""
    with DatabasePlace(server, tmp_path_factory.mktemp("features")) as place:
        address = place.new()
        run_build(address, network, media)
        for statement in _VIEWING:
            server.execute(statement.format("viewer"), database=_database(address))
        yield address


def _database(address: DatabaseAddress) -> str:
    return address.url.rpartition("/")[2]


def _as(user: str, address: DatabaseAddress) -> str:
    return address.url.replace("attune@", f"{user}@")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PGPASSWORD", _PASSWORD)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def fail(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 1, within_s: float = 5.0) -> str:
    """Run a command that must end with one line on stderr, soon; return the line."""
    began = time.monotonic()
    assert run([part for one in arguments for part in str(one).split("\n")]) == code
    assert time.monotonic() - began < within_s
    printed = capsys.readouterr()
    assert printed.err.startswith("attune: ")
    assert printed.err.count("\n") == 1, printed.err
    assert "unexpected" not in printed.err
    return printed.err


def test_whoever_may_read_can_run_every_query(
    built_address: DatabaseAddress, media: Path, tmp_path: Path, use: pytest.MonkeyPatch
) -> None:
    use.setenv("ATTUNE_LIBRARY", _as("viewer", built_address))
    song, photo = media / "song 1.ogg", media / "photo 00.jpg"
    for command in (
        ("status", "--skipped"),
        ("verify",),
        ("match", photo, song),
        ("mood", song),
        ("find-images", song, "--why"),
        ("find-images", song, "--json", "--in", media / "below"),
        ("find-music", photo),
        ("browse", "--valence", "0.2", "--arousal", "0.1"),
        ("journey", "calm", "joyful", "--kind", "image"),
        ("map", "--output", tmp_path / "map.html"),
        ("export", tmp_path / "table.csv"),
        ("storyboard", song, "--output", tmp_path / "story.html"),
        ("soundtrack", media),
        ("roots", "list"),
        ("exclude", "list"),
        ("build-index", "--dry-run"),
        ("repair",),  # nothing is damaged
    ):
        assert run([str(part) for part in command]) == 0, command


def test_whoever_may_read_can_serve(
    built_address: DatabaseAddress, use: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use.setenv("XDG_CACHE_HOME", str(tmp_path))
    port = free_port()
    process = start_attune("serve", "--port", port, "--quiet", library=_as("viewer", built_address))
    try:
        deadline = time.monotonic() + 30.0
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("GET", "/api/v1/status")
                status = json.loads(connection.getresponse().read())
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert status["images"] == PHOTOS
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    "command", [("build-index", "--rebuild"), ("exclude", "add", "*.png"), ("roots", "forget", "{media}")]
)
def test_whoever_may_only_read_cannot_write(
    command: tuple[str, ...],
    built_address: DatabaseAddress,
    media: Path,
    use: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use.setenv("ATTUNE_LIBRARY", _as("viewer", built_address))
    line = fail(capsys, *(part.format(media=media) for part in command))
    assert "this user may not do that (permission denied for table" in line


def test_what_a_user_lacks_is_said(
    server: PostgresServer,
    built_address: DatabaseAddress,
    use: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use.setenv("ATTUNE_LIBRARY", _as("stranger", built_address))
    database = _database(built_address)
    for statement, lacking in (
        (None, "permission denied for schema attune"),
        (_VIEWING[0].format("stranger"), "permission denied for table"),
        (f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC", "permission denied for database"),
    ):
        if statement:
            server.execute(statement, database=database)
        for command in (_BROWSE, "status", "verify"):
            assert lacking in fail(capsys, command)
    server.execute(f"GRANT CONNECT ON DATABASE {database} TO PUBLIC")


def test_a_user_who_may_make_nothing_cannot_begin_a_library(
    server: PostgresServer, media: Path, use: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = server.create_database()
    address = server.address(database).replace("attune@", "stranger@")
    line = fail(capsys, "build-index", media, "--library", address)
    assert line.endswith("an administrator must run `CREATE EXTENSION vector` in this database first\n")
    server.execute("CREATE EXTENSION vector", database=database)
    assert "permission denied for database" in fail(capsys, "build-index", media, "--library", address)
    server.execute(f"GRANT CREATE ON DATABASE {database} TO stranger")
    assert run(["build-index", str(media), "--library", address, "--quiet", "--workers", "1"]) == 0


def test_a_password_comes_from_the_environment_or_a_file(
    server: PostgresServer, built_address: DatabaseAddress, use: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = _as("viewer", built_address)
    assert run(["status", "--library", address]) == 0
    use.delenv("PGPASSWORD")
    passwords = tmp_path / "passwords"
    passwords.write_text(f"127.0.0.1:{server.port}:*:viewer:{_PASSWORD}\n")
    passwords.chmod(0o600)
    use.setenv("PGPASSFILE", str(passwords))
    assert run(["status", "--library", address]) == 0
    use.delenv("PGPASSFILE")
    services = tmp_path / "services"
    services.write_text(
        f"[moods]\nhost=127.0.0.1\nport={server.port}\nuser=viewer\npassword={_PASSWORD}\n"
        f"dbname={_database(built_address)}\n"
    )
    use.setenv("PGSERVICEFILE", str(services))
    assert run(["status", "--library", "postgresql://?service=moods"]) == 0


def test_a_wrong_password_is_shown_nowhere(
    built_address: DatabaseAddress,
    use: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use.setenv("PGPASSWORD", "Not-The-Moonlight")
    log = tmp_path / "log"
    address = _as("viewer", built_address)
    assert "password authentication failed" in fail(capsys, "status", "--library", address)
    for command in ("status", _BROWSE, "build-index"):
        options = "--library", address, "--debug", "--verbose", "--log-file", str(log)
        assert run([*command.split("\n"), *options]) == 1
        printed = capsys.readouterr()
        for text in (printed.out, printed.err, log.read_text() if log.exists() else ""):
            assert "Not-The-Moonlight" not in text
    use.delenv("PGPASSWORD")
    assert "no password supplied" in fail(capsys, "status", "--library", address)


def test_a_server_without_tls_is_said_where_it_is_required(
    built_address: DatabaseAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tests' server is built without TLS."""
    assert "SSL" in fail(capsys, "status", "--library", f"{built_address.url}?sslmode=require")


def test_addresses_without_a_server_or_a_library_are_one_line(
    server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = f"postgresql://attune@127.0.0.1:{free_port()}/moods"
    for address, said in (
        (refused, "Connection refused"),
        ("postgresql://attune@no-such-host.invalid/moods", "no-such-host.invalid"),
        (server.address("moods"), 'database "moods" does not exist'),
        (f"{server.address()}?colour=blue", "no address of a database"),
    ):
        for command in (_BROWSE, "status", "verify", "build-index"):
            line = fail(capsys, command, "--library", address, within_s=10.0)
            assert said in line
            assert address.partition("?")[0] in line
    for address in ("postgresql://attune@127.0.0.1:port/moods", "mysql://attune@127.0.0.1/moods"):
        fail(capsys, _BROWSE, "--library", address, code=2)
    empty = server.address(server.create_database())
    for command in (_BROWSE, "verify"):
        assert "no library" in fail(capsys, command, "--library", empty)


def test_a_host_that_never_answers_is_given_up(
    server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with TcpProxy("127.0.0.1", server.port) as proxy:
        proxy.stall()
        address = proxy.through(server.address())
        line = fail(capsys, _BROWSE, "--library", f"{address}?connect_timeout=2", within_s=4.0)
        assert "cannot be reached" in line
        assert "timeout" in line


def test_tables_that_are_not_attunes_are_one_line(
    server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    database = server.create_database()
    server.execute("CREATE SCHEMA attune", database=database)
    server.execute("CREATE TABLE attune.alembic_version AS SELECT '0099' AS version_num", database=database)
    for command in (_BROWSE, "status", "verify", "build-index"):
        assert "another version of Attune" in fail(capsys, command, "--library", server.address(database))
    server.execute("UPDATE attune.alembic_version SET version_num = '0001'", database=database)
    for command in (_BROWSE, "status", "build-index"):
        assert "does not exist" in fail(capsys, command, "--library", server.address(database))


@contextmanager
def _server_without_pgvector(folder: Path) -> Iterator[PostgresServer]:
    package = folder / installed().parent.name
    shutil.copytree(installed(), package / installed().name, symlinks=True)
    libraries = installed().parent.with_name(f"{installed().parent.name}.libs")
    shutil.copytree(libraries, folder / libraries.name)
    for file in package.rglob("vector.control"):
        file.unlink()
    with PostgresServer(installation=package / installed().name) as server:
        yield server


def test_a_server_without_pgvector_is_said(
    tmp_path: Path, media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _server_without_pgvector(tmp_path) as server:
        line = fail(capsys, "build-index", media, "--library", server.address())
    assert line.endswith("the server lacks pgvector; install that extension there first\n")


def test_without_the_driver_the_extra_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['psycopg'] = None\nfrom attune.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, "status", "--library", "postgresql://attune@127.0.0.1/moods"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == (
        'attune: a library in PostgreSQL needs its extra: pip install "attune-affect[postgres]"\n'
    )
