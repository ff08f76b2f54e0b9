"""Secrets and card numbers are sent by every way that leads to us, and found in nothing that is kept or told."""

import io
import json
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from payments.gateway import accounts
from payments.gateway.models import KillSwitch, ProviderAccount
from payments.kernel import doorbell, jobs, tracing, unit
from payments.kernel.jobs import Queue
from payments.webhooks.models import DeliveryTry
from tests import byhand, collector, factories
from tests.backoffice import pages
from tests.connectors import relay
from tests.services import conftest as services
from tests.webhooks import notifications, receiver

sim, told = services.sim, services.told
CARDS = ["4242424242424242", "4000 0566 5566 5556", "5555-5555-5555-4444", "378282246310005"]
KEYS = [
    "sk_" + "live_51SentinelSentinelSentinel00",
    "sk_" + "sentinel_SentinelSentinelSentinelSentinel1",
    "whsec_" + "SentinelSentinelSentinelSentinel2",
]
CREDENTIALS = ["Bearer Sentinel.sentinel.Sentinel3", "password=Sentinel4Sentinel", "redis://:Sentinel5@cache:6379/0"]
EVERY = [*CARDS, *KEYS, *CREDENTIALS]
TRACES = re.compile(
    "sentinel|" + "|".join("[ -]?".join(re.sub(r"\D", "", card)) for card in CARDS), re.IGNORECASE
)  # fmt: skip
"""What is found where something was kept: of a secret its value, of a card its digits however they are grouped."""

KEPT_AS_IT_CAME = {
    "payments_job": {"arguments"},  # ids, by rule: what this test puts there no code of ours does
    "payments_inboundevent": {"body"},  # what a PSP has signed, byte for byte, for as long as disputes may want it
}


_collected: list[collector.Collector] = []


@pytest.fixture(autouse=True)
def collected() -> Iterator[collector.Collector]:
    """Who collects traces, over real HTTP."""
    with collector.collecting() as one:
        _collected[:] = [one]
        yield one


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> factories.Shop:
    """A client of the API."""
    return factories.shop()


def kept() -> list[str]:
    """Every place in the database where a trace of something is found, with what stands there."""
    found = []
    columns = byhand.sql(
        "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        "   AND data_type IN ('text', 'character varying', 'jsonb', 'json', 'ARRAY', 'bytea')"
    )
    for table, column in columns:
        if column in KEPT_AS_IT_CAME.get(table, ()):
            continue
        read = (
            f"SELECT CASE WHEN pg_typeof(\"{column}\")::text = 'bytea' THEN encode(\"{column}\"::text::bytea, 'escape')"
        )
        for (text,) in byhand.sql(f'{read} ELSE "{column}"::text END FROM "{table}" WHERE "{column}" IS NOT NULL'):
            clear = bytes.fromhex(text[2:]).decode(errors="replace") if text.startswith("\\x") else text
            if TRACES.search(clear):
                found.append(f"{table}.{column}: {clear[:200]}")
    return found


def nothing_kept(told: io.StringIO) -> None:
    assert kept() == []
    assert [line[:300] for line in told.getvalue().splitlines() if TRACES.search(line)] == []
    assert TRACES.findall(Client().get("/metrics").content.decode()) == []
    [collected] = _collected
    assert [line[:300] for line in collected.text.splitlines() if TRACES.search(line)] == []
    assert collected.spans, "and there was something to look at"


def test_the_test_would_notice(shop: factories.Shop, told: io.StringIO) -> None:
    byhand.sql("UPDATE payments_apiclient SET name = %s", "a shop with 4242-4242 4242 4242")
    told.write("Sentinel1")
    assert len(kept()) == 1
    assert TRACES.search(told.getvalue())
    [collected] = _collected
    with tracing.span("a span", tracing.Kind.CLIENT, {"note": "it says S-e-n-t-i-n-e-l".replace("-", "")}):
        pass
    assert TRACES.search(collected.text)


@pytest.mark.parametrize("secret", EVERY)
def test_what_a_span_is_told(told: io.StringIO, transactional_db: None, secret: str) -> None:
    with tracing.span(f"call {secret}", tracing.Kind.SERVER, {"note": secret, f"x {secret}": 1, "api_key": "Sentinel"}):
        tracing.rename(f"called {secret}")
        tracing.tell({"more": f"and {secret}", "whom": "ada.sentinel@sentinel.example"})
        tracing.failed(f"it said {secret}")
    nothing_kept(told)


@pytest.mark.parametrize("secret", EVERY)
def test_what_programs_send_us(shop: factories.Shop, told: io.StringIO, secret: str) -> None:
    order, intent = shop.order(), shop.intent()
    bodies = {
        "orders": {"reference": secret, "currency": "USD", "country": "US", "lines": [], "metadata": {"note": secret}},
        "customers": {"name": "Ada", "email": "ada@example.com", "metadata": {secret: "1"}},
        f"payment_intents/{intent['id']}/confirm": factories.card(secret),
        "refunds": {"payment_intent": intent["id"], "amount": 1, "reason": "other", "note": secret},
        f"orders/{order['id']}/cancel": {secret: secret},
    }
    shown = {"authorization": f"Bearer {shop.key}", "user-agent": secret, "request-id": secret, "x-api-key": secret}
    if secret in CREDENTIALS:  # no shape of a key: what a client calls its order by is the client's
        bodies = {f"orders/{order['id']}/cancel": {secret: secret}}
    for path, body in bodies.items():
        headers = {**shown, "idempotency-key": secret.replace(" ", "")}
        raw = json.dumps(body)
        shop.http.generic("POST", f"/v1/{path}", raw, content_type="application/json", headers=headers)
        shop.http.generic("POST", f"/v1/{path}?{secret}={secret}", raw[:-3], content_type=secret, headers=headers)
    for path in (f"orders/{secret}", f"orders?reference={secret}", f"nothing/{secret}", f"events/{secret}"):
        shop.http.get(f"/v1/{path}", headers=shown)
        shop.http.get(f"/v1/{path}", headers={**shown, "authorization": secret, "cookie": f"session={secret}"})
        shop.http.get(f"/v1/{path}", headers={"host": f"{secret}.example"})
    shop.http.get(f"/return/{secret}", {"payload": secret})
    shop.http.get(f"/reports/{secret}")
    factories.work(*Queue)
    nothing_kept(told)


@pytest.mark.parametrize("secret", EVERY)
def test_what_strangers_send_as_a_notification(shop: factories.Shop, told: io.StringIO, secret: str) -> None:
    content = json.dumps({"id": secret, "type": secret, "data": {"object": {"id": secret, "error": secret}}}).encode()
    notifications.send(content, header=secret)
    notifications.send(content, to=f"stripe/{secret}")
    notifications.send(content, to=f"adyen/adyen-eu?{secret}")
    nothing_kept(told)


@pytest.mark.parametrize("secret", EVERY)
def test_what_psps_answer(shop: factories.Shop, told: io.StringIO, simulator: str, secret: str) -> None:
    error = {"type": "card_error", "code": "card_declined", "decline_code": "generic_decline",
             "message": f"Your card {secret} was declined", "param": secret}  # fmt: skip
    answers = [
        (402, {"error": error}),
        (400, {"error": {"type": "invalid_request_error", "message": f"No such thing: {secret}", "param": secret}}),
        (401, {"error": {"type": "invalid_request_error", "message": f"Invalid API Key provided: {secret}"}}),
        (500, f"<html>{secret}</html>".encode()),
        (200, {"id": "pi_1", "object": "payment_intent", "status": secret, "amount": secret}),
    ]
    with relay.Relay(simulator) as wire:
        ProviderAccount.objects.filter(code="stripe-us").update(base_url=wire.url)
        accounts.forget()
        for status, answer in answers:
            for line in ("POST /v1/payment_intents", "GET /v1/payment_intents"):
                wire.answer(line, status, answer)
            shop.call("POST", f"payment_intents/{shop.intent()['id']}/confirm", factories.card())
            wire.script.clear()
        jobs.Job.objects.update(due_at=byhand.sql("SELECT now()")[0][0])
        factories.work(Queue.MONEY)
    accounts.forget()
    nothing_kept(told)


@pytest.mark.parametrize("secret", EVERY)
def test_what_our_own_errors_and_jobs_hold(shop: factories.Shop, told: io.StringIO, secret: str) -> None:
    with unit.work():
        for argument in (secret, f"in_{secret}", f"wd_{secret}"):
            jobs.enqueue("process_inbound", inbound_id=argument)
            jobs.enqueue("deliver", delivery_id=argument)
    doorbell.ring(Queue.WEBHOOKS)
    factories.work(Queue.WEBHOOKS, Queue.DELIVERIES)
    assert byhand.sql("SELECT count(*) FROM payments_jobrun")[0][0] > 0
    nothing_kept(told)


@pytest.mark.parametrize("secret", EVERY)
def test_what_clients_answer_to_our_events(shop: factories.Shop, told: io.StringIO, secret: str) -> None:
    listening = receiver.Receiver()
    try:
        listening.answer = lambda _: receiver.Answer(500, secret.encode())
        shop.post("webhook_endpoints", {"url": listening.url, "event_types": ["*"]})
        shop.order()
        factories.work(Queue.DELIVERIES, Queue.WEBHOOKS)
    finally:
        listening.stop()
    assert DeliveryTry.objects.exists()
    nothing_kept(told)


@pytest.mark.parametrize("secret", EVERY)
def test_what_staff_type(shop: factories.Shop, told: io.StringIO, secret: str) -> None:
    Client().post("/admin/login/", {"username": secret, "password": secret})
    boss = pages.signed_in(User.objects.create_superuser("boss", password="correct horse battery staple"))
    boss.get("/admin/search", {"q": secret})
    boss.post("/admin/password_change/", {"old_password": secret, "new_password1": secret, "new_password2": secret})
    form = {"kind": "account", "target": "stripe-us", "reason": secret}
    answer = boss.post("/admin/payments/killswitch/new/", form)
    boss.post(f"/admin/{secret}/", {secret: secret})
    if secret in KEYS:
        assert answer.status_code == 400
    if secret in CARDS:
        assert "never written down here" in answer.content.decode(), "said beside the field"
    if secret in CARDS or secret in KEYS:
        assert not KillSwitch.objects.exists()
        nothing_kept(told)
