"""Saved payment methods: who may see them, what refuses to save or to be paid with, and what the database refuses."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, ids, unit
from payments.methods import services
from payments.methods.documents import SavedObject
from payments.methods.models import PaymentMethod, PaymentMethodToken
from payments.rest.models import KeyKind
from tests import factories
from tests.api.conftest import ABSENT, refused, shaped, with_key
from tests.api.test_tenancy import saved


def confirm(intent: dict[str, Any]) -> str:
    return f"POST payment_intents/{intent['id']}/confirm"


def owed(shop: factories.Shop, method: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """What the method's customer owes."""
    return shop.intent(shop.order(customer=method["customer"], **facts))


def test_what_is_saved_is_listed_newest_first_and_read(shop: factories.Shop) -> None:
    method = saved(shop)
    assert (method["type"], method["brand"], method["last4"]) == ("card", "visa", "4242")
    path = f"payment_methods/{method['id']}"
    assert shaped(SavedObject, shop.call("GET", path)) == method
    other = shop.intent(shop.order(customer=method["customer"]), setup_future_usage="on_session")
    assert other["setup_future_usage"] == "on_session"
    second = shop.confirm(other, "pm_card_mastercard")["latest_attempt"]["saved_payment_method"]
    listed = shop.get(f"customers/{method['customer']}/payment_methods")["data"]
    assert [row["id"] for row in listed] == [second, method["id"]]


def test_a_publishable_key_sees_none(shop: factories.Shop) -> None:
    method = saved(shop)
    app = with_key(kind=KeyKind.PUBLISHABLE, scopes=())
    for path in (f"customers/{method['customer']}/payment_methods", f"payment_methods/{method['id']}"):
        refused(app, f"GET {path}", None, "secret_key_required")
    query = f"amount=100&currency=USD&customer={method['customer']}"
    assert app.get(f"payment_methods/available?{query}")["saved"] == []
    assert [row["id"] for row in shop.get(f"payment_methods/available?{query}")["saved"]] == [method["id"]]


def test_what_can_be_paid_with_nowhere_is_not_offered(shop: factories.Shop) -> None:
    method = saved(shop)
    ProviderAccount.objects.filter(code="stripe-us").update(enabled=False)
    accounts.forget()
    found = shop.get(f"payment_methods/available?amount=100&currency=EUR&customer={method['customer']}")
    assert (found["saved"], found["data"] != []) == ([], True)
    body = {"saved_payment_method": method["id"]}
    elsewhere = owed(shop, method, currency="EUR", country="NL")
    refused(shop, confirm(elsewhere), body, "payment_method_not_available", param="saved_payment_method")


def test_saving_needs_a_customer(shop: factories.Shop) -> None:
    body = {"order": shop.order()["id"], "setup_future_usage": "off_session"}
    refused(shop, "POST payment_intents", body, "customer_required", param="customer")
    body = {"order": shop.order()["id"], "setup_future_usage": "often"}
    refused(shop, "POST payment_intents", body, "parameter_invalid", param="setup_future_usage")


def test_one_pays_with_ones_own_and_with_one_thing(shop: factories.Shop, stranger: factories.Shop) -> None:
    method = saved(shop)
    body = {"saved_payment_method": method["id"]}
    nobody, param = shop.intent(), "saved_payment_method"
    refused(shop, confirm(nobody), body, "saved_payment_method_unknown", param=param)
    ada = shop.post("customers", {"reference": "ada"})["id"]
    adas = shop.intent(shop.order(customer=ada))
    refused(shop, confirm(adas), body, "saved_payment_method_unknown", param=param)
    refused(stranger, confirm(stranger.intent()), body, "saved_payment_method_unknown", param=param)
    absent = {"saved_payment_method": f"pm_{ABSENT}"}
    refused(shop, confirm(adas), absent, "saved_payment_method_unknown", param=param)
    mine = owed(shop, method)
    refused(shop, confirm(mine), {**body, **factories.card()}, "parameter_invalid", param="payment_method")
    refused(shop, confirm(mine), {}, "parameter_missing", param="payment_method")
    paid = shop.post(f"payment_intents/{mine['id']}/confirm", body)
    assert (paid["status"], paid["latest_attempt"]["saved_payment_method"]) == ("succeeded", method["id"])
    assert "keeps the saved method" in paid["latest_attempt"]["reason_for_route"]


def test_what_is_not_wished_for_is_not_saved(shop: factories.Shop) -> None:
    customer = shop.post("customers", {"reference": "ada"})["id"]
    shop.confirm(shop.intent(shop.order(customer=customer)))
    declined = shop.intent(shop.order(customer=customer), setup_future_usage="off_session")
    assert shop.confirm(declined, "pm_card_visa_chargeDeclined")["status"] == "requires_payment_method"
    assert PaymentMethod.objects.count() == 0


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE payments_paymentmethod SET deleted_at = NULL", "stays deleted"),
        ("DELETE FROM payments_paymentmethodtoken", "kept"),
        ("DELETE FROM payments_paymentmethod", "kept"),
        ("UPDATE payments_paymentmethodtoken SET retired_at = NULL", "pays no more"),
        ("UPDATE payments_paymentmethodtoken SET token = 'pm_other'", "keeps its method"),
    ],
)
def test_the_database_refuses_to_bring_it_back(shop: factories.Shop, sql: str, why: str) -> None:
    method = saved(shop)
    shop.call("DELETE", f"payment_methods/{method['id']}")
    with pytest.raises(IntegrityError, match=why), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_database_refuses_a_payment_with_what_was_deleted(shop: factories.Shop) -> None:
    method = saved(shop)
    wish = owed(shop, method)
    attempt = shop.confirm(owed(shop, method))["latest_attempt"]["id"]
    shop.call("DELETE", f"payment_methods/{method['id']}")
    copied = "currency, amount_minor, method, token, capture, off_session, return_url, account_id, card_brand"
    copied += ", card_last4, reason_for_route, provider_reference, version, created_at, saves, payer"
    sql = f"""INSERT INTO payments_paymentattempt (id, intent_id, order_id, status, call_id, saved_method_id, {copied})
              SELECT %s, %s, %s, 'ready', 'call_x', %s, {copied.replace("provider_reference", "''")}
                FROM payments_paymentattempt WHERE id = %s"""
    known = [
        ids.uuid7(),
        ids.decode("pi", wish["id"]),
        wish["order"],
        ids.decode("pm", method["id"]),
        ids.decode("att", attempt),
    ]
    with pytest.raises(IntegrityError, match="was deleted"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, known)


def test_the_database_refuses_anothers_customer_and_a_token_twice(
    shop: factories.Shop, stranger: factories.Shop
) -> None:
    method = saved(shop)
    row = PaymentMethod(client=stranger.client, customer_id=method["customer"], method="card")
    with pytest.raises(IntegrityError, match="another client"), transaction.atomic():
        row.save()
    known = PaymentMethodToken.objects.get()
    again = PaymentMethodToken(
        payment_method_id=method["id"], account_id=known.account_id, token=known.token, payer="cus_x"
    )
    with pytest.raises(IntegrityError, match="method_token"), transaction.atomic():
        again.save()


def test_verify_sees_what_pays_although_it_was_deleted(shop: factories.Shop) -> None:
    saved(shop)
    assert factories.broken() == []
    PaymentMethod.objects.update(deleted_at=clock.now())
    assert any("deleted_methods_pay_no_more" in found for found in factories.broken())


def test_verify_sees_a_token_that_nobody_forgets(shop: factories.Shop) -> None:
    saved(shop)
    with unit.work():
        row = PaymentMethodToken.objects.get()
        row.change(retired_at=clock.now())
    assert any("retired_tokens_are_forgotten" in found for found in factories.broken())
    with unit.work():
        row.change(forgotten_at=clock.now())
    assert factories.broken() == []
    services.forget_token(row.pk)
