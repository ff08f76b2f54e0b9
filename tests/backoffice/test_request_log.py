"""What was asked of the API is found again by request, object and key; no body is kept, and no request waits."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from payments.rest import requestlog, retention
from payments.rest.models import ApiKey, ApiRequest
from tests import factories
from tests.backoffice import pages
from tests.kernel.conftest import sql


@pytest.fixture(autouse=True)
def _nothing_noted() -> None:
    requestlog._waiting.notes.clear()


def test_a_payment_is_told_by_what_was_asked_about_it(staff: Any, shop: factories.Shop) -> None:
    order = shop.order()
    intent = shop.intent(order)
    answer = shop.call("POST", f"payment_intents/{intent['id']}/confirm", factories.card(), key="pay-once")
    refund = shop.post("refunds", {"payment_intent": intent["id"], "amount": 100, "reason": "goodwill"})
    refused = shop.call("POST", f"payment_intents/{intent['id']}/capture", {}, key="late")
    assert not ApiRequest.objects.exists(), "no request waits for its line in the log"
    requestlog.flush()

    told = [(row.operation, row.status, row.code) for row in requestlog.about(intent["id"])]
    assert told == [
        ("payment_intents.capture", refused.status_code, refused.json()["code"]),
        ("refunds.create", 201, ""),
        ("payment_intents.confirm", 200, ""),
        ("payment_intents.create", 201, ""),
    ]
    row = ApiRequest.objects.get(operation="payment_intents.confirm")
    assert (row.request_id, row.idempotency_key, row.client) == (answer["Request-Id"], "pay-once", shop.client)
    assert row.path == f"/v1/payment_intents/{intent['id']}/confirm"
    assert 0 < row.microseconds < 60_000_000
    assert order["id"] in row.object_ids
    assert requestlog.about(refund["id"])[0].operation == "refunds.create"

    engineer: Client = staff("engineer")
    address = pages.list_of("payments", "apirequest")
    for term, count in ((answer["Request-Id"], 1), (intent["id"], 4), ("pay-once", 1), (shop.key[:11], 5), ("no", 0)):
        shown = pages.text(engineer, address, q=term)
        assert f"{count} API request" in shown, term
    assert "confirm" in pages.text(engineer, pages.page_of("payments", "apikey", row.key_id))
    assert "127.0.0.1" in pages.text(engineer, pages.page_of("payments", "apikey", row.key_id)), "from where"
    assert "confirm" not in pages.text(engineer, address, answer="refused")
    assert staff("support").get(address).status_code == 403


def test_nothing_that_must_not_be_kept_is_kept(shop: factories.Shop) -> None:
    shop.post("customers", {"reference": "C-1", "email": "jane.doe@example.com", "name": "Jane Doe"})
    shop.call("GET", "customers?email=jane.doe@example.com")
    shop.call("GET", "orders/4242424242424242")
    shop.http.get("/v1/orders", headers={"authorization": "Bearer sk_wrongkey_" + "a" * 32})
    requestlog.flush()

    kept = sql("SELECT payments_apirequest::text FROM payments_apirequest")
    assert len(kept) == 4
    whole = " ".join(line for (line,) in kept)
    assert not [word for word in ("jane", "Jane", "4242424242424242", shop.key, "a" * 32) if word in whole]
    assert ApiRequest.objects.get(status=401).client is None


def test_a_list_is_about_nothing(shop: factories.Shop) -> None:
    shop.order()
    shop.get("orders")
    requestlog.flush()
    assert ApiRequest.objects.get(operation="orders.list").object_ids == []


def test_more_than_is_written_drops_the_oldest(shop: factories.Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.get("orders")
    one = requestlog._waiting.notes[0]
    for _ in range(requestlog.MOST + 10):
        requestlog.note(one)
    assert len(requestlog._waiting.notes) == requestlog.MOST


@pytest.mark.django_db(transaction=True)
def test_the_log_writes_itself_and_survives_a_database_that_is_away(
    shop: factories.Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REQUEST_LOG_SECONDS = 0.05
    table = requestlog._COPY
    monkeypatch.setattr(requestlog, "_COPY", table.replace("payments_apirequest", "nowhere"))
    shop.get("orders")
    factories.until(lambda: any("UndefinedTable" in str(record.msg) for record in caplog.records))
    monkeypatch.setattr(requestlog, "_COPY", table)
    shop.get("orders")
    factories.until(lambda: ApiRequest.objects.count() == 1)
    thread = requestlog._waiting.thread
    settings.REQUEST_LOG_SECONDS = 0
    requestlog._waiting.wake.set()
    assert thread is not None
    thread.join(120)
    assert not thread.is_alive()


@pytest.mark.django_db
def test_days_are_made_ahead_and_dropped_when_they_are_over() -> None:
    retention.keep_request_log()
    made = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'payments_apirequest'::regclass"
    count = sql(made)[0][0]
    assert count == retention.DAYS_AHEAD + 2, "today, a week ahead, and the one for what fits nowhere"
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE payments_apirequest_20200101 PARTITION OF payments_apirequest FOR VALUES FROM"
            " ('016f5e66-e800-7000-8000-000000000000') TO ('016f638d-4400-7000-8000-000000000000')"
        )
    retention.keep_request_log()
    assert sql(made)[0][0] == count


def test_a_key_is_rolled_and_revoked(staff: Any, shop: factories.Shop) -> None:
    engineer: Client = staff("engineer")
    key = ApiKey.objects.get()
    roll = pages.page_of("payments", "apikey", key.pk, "roll")
    answer = engineer.post(roll, {"overlap": "24", "reason": "It was in a mail."})
    new = ApiKey.objects.exclude(pk=key.pk).get()
    shown = pages.plain(answer.content.decode())
    assert f"sk_{new.prefix}_" in shown
    assert "only time" in shown
    assert shop.call("GET", "orders").status_code == 200, "both work for a day"

    engineer.post(pages.page_of("payments", "apikey", key.pk, "revoke"), {"reason": "Nobody uses it any more."})
    assert shop.call("GET", "orders").status_code == 401
    late = engineer.post(roll, {"overlap": "24", "reason": "It was in a mail."}, follow=True)
    assert "revoked already" in pages.plain(late.content.decode())
    assert staff("auditor").post(roll, {"overlap": "24", "reason": "It was in a mail."}).status_code == 403
