"""The web server over real sockets, and its front by itself: bodies slow, in pieces, too large or never sent."""

import asyncio
import contextlib
import http.client
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from config import asgi, embedded, processes, programs
from payments.intents.models import PaymentIntent
from tests import factories
from tests.conftest import ROOT
from tests.kernel.conftest import at_this_database

PATIENCE = 300.0
STALLED = 40


class Web:
    """A web server in a process of its own, as the stack starts it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request; a body in parts goes out chunked, without a Content-Length."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request(method, path, body, named, encode_chunked=not isinstance(body, bytes | None))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def begin(self, path: str) -> socket.socket:
        """Announce a body and send one byte of it."""
        stalled = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        stalled.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{{".encode())
        return stalled


@pytest.fixture(scope="module")
def web(django_db_setup: None, simulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port, log = embedded.free_port(), tmp_path_factory.mktemp("web") / "web.log"
    with log.open("wb") as output:
        process = processes.spawn(
            [sys.executable, *programs.web_command(host="127.0.0.1", port=port)],
            environment=os.environ | at_this_database() | {"COUNTINGHOUSE_ROLE": "web"},
            log=output,
            directory=ROOT,
        )
    try:
        ready = processes.wait_until(
            lambda: programs.answers(port, "/readyz", below=300), timeout=PATIENCE, process=process
        )
        assert ready, processes.tail(log, 40)
        yield Web(port)
    finally:
        processes.stop(process)


def in_parts(body: bytes) -> Iterator[bytes]:
    yield from (body[at : at + 65536] for at in range(0, len(body), 65536))


@pytest.mark.django_db(transaction=True)
def test_a_body_in_chunks_is_read_like_any_other(web: Web) -> None:
    shop = factories.shop()
    key = {"Authorization": f"Bearer {shop.key}", "Content_Type": "application/json"}
    body = json.dumps({"reference": "in chunks"}).encode()

    status, _, answer = web.ask("POST", "/v1/customers", [body[:5], body[5:]], **key)

    assert (status, json.loads(answer)["reference"]) == (201, "in chunks"), answer


@pytest.mark.django_db(transaction=True)
def test_what_is_too_large_is_told_so_however_it_comes(web: Web) -> None:
    shop = factories.shop()
    key = {"Authorization": f"Bearer {shop.key}", "Content_Type": "application/json"}
    large = b"x" * 4_000_000

    for body in (large, in_parts(large)):
        status, _, answer = web.ask("POST", "/v1/customers", body, **key)
        assert (status, json.loads(answer)["code"]) == (413, "body_too_large")
    for body in (large[:300_000], in_parts(large[:300_000]), in_parts(large)):
        status, _, answer = web.ask("POST", "/webhooks/stripe/stripe-us", body)
        assert (status, json.loads(answer)["code"]) == (413, "notification_too_large")
    status, _, _ = web.ask("POST", "/admin/login/", in_parts(large), Content_Type="application/x-www-form-urlencoded")
    assert status in (400, 403)


@pytest.mark.django_db(transaction=True)
def test_a_capture_in_chunks_takes_what_it_says(web: Web) -> None:
    shop = factories.shop()
    intent = shop.confirm(shop.intent(shop.order(2000), capture_method="manual"))["id"]
    headers = {"Authorization": f"Bearer {shop.key}", "Content_Type": "application/json", "Idempotency_Key": "part"}

    status, _, answer = web.ask("POST", f"/v1/payment_intents/{intent}/capture", [b'{"amount"', b": 500}"], **headers)

    assert status == 200, answer
    assert PaymentIntent.objects.get(pk=intent).amount_captured_minor == 500


@pytest.mark.django_db(transaction=True)
def test_whoever_announces_a_body_and_sends_none_stops_nobody(web: Web) -> None:
    shop = factories.shop()
    key = {"Authorization": f"Bearer {shop.key}", "Content_Type": "application/json"}
    with contextlib.ExitStack() as stalled:
        for number in range(STALLED):
            path = "/v1/customers" if number % 2 else "/webhooks/stripe/stripe-us"
            stalled.enter_context(web.begin(path))

        assert web.ask("GET", "/livez")[0] == 200
        assert web.ask("GET", "/readyz")[0] == 200
        status, _, answer = web.ask("POST", "/v1/customers", b'{"reference": "meanwhile"}', **key)
        assert (status, json.loads(answer)["reference"]) == (201, "meanwhile")


@pytest.mark.django_db(transaction=True)
def test_a_header_given_twice_is_no_single_value(web: Web) -> None:
    shop = factories.shop()
    head = (
        f"POST /v1/customers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {shop.key}\r\n"
        "Idempotency-Key: a1\r\nIdempotency-Key: a2\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        "Connection: close\r\n\r\n{}"
    )
    with socket.create_connection(("127.0.0.1", web.port), timeout=120) as caller:
        caller.sendall(head.encode())
        answer = b"".join(iter(lambda: caller.recv(65536), b""))

    assert b" 400 " in answer.splitlines()[0]
    assert b'"code":"idempotency_key_invalid"' in answer


# --- the front by itself ---


Wsgi = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]


def serve(
    front: asgi.Front,
    parts: Sequence[bytes],
    *,
    ends: bool = True,
    path: str = "/v1/x",
    headers: Mapping[str, str] = {},
) -> tuple[list[Mapping[str, Any]], list[int]]:
    """What the front sends to a caller who sends these parts, and then nothing when the body does not end."""
    given = {"transfer-encoding": "chunked", **headers}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Mapping[str, Any]] = []
    waiting = list(parts)

    async def receive() -> Mapping[str, Any]:
        if not waiting and not ends:
            await asyncio.Event().wait()
        part = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": part, "more_body": bool(waiting) or not ends}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(front(scope, receive, send))
    return sent, [message["status"] for message in sent if "status" in message]


def echo(environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
    """Answers with what it was sent."""
    start("200 OK", [("Content-Type", "text/plain"), ("X-Length", environ["CONTENT_LENGTH"])])
    return [environ["wsgi.input"].read()]


def test_a_body_that_does_not_come_is_given_up() -> None:
    front = asgi.Front(echo, threads=1, body_seconds=0.05)

    sent, statuses = serve(front, [b"half"], ends=False, headers={"request-id": "mine"})

    assert statuses == [408]
    assert (b"request-id", b"mine") in sent[0]["headers"]
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["code"] == "body_timeout"


def test_more_than_there_is_room_for_is_asked_to_come_again_and_leaves_room() -> None:
    front = asgi.Front(echo, threads=1, room=1000)

    for _ in range(3):
        sent, statuses = serve(front, [b"x" * 600, b"x" * 600])
        assert statuses == [503]
        assert (b"retry-after", b"1") in sent[0]["headers"]
    assert serve(front, [b"x" * 600])[1] == [200]


def test_of_a_body_without_end_no_more_is_kept_than_the_doors_refuse() -> None:
    front = asgi.Front(echo, threads=1)
    part = b"x" * 65536

    sent, _ = serve(front, [part] * 1000, path="/webhooks/stripe/stripe-us")

    assert len(sent[1]["body"]) <= 256 * 1024 + len(part)
    assert (b"x-length", str(asgi.PASSED_OVER).encode()) in sent[0]["headers"]


def test_a_long_answer_leaves_in_parts() -> None:
    part = b"y" * (asgi.AT_ONCE // 4)

    def long(_environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        start("200 OK", [])
        return (part for _ in range(12))

    sent, statuses = serve(asgi.Front(long, threads=1), [])

    assert statuses == [200]
    assert len(sent) > 3
    assert b"".join(message.get("body", b"") for message in sent) == part * 12
    assert [message.get("more_body") for message in sent[-2:]] == [True, False]


def test_a_process_whose_threads_are_all_stuck_does_not_say_that_it_lives() -> None:
    entered, held = threading.Event(), threading.Event()

    def stuck(_environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        entered.set()
        held.wait(120)
        start("200 OK", [])
        return []

    for seconds, expected in ((60.0, 200), (0.0, 503)):
        held.clear()
        entered.clear()
        front = asgi.Front(stuck, threads=1, stuck_seconds=seconds)
        worker = threading.Thread(target=serve, args=(front, []))
        worker.start()
        assert entered.wait(120)
        assert serve(front, [], path="/livez")[1] == [expected]
        held.set()
        worker.join()
    assert serve(front, [], path="/livez")[1] == [200]


def test_names_with_an_underscore_pass_for_no_other() -> None:
    seen: dict[str, Any] = {}

    def look(environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        seen.update(environ)
        start("204 No Content", [])
        return []

    serve(asgi.Front(look, threads=1), [b"abc"], headers={"x_forwarded_proto": "https", "x-a": "b"})

    assert "HTTP_X_FORWARDED_PROTO" not in seen
    assert "HTTP_TRANSFER_ENCODING" not in seen
    assert (seen["HTTP_X_A"], seen["CONTENT_LENGTH"]) == ("b", "3")
