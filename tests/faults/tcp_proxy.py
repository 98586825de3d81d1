"""A network that fails: a proxy on the loopback interface that cuts, stalls and refuses connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from attune.tests.postgres_server import free_port

_HOST = "127.0.0.1"
_CHUNK = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time to linger: closing sends RST in place of FIN


@dataclass(eq=False)
class _Connection:
    """A client's connection and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    answer_bytes_left: int | None  # None: no limit

    def reset(self) -> None:
        for side in (self.client, self.server):
            if not side.is_closing():
                side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                side.transport.abort()


class TcpProxy:
    """Forwards connections from `port` on the loopback interface to a server; a context manager.

    Methods return when what they ask for has happened.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = (
            free_port()
        )  # not one for outgoing connections: it is given up while connections are refused
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self._connections: set[_Connection] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._answer_bytes: int | None = None
        self._only_once = False
        self.accepted = 0
        """Number of connections that reached the server."""
        self.cuts = 0
        """Number of connections that were reset within an answer."""
        self._listener: asyncio.Server | None = None

    def __enter__(self) -> TcpProxy:
        self._thread.start()
        self.accept()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        self._run(self._shut_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def through(self, address: str) -> str:
        """The address of a database (`postgresql://…`), but by way of this proxy."""
        parts = urlsplit(address)
        user = f"{parts.username}@" if parts.username else ""
        return parts._replace(netloc=f"{user}{_HOST}:{self.port}").geturl()

    def cut(self) -> None:
        """Reset all connections that there are (RST to both sides); new ones are admitted."""
        self._run(self._cut())

    def cut_after(self, n_bytes: int | None, *, only_once: bool = False) -> None:
        """Reset each connection, later ones too, after that many further bytes of answers; None: never.

        With `only_once`, the first reset is the last one.
        """
        self._run(self._limit(n_bytes, only_once=only_once))

    def stall(self) -> None:
        """Forward nothing any more, as if a cable were pulled: no bytes, no end of a connection.

        New connections are still admitted by the system, but nobody answers on them.
        """
        self._run(self._set_flowing(False))

    def resume(self) -> None:
        """Forward what was held back, and what follows."""
        self._run(self._set_flowing(True))

    def refuse(self) -> None:
        """Refuse new connections, as if no server ran; those that there are go on."""
        self._run(self._refuse())

    def accept(self) -> None:
        """Admit new connections again, on the same port."""
        self._run(self._accept())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _accept(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, _HOST, self.port, limit=_CHUNK)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _cut(self) -> None:
        for connection in self._connections:
            connection.reset()
        await asyncio.sleep(0)  # the sockets close in the loop's next turn

    async def _limit(self, n_bytes: int | None, *, only_once: bool = False) -> None:
        self._answer_bytes = n_bytes
        self._only_once = only_once
        for connection in self._connections:
            connection.answer_bytes_left = n_bytes

    async def _set_flowing(self, flowing: bool) -> None:
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _shut_down(self) -> None:
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await asyncio.open_connection(*self._target, limit=_CHUNK)
        except OSError:
            client.close()
            return
        self.accepted += 1
        connection = _Connection(client, server, self._answer_bytes)
        for side in (client, server):
            side.transport.set_write_buffer_limits(high=0)  # `drain` waits until all bytes are on their way
        self._connections.add(connection)
        await asyncio.gather(
            self._pump_requests(from_client, connection), self._pump_answers(from_server, connection)
        )

    async def _pump_requests(self, source: asyncio.StreamReader, connection: _Connection) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                await self._flowing.wait()
                connection.server.write(data)
                await connection.server.drain()
        await self._end(connection)

    async def _pump_answers(self, source: asyncio.StreamReader, connection: _Connection) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                await self._flowing.wait()
                passing = data[: connection.answer_bytes_left]
                connection.client.write(passing)
                if connection.answer_bytes_left is not None:
                    connection.answer_bytes_left -= len(passing)
                await connection.client.drain()
                if connection.answer_bytes_left == 0:
                    self.cuts += 1
                    connection.reset()
                    if self._only_once:
                        await self._limit(None)
        await self._end(connection)

    async def _end(self, connection: _Connection) -> None:
        """Close both sides once one is closed: libpq and PostgreSQL never close one direction alone."""
        await self._flowing.wait()
        for side in (connection.client, connection.server):
            side.close()
        self._connections.discard(connection)
