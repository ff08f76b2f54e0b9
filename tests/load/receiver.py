"""The client's server in a load run, a process of its own: takes every event, answers 204, and looks at nothing."""

import selectors
import socket

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
LARGEST = 1024 * 1024
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


def main() -> None:
    """Print the port once, then serve until a signal."""
    selector = selectors.DefaultSelector()
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    selector.register(listening, selectors.EVENT_READ)
    print(listening.getsockname()[1], flush=True)  # noqa: T201  read by who started us
    received: dict[socket.socket, bytes] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is listening:
                connection, _ = listening.accept()
                selector.register(connection, selectors.EVENT_READ)
                received[connection] = b""
            elif isinstance(key.fileobj, socket.socket) and not _serve(key.fileobj, received):
                selector.unregister(key.fileobj)
                key.fileobj.close()


def _serve(connection: socket.socket, received: dict[socket.socket, bytes]) -> bool:
    """Take what came, answer when it is whole; False when the other side is gone."""
    try:
        part = connection.recv(LARGEST)
        if not part:
            del received[connection]
            return False
        request = received[connection] + part
        head, found, body = request.partition(HEAD_END)
        whole = found and len(body) >= _length(head)
        received[connection] = b"" if whole else request
        if whole:
            connection.sendall(NO_CONTENT)
    except ConnectionError:
        received.pop(connection, None)
        return False
    return True


def _length(head: bytes) -> int:
    _, found, after = head.lower().partition(LENGTH)
    return int(after.partition(b"\r\n")[0]) if found else 0


if __name__ == "__main__":
    main()
