"""Somebody wants to be forgotten: nothing in any table says who it was, and the books are what they were."""

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from payments.connectors.disputes import Standing
from payments.gateway import accounts
from payments.kernel import audit, clock
from payments.kernel.audit import AuditEvent
from payments.orders.models import Customer
from payments.rest.models import IdempotencyKey
from refunds.models import DisputeFile
from refunds.services import answering, filing, refunds
from tests import byhand, factories
from tests.api.test_customers import tables_that_know
from tests.refunds.quarrel import ACCOUNT, Quarrel

PDF = b"%PDF-1.7 of Ada Lovelace"
WHO = ("Lovelace", "ada@example.com", "Byron Street")


@pytest.fixture(autouse=True)
def evidence(tmp_path: Path, settings: Any) -> None:
    """Documents lie in a directory of the test's own."""
    settings.EVIDENCE_DIR = tmp_path


def erased(customer: str) -> str:
    """What the command says."""
    said = io.StringIO()
    call_command("erase", customer, because="ticket 811", stdout=said)
    return said.getvalue()


def bought(shop: factories.Shop) -> dict[str, Any]:
    """Ada has paid, with an address in what the shop wrote, and got a part back."""
    known = {"reference": "ada", "email": "ada@example.com", "name": "Ada Lovelace", "metadata": {"of": "Lovelace"}}
    customer = shop.post("customers", known)["id"]
    noted = {"shipping_address": "2 Byron Street", "to": "Ada Lovelace"}
    order = shop.order(2000, customer=customer, metadata=noted)
    intent = shop.intent(order, customer=customer, description="Mug for Ada Lovelace", metadata=noted)
    shop.confirm(intent)
    note = {"note": "Ms Lovelace has called", "metadata": noted}
    shop.post("refunds", {"payment_intent": intent["id"], "amount": 500, "reason": "damaged", **note})
    factories.work()
    return {"customer": customer, "intent": intent["id"], "order": order["id"]}


def test_nothing_says_who_it_was_and_the_money_is_where_it_was(shop: factories.Shop) -> None:
    ada = bought(shop)
    before = shop.get(f"payment_intents/{ada['intent']}")
    assert "payments_event" in tables_that_know("Byron Street")

    assert "was erased at" in erased(ada["customer"])
    factories.work()
    for word in WHO:
        assert tables_that_know(word) == [], word
    after = shop.get(f"payment_intents/{ada['intent']}")
    assert after == before | {"metadata": {}, "description": after.get("description")}
    assert (after["amount_captured"], after["amount_refunded"]) == (2000, 500)
    assert shop.get(f"orders/{ada['order']}")["customer"] == ada["customer"]

    row = Customer.objects.get()
    erased(ada["customer"])
    factories.work()
    assert Customer.objects.get().erased_at == row.erased_at, "once"
    assert AuditEvent.objects.get(action="customer.erased").because == "ticket 811"
    assert factories.broken() == []
    factories.assert_books_close()


def test_answers_that_were_kept_are_forgotten_though_nobody_can_read_them_in_a_table(shop: factories.Shop) -> None:
    """They are encrypted, and would be said again to who repeats the key."""
    ada = bought(shop)
    noted = {"shipping_address": "2 Byron Street"}
    bodies = {
        "orders": {"reference": "B", "currency": "USD", "country": "US", "customer": ada["customer"],
                   "lines": [{"sku": "M", "name": "Mug", "quantity": 1, "unit_amount": 700}], "metadata": noted},
        "payment_intents": {"amount": 700, "currency": "USD", "customer": ada["customer"], "metadata": noted},
        "refunds": {"payment_intent": ada["intent"], "amount": 100, "reason": "other", "note": "Ms Lovelace"},
    }  # fmt: skip
    made = {path: shop.post(path, body, key=path)["id"] for path, body in bodies.items()}
    erased(ada["customer"])
    factories.work()
    known = [row for row in IdempotencyKey.objects.all() if row.body and re.search(b"Lovelace|Byron", row.body)]
    assert [row.operation for row in known] == []
    with clock.at(clock.now() + timedelta(minutes=2)):
        again = {path: shop.post(path, body, key=path) for path, body in bodies.items()}
    assert {path: said["id"] for path, said in again.items()} == made, "the record answers"
    assert {str(said["metadata"]) for said in again.values()} == {"{}"}


def test_a_note_of_staff_is_in_the_refund_alone_where_it_is_forgotten(shop: factories.Shop) -> None:
    ada = bought(shop)
    with audit.asked_by(audit.Asker(who=lambda: "staff lena", address="192.0.2.7", request_id="req_1")):
        draft = refunds.RefundDraft(payment_intent=ada["intent"], amount=100, reason="other", note="Ms Lovelace")
        refunds.request(draft, client_id=Customer.objects.get().client_id, by="staff lena")
    assert AuditEvent.objects.filter(action="refund.requested").exists()
    erased(ada["customer"])
    factories.work()
    assert tables_that_know("Lovelace") == []


class Adas(Quarrel):
    """A dispute of a payment that is there already."""

    def __init__(self, shop: factories.Shop, intent: dict[str, Any]) -> None:
        self.shop, self.intent, self.reference = shop, intent, "dp_of_ada"
        self.account = accounts.account(ACCOUNT).pk
        self.payment = intent["latest_attempt"]["provider_reference"]


def test_evidence_stays_while_a_bank_waits_for_it_and_goes_afterwards(shop: factories.Shop) -> None:
    customer = shop.post("customers", {"reference": "ada", "name": "Ada Lovelace"})["id"]
    quarrel = Adas(shop, shop.confirm(shop.intent(shop.order(2000, customer=customer))))
    dispute = quarrel.tell(quarrel.news(taken=2000, standing=Standing.NEEDS_RESPONSE))
    document = answering.Document("receipt", "Lovelace.pdf", PDF)
    with audit.asked_by(audit.Asker(who=lambda: "staff lena", address="192.0.2.7", request_id="req_1")):
        answering.gather(dispute.pk, {"customer_name": "Ada Lovelace"}, [document], client_id=None, by="test")
    assert AuditEvent.objects.get(action="dispute.evidence_gathered").after, "that it was written, not what"
    erased(customer)
    factories.work()
    kept = DisputeFile.objects.get()
    assert (filing.read(kept.sha256), dispute.stages.get().texts) == (PDF, {"customer_name": "Ada Lovelace"})
    with byhand.refused("a file keeps what it is"):
        byhand.sql("UPDATE refunds_disputefile SET filename = 'another.pdf'")

    quarrel.tell(quarrel.news(after=8, standing=Standing.LOST))
    factories.later("forget_evidence")
    assert tables_that_know("Lovelace") == []
    with pytest.raises(FileNotFoundError):
        filing.read(kept.sha256)
    assert (dispute.stages.get().texts, DisputeFile.objects.get().sha256) == ({}, kept.sha256), "it was there"
    assert factories.broken() == []


def test_who_is_not_there_is_said(db: None) -> None:
    for nobody in ("cus_" + "0" * 32, "Ada"):
        with pytest.raises(CommandError, match="There is no customer"):
            erased(nobody)


def test_events_are_emptied_of_what_was_written_and_of_nothing_else(shop: factories.Shop) -> None:
    bought(shop)
    with byhand.refused("an event stays as it was told"):
        byhand.sql("UPDATE payments_event SET data = data || '{\"amount\": 1}'")
    with byhand.refused("an event stays as it was told"):
        byhand.sql('UPDATE payments_event SET data = data || \'{"metadata": {"a": "b"}}\'')
    with byhand.taken():
        byhand.sql("UPDATE payments_event SET data = payments_forgotten(data)")
