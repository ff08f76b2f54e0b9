"""Small pieces of HTTP that every simulated PSP needs: read a body, answer, break the connection."""

import asyncio
import functools
import socket
import struct
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

ABORT = "countinghouse.abort"
LARGEST = 4 << 20


class TooLargeError(ValueError):
    """A request body beyond reason."""


async def body(receive: Receive) -> bytes:
    """The whole request body."""
    message = await receive()
    data: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        data += message.get("body", b"")
        if len(data) > LARGEST:
            raise TooLargeError("request body")
    return data


def base_url(scope: Scope) -> str:
    """Where the client believes this to be, as far as the path."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"127.0.0.1")
    return f"{scope['scheme']}://{host.decode('latin-1')}"


async def respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
    """A whole answer."""
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def reset(scope: Scope, receive: Receive) -> None:
    """Break the connection with a TCP RST; the client gets no answer."""
    abort: Callable[[], None] = scope["extensions"][ABORT]["abort"]
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass


class AbortableProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen by what is installed
    """uvicorn's HTTP protocol; its requests can break their connection, which ASGI has no word for."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Requests of this connection get the means to break it."""
        super().connection_made(transport)
        self.app: ASGIApp = functools.partial(_breakable, self.app, transport)


async def _breakable(app: ASGIApp, transport: asyncio.Transport, scope: Scope, receive: Receive, send: Send) -> None:
    def abort() -> None:
        connection = transport.get_extra_info("socket")
        # Linger for 0 s: the kernel sends RST instead of a polite FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    scope["extensions"] = {ABORT: {"abort": abort}}
    await app(scope, receive, send)


def serve(app: Any, host: str, port: int) -> None:
    """Run until a signal ends it."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=AbortableProtocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        backlog=2_048,
    )
    server = uvicorn.Server(config)
    asyncio.run(server.serve())
