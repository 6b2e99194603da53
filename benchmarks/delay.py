"""Stand between a client and a server: delay what goes through, and count it."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks.servers import free_address, wait_for

_PIECE = 256 << 10
# No client here sends a second request before it has the first one's answer,
# so a request starts a piece.
_REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|PATCH) \S+ HTTP/1\.1\r\n")
_UPLOAD = re.compile(rb"(?:PUT|PATCH) /v2/\S+/blobs/uploads/")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Hold what clients sent: requests, those that upload a blob, bytes in all."""

    requests: int
    uploads: int
    sent_size: int


class Delay:
    """Be a proxy in a process of its own, before one server."""

    def __init__(self, server: str, seconds: float) -> None:
        """Take the server's HOST:PORT, and for how long bytes are held back each way."""
        self.address = free_address()
        self._counts = multiprocessing.Array("q", 3)
        self._process = multiprocessing.Process(target=self._run, args=(server, seconds), daemon=True)

    def reset(self) -> None:
        """Count from zero."""
        self._counts[:] = [0, 0, 0]

    @property
    def traffic(self) -> Traffic:
        """What has come through since the last reset."""
        return Traffic(*self._counts[:])

    def start(self) -> None:
        """Begin to listen."""
        self._process.start()
        wait_for(self.address)

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()

    def _run(self, server: str, seconds: float) -> None:
        asyncio.run(self._serve(server, seconds))

    async def _serve(self, server: str, seconds: float) -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server_host, server_port = server.split(":")
            # The system accepts at once; on a network, connecting takes a round trip.
            ready = asyncio.get_running_loop().time() + 2 * seconds
            there, back = await asyncio.open_connection(server_host, int(server_port), limit=_PIECE)
            await asyncio.gather(
                _pass(reader, back, partial(_due, ready, seconds), self._count),
                _pass(there, writer, partial(_due, ready, seconds), lambda _: None),
            )

        host, port = self.address.split(":")
        listener = await asyncio.start_server(connected, host, int(port), limit=_PIECE)
        await listener.serve_forever()

    def _count(self, piece: bytes) -> None:
        with self._counts.get_lock():
            self._counts[0] += bool(_REQUEST.match(piece))
            self._counts[1] += bool(_UPLOAD.match(piece))
            self._counts[2] += len(piece)


async def _pass(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    due: Callable[[float], float],
    note: Callable[[bytes], None],
) -> None:
    """Hand on every piece when it is due, however many there are on their way."""
    clock = asyncio.get_running_loop().time
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def take() -> None:
        piece = b"-"
        while piece:
            try:
                piece = await reader.read(_PIECE)
            except ConnectionError:
                piece = b""
            note(piece)
            pieces.put_nowait((due(clock()), piece))

    taking = asyncio.create_task(take())
    while (waiting := await pieces.get())[1]:
        await asyncio.sleep(waiting[0] - clock())
        writer.write(waiting[1])
        await writer.drain()
    await taking
    writer.close()


def _due(ready: float, seconds: float, came: float) -> float:
    return max(came, ready) + seconds


@contextmanager
def delaying(server: str, seconds: float) -> Iterator[Delay]:
    """Give a running proxy before a server."""
    proxy = Delay(server, seconds)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
