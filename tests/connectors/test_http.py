"""The HTTP client says plainly what was not sent and what may have arrived; real sockets, no stand-ins."""

import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from payments.connectors import http
from tests.connectors import relay

SECRET = "sk_test_do_not_tell"
CLIENT = http.Client(read_seconds=0.5)


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server that serves one connection in its own way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(120)
        assert not thread.is_alive()


def until_the_client_hangs_up(connection: socket.socket) -> None:
    connection.settimeout(5)
    while connection.recv(65536):
        pass


def reset(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def post(address: str, scheme: str = "http") -> http.Answer:
    headers = {"Authorization": f"Bearer {SECRET}"}
    return CLIENT.send("POST", f"{scheme}://{address}/v1/things", headers, f"card={SECRET}")


def test_an_answer_comes_back_whatever_its_status() -> None:
    with relay.Relay() as server:
        server.answer("POST /v1/things", 402, {"error": {}}, {"Request-Id": "req_1"})
        answer = CLIENT.send("POST", f"{server.url}/v1/things", {"X-Ours": "yes"}, "a=b")

    assert (answer.status, answer.body, answer.headers["request-id"]) == (402, b'{"error": {}}', "req_1")
    assert [(p.method, p.path, p.headers["X-Ours"], p.body) for p in server.passed] == [
        ("POST", "/v1/things", "yes", b"a=b")
    ]


def test_connections_are_kept_and_nothing_is_sent_twice() -> None:
    with relay.Relay() as server:
        for _ in range(3):
            server.answer("POST", 500, {})
            assert CLIENT.send("POST", f"{server.url}/v1/things", {}, "a=b").status == 500

    assert len(server.passed) == 3


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_without_an_answer_is_not_sent_again(method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        thread = threading.Thread(target=lambda: reset(server.accept()[0]), daemon=True)
        thread.start()
        with pytest.raises(http.AmbiguousError):
            CLIENT.send(method, f"http://127.0.0.1:{server.getsockname()[1]}/v1/things", {})
        thread.join(120)
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with relay.Relay() as server:
        server.answer("GET", 302, {}, {"Location": f"{server.url}/elsewhere"})
        assert CLIENT.send("GET", f"{server.url}/here", {}).status == 302

    assert [p.path for p in server.passed] == ["/here"]


def test_a_refused_connection_is_proof_that_nothing_was_sent() -> None:
    with socket.socket() as bound:  # nobody listens on a port that is only bound
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(http.UnsentError):
            post(f"127.0.0.1:{bound.getsockname()[1]}")


def test_a_name_that_does_not_resolve_is_proof() -> None:
    with pytest.raises(http.UnsentError):
        post("nobody.invalid")


def test_a_failed_tls_handshake_is_proof() -> None:
    with listening(reset) as address, pytest.raises(http.UnsentError):
        post(address, scheme="https")


def test_a_connection_that_is_not_accepted_in_time_is_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.2)
    client = http.Client(read_seconds=5)
    with listening(until_the_client_hangs_up) as address, pytest.raises(http.UnsentError):
        client.send("POST", f"https://{address}/", {})  # a TLS handshake that nobody answers


def test_silence_after_sending_is_ambiguous() -> None:
    with listening(until_the_client_hangs_up) as address, pytest.raises(http.AmbiguousError):
        post(address)


def test_a_reset_after_sending_is_ambiguous() -> None:
    with listening(reset) as address, pytest.raises(http.AmbiguousError):
        post(address)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", b"what is this\r\n\r\n", b""],
    ids=["cut short", "not HTTP", "nothing"],
)
def test_an_answer_that_is_not_whole_is_ambiguous(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with listening(serve) as address, pytest.raises(http.AmbiguousError):
        post(address)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"],
    ids=["status", "header", "body"],
)
def test_an_answer_that_drips_is_cut_off(beginning: bytes) -> None:
    hung_up, ended = threading.Event(), threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(beginning)
        for _ in range(600):  # as long as a patient one would listen
            if hung_up.wait(0.05):  # each byte well within the time that a single read may take
                return
            connection.sendall(b"x" if beginning else b"H")
        ended.set()

    with listening(drip) as address:
        with pytest.raises(http.AmbiguousError):
            post(address)
        hung_up.set()
    assert not ended.is_set(), "it was not listened to until its end"


def test_each_answer_on_a_kept_connection_has_all_of_its_time() -> None:
    pause = threading.Event()

    def slowly_twice(connection: socket.socket) -> None:
        for _ in range(2):
            connection.recv(65536)
            pause.wait(0.3)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with listening(slowly_twice) as address:
        assert [post(address).body for _ in range(2)] == [b"ok", b"ok"]


def test_neither_exceptions_nor_logs_tell_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with listening(reset) as address, pytest.raises(http.AmbiguousError) as caught:
        post(address)
    with relay.Relay() as server:
        server.answer("POST", 200, SECRET.encode())
        post(server.url.removeprefix("http://"))

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert SECRET not in str(caught.value) + caplog.text


def test_the_host_program_can_forbid_a_request_before_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    class ForbiddenError(Exception):
        """Not now."""

    def forbid(what: str) -> None:
        raise ForbiddenError(what)

    with relay.Relay() as server:
        monkeypatch.setattr(http, "before_request", forbid)
        with pytest.raises(ForbiddenError, match=r"a POST to 127\.0\.0\.1"):
            CLIENT.send("POST", f"{server.url}/v1/things", {})

    assert server.passed == []


def test_a_question_that_takes_too_long_sends_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    with relay.Relay() as server:
        for _ in range(2):
            server.answer("POST /v1/things", 200, {})
        address = server.url.removeprefix("http://")
        with http.question():
            post(address)
            monkeypatch.setattr(http, "ASKING_SECONDS", -1)
            with http.question(), pytest.raises(http.UnsentError, match="asked again later"):
                post(address)
        post(address)  # who asks nothing in several requests has no such limit

    assert len(server.passed) == 2
