"""Many conversations over keep-alive HTTP/1.1 connections in one thread, as cheap as Python can make them."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MOST_CONNECTIONS: Final = 256
LONGEST_LOOK: Final = 0.5  # seconds between two looks at the deadline
ANSWER_BYTES: Final = 256 * 1024
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"


class Ask(NamedTuple):
    """One request: what it is called in the results, and its bytes as they go out."""

    name: str
    request: bytes


class Answer(NamedTuple):
    """What came back, and after how many milliseconds."""

    status: int
    body: bytes
    milliseconds: float


Talk = Generator[Ask, Answer, None]
"""A conversation: yields what it asks, is sent the answer, and returns when it is over."""


class TooLate(Exception):
    """The run was not over at its deadline."""


@dataclass
class Tally:
    """What has been measured: milliseconds by name of request, refusals by name and status."""

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    latest_start: float = 0.0  # seconds that a conversation began after it was due: the generator's own lateness

    def note(self, ask: Ask, answer: Answer) -> None:
        """Count one answer."""
        self.milliseconds.setdefault(ask.name, []).append(answer.milliseconds)
        if answer.status >= 300:
            told = f"{ask.name} {answer.status}"
            self.failed[told] = self.failed.get(told, 0) + 1


class _Connection:
    """One connection, and the conversation that it is busy with."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.talk: Talk
        self.ask: Ask
        self.asked_at = 0.0

    def begin(self, talk: Talk) -> None:
        """Ask the first question of a conversation."""
        self.talk = talk
        self._send(next(talk))

    def go_on(self, answer: Answer) -> bool:
        """Hand an answer to the conversation and ask what it asks next; False when it is over."""
        try:
            ask = self.talk.send(answer)
        except StopIteration:
            return False
        self._send(ask)
        return True

    def _send(self, ask: Ask) -> None:
        self.ask = ask
        self.asked_at = time.perf_counter()
        self.socket.sendall(ask.request)

    def receive(self) -> Answer | None:
        """The answer once it is complete."""
        part = self.socket.recv(ANSWER_BYTES)
        if not part:
            raise ConnectionError(f"the server closed the connection instead of answering {self.ask.name}")
        self.received += part
        head, found, body = self.received.partition(HEAD_END)
        if not found or len(body) < _length(head):
            return None
        self.received = b""
        return Answer(int(head[9:12]), body, (time.perf_counter() - self.asked_at) * 1000)


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(LENGTH)
    if at < 0:
        if head[9:12] == b"204":
            return 0
        raise ConnectionError("an answer without content-length")
    return int(lowered[at + len(LENGTH) :].partition(b"\r\n")[0])


def run(
    address: tuple[str, int], talks: Iterator[Talk], due: Iterator[float], *, clients: int, seconds: float
) -> Tally:
    """Hold every conversation, each from when it is due (seconds from now), at most `clients` at a time.

    Raises TooLate after `seconds`, and ConnectionError when the server hangs up.
    """
    return _Run(address, clients).all(talks, due, seconds)


class _Run:
    def __init__(self, address: tuple[str, int], clients: int) -> None:
        self.address = address
        self.clients = min(clients, MOST_CONNECTIONS)
        self.idle: deque[_Connection] = deque()
        self.busy: set[_Connection] = set()
        self.selector = selectors.DefaultSelector()
        self.tally = Tally()

    def all(self, talks: Iterator[Talk], due: Iterator[float], seconds: float) -> Tally:
        began = time.perf_counter()
        waiting = next(due, None)
        while waiting is not None or self.busy:
            now = time.perf_counter() - began
            if now > seconds:
                raise TooLate(
                    f"{len(self.busy)} conversations were not over after {seconds:.0f} s: {self.tally.failed}"
                )
            while waiting is not None and waiting <= now and (connection := self._free()):
                self.tally.latest_start = max(self.tally.latest_start, now - waiting if waiting else 0)
                connection.begin(next(talks))
                waiting = next(due, None)
            free = self.idle or len(self.busy) < self.clients
            self._listen(max(0.0, waiting - now) if waiting is not None and free else LONGEST_LOOK)
        self._close()
        return self.tally

    def _free(self) -> _Connection | None:
        """A connection without a conversation, a new one when there may be more."""
        if self.idle:
            connection = self.idle.popleft()
        elif len(self.busy) < self.clients:
            connection = _Connection(self.address)
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        else:
            return None
        self.busy.add(connection)
        return connection

    def _listen(self, seconds: float) -> None:
        for key, _ in self.selector.select(min(seconds, LONGEST_LOOK)):
            connection: _Connection = key.data
            answer = connection.receive()
            if answer is None:
                continue
            self.tally.note(connection.ask, answer)
            if not connection.go_on(answer):
                self.busy.remove(connection)
                self.idle.append(connection)

    def _close(self) -> None:
        for connection in self.idle:
            connection.socket.close()
        self.selector.close()
