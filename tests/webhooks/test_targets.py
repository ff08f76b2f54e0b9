"""Calling clients' servers: what they may answer, and where a call never goes."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from payments.webhooks.services import targets
from tests.webhooks.receiver import Answer, Receiver


def call(url: str) -> targets.Reply:
    """Send something."""
    return targets.post(url, b"{}", {"content-type": "application/json"})


@pytest.mark.parametrize(
    ("status", "accepted", "gone"),
    [
        (200, True, False),
        (204, True, False),
        (299, True, False),
        (301, False, False),
        (302, False, False),
        (307, False, False),
        (400, False, False),
        (404, False, False),
        (410, False, True),
        (500, False, False),
    ],
)
def test_only_a_2xx_has_taken_the_event(receiver: Receiver, status: int, *, accepted: bool, gone: bool) -> None:
    receiver.answer = lambda _: Answer(status)
    reply = call(receiver.url)
    assert (reply.status, reply.accepted, reply.gone) == (status, accepted, gone)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda _: Answer(307, headers=(("location", receiver.url + "/elsewhere"),))
    assert call(receiver.url).status == 307
    assert [request.path for request in receiver.received] == ["/hooks"]


def test_a_kilobyte_of_the_answer_is_kept(receiver: Receiver) -> None:
    receiver.answer = lambda _: Answer(500, b"x\0\xff" + b"y" * 10_000_000)
    reply = call(receiver.url)
    assert reply.excerpt == "x��" + "y" * 1021
    receiver.answer = lambda _: Answer(200, b"z" * 1024)
    assert call(receiver.url).excerpt == "z" * 1024


class Server:
    """A server below HTTP: `serve` speaks with the one connection, over TLS when it has a context."""

    def __init__(self, serve: Callable[[socket.socket], None], context: ssl.SSLContext | None) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self._listener = listener if context is None else context.wrap_socket(listener, server_side=True)
        self._serve = serve
        self.url = f"http{'s' if context else ''}://localhost:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            try:
                connection.recv(65536)
                self._serve(connection)
            except OSError:
                return  # the caller has hung up

    def stop(self) -> None:
        self._listener.close()
        self._thread.join(120)


Serving = Callable[..., Server]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Starts a server, and stops it after the test."""
    servers: list[Server] = []

    def start(serve: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(serve, context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nx-drip: "])
def test_an_answer_that_drips_is_cut_off(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, beginning: bytes, *, tls: bool
) -> None:
    monkeypatch.setattr(targets, "ANSWER_SECONDS", 0.4)
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(beginning)
        for _ in range(600):  # as long as a patient one would listen
            if stop.wait(0.05):  # each byte well within the time that a single read may take
                return
            connection.sendall(b"H" if not beginning else b"x")

    server = serving(drip, server_context() if tls else None)
    reply = call(server.url)
    stop.set()
    assert (reply.status, reply.error) == (None, "no answer within 0 s")


def test_the_status_counts_though_the_body_breaks_off(serving: Serving) -> None:
    server = serving(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhello"))
    reply = call(server.url)
    assert (reply.status, reply.excerpt) == (200, "hello")


@pytest.mark.parametrize("garbage", [b"", b"hello\r\n\r\n", b"HTTP/1.1 999999 What\r\n\r\n", b"\0" * 70_000])
def test_garbage_is_no_answer(serving: Serving, garbage: bytes) -> None:
    server = serving(lambda connection: connection.sendall(garbage))
    reply = call(server.url)
    assert reply.status is None
    assert reply.error


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert call(f"http://127.0.0.1:{port}/").error == "no connection"


def test_a_name_that_leads_nowhere() -> None:
    assert call("https://no-such-host.invalid/").error == "the name is unknown"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/hooks",
        "https://127.0.0.1:{port}/",
        "https://[::1]:{port}/",
        "https://localhost:{port}/",
        "https://127.1:{port}/",
        "https://2130706433:{port}/",
        "https://0x7f.0.0.1:{port}/",
        "https://0177.0.0.1:{port}/",
        "https://0:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://{host}:{port}/",
    ],
)
def test_no_spelling_of_a_local_address_is_called(receiver: Receiver, settings: Settings, url: str) -> None:
    settings.WEBHOOK_TARGETS_ON_LOOPBACK = False
    reply = call(url.format(port=receiver.server.server_address[1], host=socket.gethostname()))
    assert reply.status is None
    assert "public" in reply.error or "https" in reply.error
    assert receiver.connections == 0


def test_a_name_is_judged_by_every_address_it_has(settings: Settings) -> None:
    """What is checked is the looked-up address, not the text: these spellings are names to our own rule."""
    for name in ("10.1", "0xa9fea9fe", "192.168.257", "100.64.1"):
        assert call(f"https://{name}/").error == "the name leads to an address that is not public"


CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""A certificate for localhost that signs itself, with its key: made for these tests, worth nothing elsewhere."""


def server_context() -> ssl.SSLContext:
    """What a server needs to speak TLS as localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


Secure = tuple[str, list[str | None]]


@pytest.fixture
def secure(receiver: Receiver) -> Secure:
    """The receiver behind TLS, its address, and the names that callers asked for (SNI)."""
    asked: list[str | None] = []
    context = server_context()
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    return f"https://localhost:{receiver.server.server_address[1]}/hooks", asked


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our client trusts the shop's certificate, as it would a public authority's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setattr(targets, "_pools", targets._open_pools())


@pytest.mark.usefixtures("trusting")
def test_https_goes_to_the_checked_address_under_the_name(receiver: Receiver, secure: Secure) -> None:
    receiver.answer = lambda _: Answer(200, b"thank you")
    url, asked = secure
    said = call(url)
    assert (said.status, said.error, said.excerpt) == (200, "", "thank you")
    assert call(url).accepted
    assert asked == ["localhost"]  # one connection, kept
    assert receiver.received[0].headers["Host"] == url.split("/")[2]


@pytest.mark.usefixtures("trusting")
def test_a_certificate_for_another_name_is_not_accepted(receiver: Receiver, secure: Secure) -> None:
    assert call(secure[0].replace("localhost", "127.0.0.1")).error.startswith("TLS failed")
    assert receiver.received == []


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(receiver: Receiver, secure: Secure) -> None:
    assert call(secure[0]).error.startswith("TLS failed")
    assert receiver.received == []
