"""Adyen's door: `[accepted]` once every item is stored, nothing when one of them is not signed."""

import json
import os
from typing import Any

import pytest
from Adyen import util
from django.test import Client

from payments.gateway import accounts
from payments.gateway.models import LegalEntity, ProviderAccount
from payments.webhooks.models import InboundEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def account() -> ProviderAccount:
    """The merchant account that the notifications are for."""
    entity = LegalEntity.objects.create(name="Countinghouse B.V.", functional_currency="EUR")
    made = ProviderAccount.objects.create(
        code="adyen-eu", psp="adyen", legal_entity=entity, base_url="http://psp.example"
    )
    accounts.forget()
    return made


def item(code: str, reference: str, *, key: str = "") -> dict[str, Any]:
    """An item as Adyen's own helper signs it."""
    about: dict[str, Any] = {
        "pspReference": reference,
        "merchantAccountCode": os.environ["ADYEN_EU_MERCHANT_ACCOUNT"],
        "merchantReference": "ours",
        "amount": {"value": 1000, "currency": "EUR"},
        "eventCode": code,
        "eventDate": "2026-11-25T01:00:00+01:00",
        "success": "true",
    }
    signature = util.generate_notification_sig(about, key or os.environ["ADYEN_EU_HMAC_KEY"]).decode()
    return {"NotificationRequestItem": {**about, "additionalData": {"hmacSignature": signature}}}


def knock(*items: dict[str, Any], to: str = "adyen/adyen-eu") -> Any:
    """As Adyen does, without a browser's token."""
    body = json.dumps({"live": "false", "notificationItems": items})
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    return client.post(f"/webhooks/{to}", body, content_type="application/json")


def test_every_item_is_stored_once_and_the_whole_is_accepted(account: ProviderAccount) -> None:
    for _ in range(2):
        answer = knock(item("MANUAL_REVIEW_ACCEPT", "PSP1"), item("REFUND", "PSP2"))
        assert (answer.status_code, answer.content) == (200, b"[accepted]")

    rows = InboundEvent.objects.order_by("event_key").values_list("event_key", "kind", "state", "provider_account_id")
    assert list(rows) == [
        ("MANUAL_REVIEW_ACCEPT:PSP1:true", "unused", "ignored", account.pk),
        ("REFUND:PSP2:true", "refund_updated", "received", account.pk),
    ]


def test_of_a_notification_with_a_forged_item_nothing_is_kept() -> None:
    answer = knock(item("REFUND", "PSP1"), item("REFUND", "PSP2", key="00" * 32))
    assert (answer.status_code, answer.json()["code"]) == (400, "notification_refused")
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize("to", ["adyen/adyen-apac", "stripe/adyen-eu", "adyen/nobody"])
def test_there_is_one_address_per_account(to: str) -> None:
    assert knock(item("REFUND", "PSP1"), to=to).status_code == 404
