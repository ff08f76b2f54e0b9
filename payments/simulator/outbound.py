"""HTTP POST over asyncio streams with kept-alive connections: no client library, one job."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import urlsplit

Address = tuple[str, int, bool]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

LARGEST_ANSWER = 1 << 20
IDLE_CONNECTIONS = 32


class Sender:
    """Posts bodies and reads the answers; connections are used again while both sides allow."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._idle: defaultdict[Address, list[Connection]] = defaultdict(list)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError, TimeoutError, ValueError, EOFError."""
        async with asyncio.timeout(self._timeout):
            parts = urlsplit(url)
            tls = parts.scheme == "https"
            address = (parts.hostname or "", parts.port or (443 if tls else 80), tls)
            path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            request = (
                f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}Content-Length: {len(body)}\r\n\r\n"
            ).encode() + body
            while self._idle[address]:
                # The other side may have closed a kept connection: then the next one, or a new one.
                with contextlib.suppress(OSError, EOFError):
                    return await self._exchange(address, self._idle[address].pop(), request)
            host, port, secure = address
            connection = await asyncio.open_connection(host, port, ssl=secure or None)
            return await self._exchange(address, connection, request)

    async def _exchange(self, address: Address, connection: Connection, request: bytes) -> tuple[int, bytes]:
        reader, writer = connection
        keep = False
        try:
            writer.write(request)
            await writer.drain()
            status, headers = await _head(reader)
            body = await _body(reader, headers)
            keep = headers.get("connection", "").lower() != "close" and "content-length" in headers
            return status, body
        finally:
            if keep and len(self._idle[address]) < IDLE_CONNECTIONS:
                self._idle[address].append(connection)
            else:
                writer.close()

    def close(self) -> None:
        """Close every idle connection."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()
        self._idle.clear()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.lower()] = value.strip()
    return int(first.split(" ", 2)[1]), headers


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(min(int(headers["content-length"]), LARGEST_ANSWER))
    return await reader.read(LARGEST_ANSWER)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
        if len(body) > LARGEST_ANSWER:
            raise ValueError("the answer is too large")
    return body
