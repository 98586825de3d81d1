"""The tests' PostgreSQL server: real, can be killed, ends with the tests; and a network that can fail."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from attune.tests.faults.mounts import grow
from attune.tests.faults.tcp_proxy import TcpProxy
from attune.tests.postgres_server import PostgresServer, installed, small_disk_server

PATIENCE_S = 20.0
LONG_ANSWER = "SELECT repeat('x', 1000000)"


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """One that tests may stop and kill."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[TcpProxy]:
    with TcpProxy("127.0.0.1", postgres.port) as running:
        yield running


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_vectors_are_stored_and_compared(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE TABLE works (id int, embedding vector(2))")
        connection.execute("INSERT INTO works VALUES (1, '[0,1]'), (2, '[3,5]')")
        rows = connection.execute("SELECT id, embedding <-> '[0,1]' FROM works ORDER BY 2 DESC").fetchall()
    assert rows == [(2, 5.0), (1, 0.0)]


def test_databases_know_nothing_of_each_other(postgres: PostgresServer, database: str) -> None:
    other = postgres.create_database()
    postgres.execute("CREATE TABLE works (id int)", database=other)
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM works")
    postgres.drop_database(other)


def test_a_copy_of_a_database_has_its_rows(postgres: PostgresServer) -> None:
    original = postgres.create_database()
    postgres.execute("CREATE TABLE works AS SELECT 7 AS id", database=original)
    copy = postgres.create_database(template=original)
    postgres.drop_database(original)
    assert postgres.execute("SELECT id FROM works", database=copy) == [(7,)]
    postgres.drop_database(copy)


def test_a_database_goes_although_somebody_is_connected(postgres: PostgresServer) -> None:
    name = postgres.create_database()
    with psycopg.connect(postgres.address(name)) as connection:
        postgres.drop_database(name)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert postgres.execute("SELECT 1 FROM pg_database WHERE datname = %s", name) == []


def test_text_is_utf_8_and_sorted_by_code_points(database: str) -> None:
    sql = (
        "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = current_database()"
    )
    with psycopg.connect(database) as connection:
        assert connection.execute(sql).fetchone() == ("UTF8", "C.UTF-8")


def test_settings_reach_the_server() -> None:
    with PostgresServer(max_connections=12, fsync=True, settings={"work_mem": "2MB"}) as server:
        values = [
            server.execute(f"SHOW {name}")[0][0]
            for name in ("max_connections", "fsync", "work_mem", "shared_buffers")
        ]
    assert values == ["12", "on", "2MB", "64MB"]


def test_a_server_that_does_not_start_says_why_and_leaves_nothing() -> None:
    server = PostgresServer(settings={"work_mem": "much"})
    with pytest.raises(RuntimeError, match="work_mem"), server:
        pass
    assert not server.data_folder.parent.exists()


def test_a_restart_keeps_rows_and_port(own_server: PostgresServer) -> None:
    name = own_server.create_database()
    own_server.execute("CREATE TABLE works AS SELECT 1 AS id", database=name)
    address, pid = own_server.address(name), own_server.pid
    with psycopg.connect(address) as connection:
        own_server.restart()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert own_server.pid != pid
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT id FROM works").fetchall() == [(1,)]


def test_a_stopped_server_refuses_connections(own_server: PostgresServer) -> None:
    own_server.stop()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(own_server.address())
    with pytest.raises(RuntimeError, match="not running"):
        _ = own_server.pid
    own_server.start()
    assert own_server.execute("SELECT 1") == [(1,)]


def test_a_killed_server_keeps_what_was_committed(own_server: PostgresServer) -> None:
    name = own_server.create_database()
    with psycopg.connect(own_server.address(name)) as connection:
        connection.execute("CREATE TABLE works AS SELECT n AS id FROM generate_series(1, 5000) AS n")
        connection.commit()
        connection.execute("DELETE FROM works")
        own_server.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    own_server.start()
    assert own_server.execute("SELECT count(*), max(id) FROM works", database=name) == [(5000, 5000)]


def test_a_server_that_a_thread_started_outlasts_the_thread(own_server: PostgresServer) -> None:
    thread = threading.Thread(target=own_server.restart)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert own_server.execute("SELECT 1") == [(1,)]


def test_killed_tests_leave_no_server_and_no_data() -> None:
    code = """
import time
from attune.tests.postgres_server import PostgresServer
with PostgresServer() as server:
    print(server.pid, server.data_folder, server.address(), flush=True)
    time.sleep(60)
"""
    tests = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert tests.stdout is not None
    with tests:
        pid, folder, address = tests.stdout.readline().split()
        processes = [psutil.Process(int(pid)), *psutil.Process(int(pid)).children()]
        with psycopg.connect(address, autocommit=True) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            tests.send_signal(signal.SIGKILL)
            wait_until(lambda: not Path(folder).parent.exists())
    wait_until(lambda: not any(one.is_running() and one.status() != "zombie" for one in processes))


@pytest.mark.slow
def test_binaries_that_the_account_cannot_reach_are_copied(tmp_path: Path) -> None:
    """Root's tests run the server as somebody else, who may not enter root's folders."""
    package = installed().parent
    closed = tmp_path / "closed" / package.name
    closed.parent.mkdir(mode=0o700)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, closed.with_name(folder.name), symlinks=True)
    with PostgresServer(installation=closed / "pginstall") as server:
        server.execute("CREATE EXTENSION vector")
        program = Path(psutil.Process(server.pid).exe())
    assert program.is_relative_to(closed) == (os.geteuid() != 0)


@pytest.mark.mount
def test_a_full_disk_fails_a_statement_but_not_the_server() -> None:
    with small_disk_server(40) as server:
        server.execute("CREATE TABLE works (text text)")
        pid = server.pid
        fill = "INSERT INTO works SELECT repeat('x', 1900) FROM generate_series(1, 20000)"
        with pytest.raises(psycopg.errors.DiskFull):
            server.execute(fill)
        assert server.execute("SELECT count(*) FROM works") == [(0,)]
        grow(server.data_folder.parent, 128)
        server.execute(fill)
        assert (server.execute("SELECT count(*) FROM works"), server.pid) == ([(20_000,)], pid)


def test_the_proxy_forwards_long_answers_and_long_questions(proxy: TcpProxy, database: str) -> None:
    with psycopg.connect(proxy.through(database)) as connection:
        row = connection.execute("SELECT repeat('x', 5000000), length(%s)", ["y" * 5_000_000]).fetchone()
    assert row == ("x" * 5_000_000, 5_000_000)


def test_a_cut_ends_connections_but_admits_new_ones(proxy: TcpProxy, database: str) -> None:
    with psycopg.connect(proxy.through(database)) as connection:
        connection.execute("SELECT 1")
        proxy.cut()
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with psycopg.connect(proxy.through(database)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cut_wakes_who_waits_for_an_answer(proxy: TcpProxy, database: str) -> None:
    with psycopg.connect(proxy.through(database)) as connection:
        timer = threading.Timer(0.2, proxy.cut)
        timer.start()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_sleep(60)")
        timer.join()


def test_an_answer_is_cut_in_its_middle(proxy: TcpProxy, database: str) -> None:
    with psycopg.connect(proxy.through(database)) as connection:
        proxy.cut_after(500_000)
        with pytest.raises(psycopg.OperationalError):
            connection.execute(LONG_ANSWER)
    with psycopg.connect(proxy.through(database)) as connection, pytest.raises(psycopg.OperationalError):
        connection.execute(LONG_ANSWER)
    proxy.cut_after(None)
    with psycopg.connect(proxy.through(database)) as connection:
        assert connection.execute(LONG_ANSWER).fetchone() == ("x" * 1_000_000,)


def test_exactly_the_given_number_of_bytes_passes() -> None:
    """Against a server of the test's own, which sends more than that."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, TcpProxy(*listener.getsockname()) as proxy:
        proxy.cut_after(100_001)
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            served, _ = listener.accept()
            with served:
                sender = threading.Thread(target=lambda: served.sendall(bytes(200_000)))
                sender.start()
                received = 0
                with pytest.raises(ConnectionResetError):
                    while True:
                        received += len(client.recv(4096))
                sender.join()
    assert received == 100_001


def test_a_stalled_connection_goes_on_later(proxy: TcpProxy, database: str) -> None:
    answers: list[object] = []
    with psycopg.connect(proxy.through(database)) as connection:
        proxy.stall()
        asking = threading.Thread(
            target=lambda: answers.append(connection.execute("SELECT 1").fetchone()), daemon=True
        )
        asking.start()
        asking.join(0.3)
        assert asking.is_alive()
        assert answers == []
        proxy.resume()
        asking.join(PATIENCE_S)
    assert answers == [(1,)]


@pytest.mark.slow
def test_nobody_answers_a_new_connection_while_the_network_stalls(proxy: TcpProxy, database: str) -> None:
    proxy.stall()
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(proxy.through(database), connect_timeout=2)


def test_refused_connections_leave_others_alone(proxy: TcpProxy, database: str) -> None:
    with psycopg.connect(proxy.through(database)) as connection:
        proxy.refuse()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            psycopg.connect(proxy.through(database))
        assert connection.execute("SELECT 1").fetchone() == (1,)
        proxy.accept()
        with psycopg.connect(proxy.through(database)) as other:
            assert other.execute("SELECT 1").fetchone() == (1,)


def test_a_server_behind_the_proxy_that_dies_ends_its_connections(own_server: PostgresServer) -> None:
    with (
        TcpProxy("127.0.0.1", own_server.port) as proxy,
        psycopg.connect(proxy.through(own_server.address())) as connection,
    ):
        own_server.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(proxy.through(own_server.address()))
        own_server.start()
        with psycopg.connect(proxy.through(own_server.address())) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)
