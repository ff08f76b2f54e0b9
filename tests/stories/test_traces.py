"""What a payment did is one trace at whoever collects them; a collector that is ill costs no payment anything."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client

from config import embedded, otlp
from payments.gateway import accounts
from payments.kernel import tracing
from payments.kernel.jobs import Job, Queue
from tests import byhand, collector, factories
from tests.conftest import ROOT
from tests.services import conftest as services
from tests.webhooks import receiver

sim, told = services.sim, services.told
pytestmark = pytest.mark.usefixtures("transactional_db")

STRANGER = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> factories.Shop:
    """A client of the API."""
    return factories.shop()


def test_a_request_its_call_and_its_jobs_are_one_trace(shop: factories.Shop) -> None:
    intent = shop.intent()
    with collector.collecting() as collected:
        paid = shop.confirm(intent)
        shop.post("refunds", {"payment_intent": intent["id"], "amount": 100, "reason": "goodwill"})
        factories.work(Queue.MONEY)
        spans = collected.spans
    request, asked = [span for span in spans if span.name.startswith("POST v1/")]
    assert request.name == "POST v1/payment_intents/<str:intent_id>/confirm"
    assert request.facts["http.response.status_code"] == 200
    assert str(request.facts["request_id"]).startswith("req_")
    assert request.facts["intent_id"] == intent["id"]
    assert request.facts["attempt_id"] == paid["latest_attempt"]["id"]
    [call] = [span for span in spans if span.name == "psp authorize"]
    assert (call.trace, call.parent) == (request.trace, request.id)
    wanted = {"account": "stripe-us", "psp": "stripe", "operation": "authorize", "outcome": "approved",
              "intent_id": intent["id"], "object_id": paid["latest_attempt"]["id"],
              "request_id": request.facts["request_id"]}  # fmt: skip
    assert wanted.items() <= call.facts.items()

    [job] = [span for span in spans if span.name == "job send_refund"]
    assert (job.trace, job.parent) == (asked.trace, asked.id), "what a request has wished for is done in its trace"
    assert {"queue": "money", "job": "send_refund", "outcome": "done"}.items() <= job.facts.items()
    [given_back] = [span for span in spans if span.name == "psp refund"]
    assert (given_back.trace, given_back.parent) == (job.trace, job.id)
    assert not any(span.failed for span in spans)


def test_a_notification_and_what_comes_of_it_are_one_trace(
    shop: factories.Shop, sim: factories.Simulator, live_server: Any
) -> None:
    sim.notify(live_server.url)
    with collector.collecting() as collected:
        shop.confirm(shop.intent())
        sim.quiet()
        factories.work(Queue.WEBHOOKS)
        spans = collected.spans
    sim.notify("")
    doors = {span.id: span for span in spans if span.name == "POST webhooks/<str:psp>/<str:account_code>"}
    acted = [span for span in spans if span.name == "job process_inbound"]
    assert acted
    assert {span.parent for span in acted} <= doors.keys()
    assert all(span.trace == doors[span.parent].trace for span in acted)
    assert all(str(span.facts["inbound_id"]).startswith("in_") for span in acted)


def test_a_stranger_leads_no_further_than_a_link(shop: factories.Shop) -> None:
    with collector.collecting() as collected:
        for shown in (STRANGER, "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"):
            shop.http.get("/v1/nothing", headers={"traceparent": shown})
        spans = collected.spans
    assert [span.links for span in spans] == [("ab" * 16,), (), ()]
    assert not {"ab" * 16} & {span.trace for span in spans}
    assert {span.parent for span in spans} == {""}


def test_what_a_psp_leaves_open_and_what_we_break_is_marked(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.intent()
    sim.scenario("payment_intents.confirm", "reset_after", times=1)
    with collector.collecting() as collected:
        shop.call("POST", f"payment_intents/{intent['id']}/confirm", factories.card())
        byhand.sql("INSERT INTO payments_job (id, name, queue, arguments, state, due_at, fence, attempts, last_error,"
                   " created_at) VALUES (gen_random_uuid(), 'process_inbound', 'webhooks',"
                   " '{\"inbound_id\": \"in_nonsense\"}', 'ready', now(), 0, 0, '', now())")  # fmt: skip
        factories.work(Queue.WEBHOOKS)
        spans = collected.spans
    failed = {span.name: span.facts["outcome"] for span in spans if span.failed}
    assert failed == {"psp authorize": "unknown", "job process_inbound": "failed"}
    assert "Traceback" not in collected.text


def test_what_nobody_has_foreseen_is_marked_with_its_type_and_with_nothing_that_it_says(
    shop: factories.Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.post("refunds", {"payment_intent": shop.paid()["id"], "amount": 100, "reason": "goodwill"})
    monkeypatch.delenv("STRIPE_US_API_KEY")
    accounts._connector.cache_clear()
    with collector.collecting() as collected:
        factories.work(Queue.MONEY)
        spans = collected.spans
    accounts._connector.cache_clear()
    bug = "payments.kernel.errors.Bug"
    assert failures(spans) == {"psp refund": (bug, bug), "job send_refund": (bug, bug)}
    assert "the environment has no" not in collected.text
    assert not any(event.name == "exception" for event in collected.events), "nor its stack"


def failures(spans: list[collector.Span]) -> dict[str, tuple[str, str]]:
    """The spans that are marked: why, and with which type of error."""
    return {span.name: (span.failed, str(span.facts.get("error.type", ""))) for span in spans if span.failed}


@pytest.mark.urls("tests.rest.doors")
def test_a_request_that_breaks_says_by_what_and_one_that_is_refused_says_nothing(shop: factories.Shop) -> None:
    shop.http.raise_request_exception = False
    with collector.collecting() as collected:
        for address in ("v1/trouble/bug", "v1/trouble/database", "v1/trouble/bad", "v1/trouble/stale", "v1/nothing",
                        "page/broken", "page/away", "page/fine"):  # fmt: skip
            shop.http.get(f"/{address}", headers={"authorization": f"Bearer {shop.key}"})
        spans = collected.spans
    assert [(span.facts["http.response.status_code"], *failures([span]).values()) for span in spans] == [
        (500, ("500", "RuntimeError")),
        (503, ("503", "django.db.utils.OperationalError")),
        (400,), (409,), (404,),
        (500, ("500", "ZeroDivisionError")),
        (404,), (200,),
    ]  # fmt: skip
    assert "a bug of ours" not in collected.text
    assert "division" not in collected.text


@contextmanager
def hanging() -> Iterator[str]:
    """A collector that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def refusing() -> Iterator[str]:
    """Nobody listens there."""
    yield f"http://127.0.0.1:{embedded.free_port()}"


@contextmanager
def failing() -> Iterator[str]:
    """A collector that answers 500."""
    one = collector.Collector()
    one.receiver.answer = lambda _: receiver.Answer(500)
    yield one.url
    one.receiver.stop()


@pytest.mark.parametrize("ill", [hanging, refusing, failing])
def test_a_collector_that_is_ill_makes_nobody_wait(shop: factories.Shop, ill: Any) -> None:
    with ill() as url, collector.tracing_to(url) as tracer:
        sending = threading.Thread(target=tracer.flush)
        with tracing.span("first", tracing.Kind.CLIENT):
            pass
        sending.start()  # it is at it, and has an answer to wait for, while the payment is made
        began = time.monotonic()
        assert shop.confirm(shop.intent())["status"] == "succeeded"
        for _ in range(3 * 2048):  # more than are kept: what is too much is dropped
            with tracing.span("one of many", tracing.Kind.CLIENT):
                pass
        assert time.monotonic() - began < 30, "who waited for the collector did so for hours"
        ending = time.monotonic()
        sending.join(60)
        tracer.end()
    assert time.monotonic() - ending < 3 * otlp.SECONDS + otlp.LAST_SECONDS + 10
    factories.assert_books_close()


WEB = {"COUNTINGHOUSE_ROLE": "web", "DJANGO_SETTINGS_MODULE": "config.settings"}


def _ran(program: str, said: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A web process of its own that does this and ends."""
    web = os.environ | WEB | said
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=web, capture_output=True, text=True, timeout=300
    )


# Of the SDK the client of Redis imports a part by itself, wherever it is installed.
ALONE = """
import sys, config.wsgi
ours = ("opentelemetry.exporter", "google.protobuf", "config.otlp")
print("some" if any(name.startswith(ours) for name in sys.modules) else "none")
"""


@pytest.mark.parametrize(
    ("said", "imported"),
    [
        ({}, "none"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, "none"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, "some"),
    ],
)
def test_where_nobody_collects_nothing_that_exports_is_even_imported(said: dict[str, str], imported: str) -> None:
    ended = _ran(ALONE, said)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == imported


def test_who_ends_tells_the_last_of_it() -> None:
    one = collector.Collector()
    say = (
        "import config.wsgi\nfrom django.test import Client\nClient().get('/v1/nothing', headers={'host': '127.0.0.1'})"
    )
    ended = _ran(say, {"OTEL_EXPORTER_OTLP_ENDPOINT": one.url})
    one.receiver.stop()
    assert ended.returncode == 0, ended.stderr
    assert [span.name for span in one.spans] == ["GET v1/"]
    told = one.text
    assert all(word in told for word in ("countinghouse.role", '"web"', "service.name", '"countinghouse"'))


def test_without_a_collector_a_job_keeps_nothing(shop: factories.Shop) -> None:
    shop.confirm(shop.intent())
    assert set(Job.objects.values_list("traceparent", flat=True)) <= {""}
    assert Client().get("/livez").status_code == 200
