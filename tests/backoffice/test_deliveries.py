"""Engineers: what clients were told, and telling it once more."""

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from payments.kernel.audit import AuditEvent
from payments.rest.models import ApiClient
from payments.webhooks.models import Delivery, Endpoint, EventReplay
from payments.webhooks.services import endpoints
from tests import factories
from tests.backoffice import pages


@pytest.fixture
def engineer(staff: Any, settings: Settings) -> Client:
    """An engineer's browser."""
    settings.WEBHOOK_TARGETS_ON_LOOPBACK = True
    browser: Client = staff("engineer")
    return browser


@pytest.fixture
def failed(engineer: Client, shop: factories.Shop, paid: dict[str, Any]) -> Delivery:
    """A delivery that was given up: nobody answers there."""
    client = ApiClient.objects.get(name="shop")
    endpoints.create(client, url="http://127.0.0.1:9/hooks", event_types=["order.*"])
    shop.order()
    factories.work()
    Delivery.objects.update(state="failed")
    return Delivery.objects.get()


def test_a_delivery_shows_its_tries_and_is_sent_again(engineer: Client, failed: Delivery) -> None:
    page = pages.page_of("payments", "delivery", failed.pk)
    assert "No answer" in pages.text(engineer, page)
    assert "no connection" in pages.text(engineer, page)

    again = pages.page_of("payments", "delivery", failed.pk, "again")
    engineer.post(again, {"reason": ""})
    assert Delivery.objects.count() == 1, "without a reason nothing is sent"
    engineer.post(again, {"reason": "Their server is back."})
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["failed", "pending"]
    assert AuditEvent.objects.filter(action="delivery.sent_again", because="Their server is back.").count() == 1


def test_all_that_failed_since_a_moment_is_counted_first(engineer: Client, failed: Delivery) -> None:
    page = pages.page_of("payments", "endpoint", failed.endpoint_id, "failed")
    form = {"since": "2026-01-01T00:00", "reason": "Their server is back."}

    asked = engineer.post(page, form).content.decode()
    assert "Send 1 again" in asked
    assert pages.hidden(asked)["confirmed"] == "1"
    assert not EventReplay.objects.exists()
    engineer.post(page, {**form, "confirmed": "7"})
    assert not EventReplay.objects.exists(), "another number was confirmed"
    engineer.post(page, {**form, "confirmed": "1"})
    assert EventReplay.objects.get().because == "Their server is back."
    shown = pages.text(engineer, pages.page_of("payments", "endpoint", failed.endpoint_id))
    assert "Nothing waits" in shown
    assert "Failed ones" in shown


def test_an_event_goes_to_one_endpoint_and_a_switched_off_one_is_enabled(engineer: Client, failed: Delivery) -> None:
    send = pages.page_of("payments", "event", failed.event_id, "send")
    engineer.post(send, {"endpoint": failed.endpoint_id, "reason": "They have lost it."})
    assert Delivery.objects.filter(state="pending").count() == 1

    Endpoint.objects.update(enabled=False, disabled_reason="No delivery succeeded.")
    page = pages.page_of("payments", "endpoint", failed.endpoint_id)
    assert "Enable again" in pages.text(engineer, page)
    engineer.post(
        pages.page_of("payments", "endpoint", failed.endpoint_id, "enable"), {"reason": "They have mended it."}
    )
    assert Endpoint.objects.get().enabled
