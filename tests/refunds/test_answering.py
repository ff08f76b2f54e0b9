"""Answering a dispute: evidence by the API, submitted once, accepted with a reason; and when nobody hears the PSP."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from payments.connectors.base import PspEvent
from payments.connectors.disputes import Stage, Standing
from payments.gateway import accounts
from payments.gateway.models import ProviderCall
from payments.kernel import clock, crashpoints
from payments.kernel.attention import AttentionItem
from payments.kernel.errors import Refusal
from payments.kernel.jobs import Job, Queue
from payments.webhooks.models import Event
from refunds import handlers
from refunds.models import Dispute, DisputeFile
from refunds.services import answer_calls, answering, filing, proofs, refusals
from tests import factories
from tests.byhand import sql
from tests.refunds.psp import ACCOUNT, Psp
from tests.refunds.quarrel import Quarrel
from tests.refunds.test_disputes import items

PDF = b"%PDF-1.7 the courier's receipt"
PNG = b"\x89PNG\r\n\x1a\n and a signature"


@pytest.fixture(autouse=True)
def _evidence(tmp_path: Path, settings: Any) -> None:
    """Documents of a test go with it."""
    settings.EVIDENCE_DIR = tmp_path


class Bank(Psp):
    """The PSP's side of disputes."""

    def news(self) -> list[PspEvent]:
        """All that it has told of disputes, oldest first."""
        return [event for event in self.told("dispute") if event.dispute is not None]

    def tell(self) -> None:
        """Deliver it."""
        for event in self.news():
            handlers.dispute_updated(accounts.account(ACCOUNT).pk, event)


@pytest.fixture
def bank(shop: factories.Shop, simulator: str) -> Bank:
    """The provider account stripe-us, as its disputes see it."""
    return Bank(simulator)


@pytest.fixture
def dispute(shop: factories.Shop, bank: Bank) -> Dispute:
    """A dispute at the simulator of a payment of 20.00 USD."""
    order = shop.order(2000, metadata={"tracking_number": "1Z999", "carrier": "UPS", "shipped_at": "2026-11-02"})
    shop.confirm(shop.intent(order), "pm_card_createDispute")
    factories.until(lambda: any(event.type.endswith("funds_withdrawn") for event in bank.news()))
    bank.tell()
    return Dispute.objects.get()


def evidence(shop: factories.Shop, dispute: Dispute, key: str = "evidence-1", **fields: Any) -> Any:
    """A form that is sent as a browser or a program sends it."""
    return shop.http.post(
        f"/v1/disputes/{dispute.pk}/evidence",
        fields,
        headers={"authorization": f"Bearer {shop.key}", "idempotency-key": key},
    )


def pdf(name: str = "receipt.pdf", content: bytes = PDF) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/html")


def told(dispute: Dispute) -> list[str]:
    rows = Event.objects.filter(object_id=dispute.pk).order_by("sequence")
    return list(rows.values_list("type", flat=True))


def test_evidence_is_gathered_kept_hashed_and_submitted_once(shop: factories.Shop, dispute: Dispute) -> None:
    first = evidence(shop, dispute, other="winning_evidence", customer_name="Ada", document_receipt=pdf('r/e"c.pdf'))
    assert first.status_code == 200, first.content
    said = first.json()["evidence"]
    assert said["texts"] == {"other": "winning_evidence", "customer_name": "Ada"}
    [file] = said["files"]
    assert (file["kind"], file["filename"], file["size"]) == ("receipt", 'e"c.pdf'.replace('"', ""), len(PDF))
    assert file["content_type"] == "application/pdf", "by its first bytes, whatever its sender says"
    assert file["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert filing.read(file["sha256"]) == PDF

    second = evidence(shop, dispute, "evidence-2", customer_name="", document_receipt=pdf(content=PNG)).json()[
        "evidence"
    ]
    assert second["texts"] == {"other": "winning_evidence"}
    assert [one["content_type"] for one in second["files"]] == ["image/png"]
    assert DisputeFile.objects.exclude(removed_at=None).count() == 1

    answered = shop.post(f"disputes/{dispute.pk}/submit", {})
    assert (answered["status"], answered["evidence"]["answer"]) == ("needs_response", "submit")
    assert factories.broken() == []
    factories.work(Queue.MONEY)
    dispute.refresh_from_db()
    assert dispute.status == "under_review"
    assert told(dispute)[-2:] == ["dispute.evidence_submitted", "dispute.under_review"]
    [call] = ProviderCall.objects.filter(owner_id=dispute.pk)
    assert (call.kind, call.verdict, call.look_at) == ("defend", "approved", None)

    for path in ("submit", "accept"):
        again = shop.call("POST", f"disputes/{dispute.pk}/{path}", {"reason": "no"} if path == "accept" else None)
        assert (again.status_code, again.json()["code"]) == (409, "dispute_answered")
    assert evidence(shop, dispute, "evidence-3", other="late").json()["code"] == "dispute_answered"
    factories.assert_books_close()


def test_the_bank_decides(shop: factories.Shop, bank: Bank, dispute: Dispute) -> None:
    evidence(shop, dispute, other="winning_evidence")
    shop.post(f"disputes/{dispute.pk}/submit", {})
    factories.work(Queue.MONEY)
    factories.until(lambda: any(event.type.endswith("closed") for event in bank.news()))
    bank.tell()
    assert shop.get(f"disputes/{dispute.pk}")["status"] == "won"
    assert shop.get(f"payment_intents/{dispute.intent_id}")["amount_disputed"] == 0
    factories.assert_books_close()


def test_a_dispute_is_accepted_with_a_reason(shop: factories.Shop, dispute: Dispute) -> None:
    empty = shop.call("POST", f"disputes/{dispute.pk}/accept", {"reason": " "})
    assert empty.status_code in (400, 422)
    shop.post(f"disputes/{dispute.pk}/accept", {"reason": "the parcel was lost"})
    factories.work(Queue.MONEY)
    found = shop.get(f"disputes/{dispute.pk}")
    assert (found["status"], found["amount_lost"]) == ("accepted", 2000)
    assert dispute.stages.get().answer_because == "the parcel was lost"
    factories.assert_books_close()


def test_the_same_key_answers_the_same_and_another_body_is_refused(shop: factories.Shop, dispute: Dispute) -> None:
    first = evidence(shop, dispute, other="delivered", document_receipt=pdf())
    again = evidence(shop, dispute, other="delivered", document_receipt=pdf())
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    other = evidence(shop, dispute, other="delivered", document_receipt=pdf(content=PDF + b"!"))
    assert other.json()["code"] == "idempotency_key_reused"
    keyless = shop.http.post(f"/v1/disputes/{dispute.pk}/submit", headers={"authorization": f"Bearer {shop.key}"})
    assert keyless.json()["code"] == "idempotency_key_required"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"anything": "x"}, "parameter_unknown"),
        ({"document_secret": pdf()}, "parameter_unknown"),
        ({"receipt": pdf()}, "parameter_unknown"),
        ({"other": ["once", "twice"]}, "body_malformed"),
        ({"other": "x" * 20_001}, "dispute_evidence_too_large"),
        ({"other": "paid by 4242 4242 4242 4242"}, "dispute_evidence_unknown"),
        ({"other": "a\x00b"}, "body_malformed"),
        ({"document_receipt": pdf(content=b"<script>")}, "dispute_document_unreadable"),
        ({"document_receipt": pdf(content=PDF + b"0" * 2_100_000)}, "dispute_evidence_too_large"),
        (
            {f"document_{kind}": pdf(content=PDF + kind.encode() + b"0" * 1_600_000) for kind in ("receipt", "other")}
            | {"document_refund_policy": pdf(content=PDF + b"0" * 1_700_000)},
            "dispute_evidence_too_large",
        ),
        ({f"document_{kind}": pdf(content=PDF + b"0" * 2_000_000) for kind in ("receipt", "other", "refund_policy")},
         "body_too_large"),
    ],
)  # fmt: skip
def test_what_no_bank_takes_is_refused(shop: factories.Shop, dispute: Dispute, fields: Any, code: str) -> None:
    answer = evidence(shop, dispute, **fields)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code
    assert (dispute.stages.get().texts, DisputeFile.objects.count()) == ({}, 0)


def test_a_body_that_is_no_form_is_refused(shop: factories.Shop, dispute: Dispute) -> None:
    answer = shop.call("POST", f"disputes/{dispute.pk}/evidence", {"other": "x"})
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
    headers = {"authorization": f"Bearer {shop.key}", "idempotency-key": "broken"}
    path, form = f"/v1/disputes/{dispute.pk}/evidence", "multipart/form-data; boundary="
    broken = shop.http.generic("POST", path, b"--x\r\nnonsense", content_type=form, headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "body_malformed")


def test_nothing_is_submitted_without_evidence_nor_where_nobody_listens(shop: factories.Shop, dispute: Dispute) -> None:
    assert shop.call("POST", f"disputes/{dispute.pk}/submit").json()["code"] == "dispute_evidence_missing"
    Dispute.objects.update(defendable=False)
    evidence(shop, dispute, other="delivered")
    assert shop.call("POST", f"disputes/{dispute.pk}/submit").json()["code"] == "dispute_not_defendable"


def test_the_list_is_by_payment_status_and_due_day(shop: factories.Shop, dispute: Dispute) -> None:
    for query, found in (
        ("", 1), (f"payment_intent={dispute.intent_id}", 1), ("status=needs_response", 1), ("status=won", 0),
        ("due_within_days=8", 1), ("due_within_days=2", 0), (f"order={dispute.order_id}", 1),
    ):  # fmt: skip
        assert len(shop.get(f"disputes?{query}")["data"]) == found, query


@pytest.mark.parametrize("point", ["answer.opened", "answer.committed", "answer.answered", "answer.recorded"])
@pytest.mark.django_db(transaction=True)
def test_wherever_the_process_dies_the_bank_has_one_answer(
    shop: factories.Shop, bank: Bank, dispute: Dispute, point: str
) -> None:
    evidence(shop, dispute, other="winning_evidence", document_receipt=pdf())
    shop.post(f"disputes/{dispute.pk}/submit", {})
    stage = dispute.stages.get()
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        answer_calls.send(stage.pk)
    factories.work(Queue.MONEY)
    ProviderCall.objects.filter(owner_id=dispute.pk, look_at__isnull=False).update(look_at=clock.now())
    factories.work(Queue.MONEY)
    stage.refresh_from_db()
    assert stage.answered_at
    at_the_psp = [event for event in bank.news() if event.type.endswith("updated")]
    assert sum(event.dispute.standing == Standing.UNDER_REVIEW for event in at_the_psp if event.dispute) == 1
    factories.assert_books_close()


def test_an_answer_that_is_lost_is_asked_for(shop: factories.Shop, sim: factories.Simulator, dispute: Dispute) -> None:
    evidence(shop, dispute, other="winning_evidence")
    sim.scenario("disputes.update", "reset_after", times=1)
    shop.post(f"disputes/{dispute.pk}/submit", {})
    factories.work(Queue.MONEY)
    assert ProviderCall.objects.get(owner_id=dispute.pk).verdict == "unknown"
    assert dispute.stages.get().answered_at is None
    assert factories.broken() == []
    ProviderCall.objects.filter(owner_id=dispute.pk).update(look_at=clock.now())
    factories.work(Queue.MONEY)
    assert shop.get(f"disputes/{dispute.pk}")["status"] == "under_review"
    factories.assert_books_close()


def test_a_psp_that_cannot_be_reached_is_told_later(
    shop: factories.Shop, sim: factories.Simulator, dispute: Dispute
) -> None:
    evidence(shop, dispute, other="winning_evidence")
    sim.scenario("disputes.update", "rate_limit_429", times=9)
    shop.post(f"disputes/{dispute.pk}/submit", {})
    factories.work(Queue.MONEY)
    assert shop.get(f"disputes/{dispute.pk}")["status"] == "needs_response"
    assert Job.objects.filter(name="answer_dispute").count() == 1
    sim.forgive()
    factories.later("answer_dispute")
    assert shop.get(f"disputes/{dispute.pk}")["status"] == "under_review"


def test_a_refused_answer_can_be_corrected_and_gets_a_person(quarrel: Quarrel) -> None:
    """The PSP knows no such dispute."""
    dispute = quarrel.tell(quarrel.news(0, taken=2000, respond_by=clock.now() + timedelta(days=9)))
    answering.gather(dispute.pk, {"other": "delivered"}, client_id=None, by="staff lea")
    answering.submit(dispute.pk, client_id=None, by="staff lea")
    factories.work(Queue.MONEY)
    stage = dispute.stages.get()
    assert (stage.answer, stage.texts, quarrel.dispute().status) == ("", {"other": "delivered"}, "needs_response")
    assert items() == [("dispute_refused", dispute.pk)]
    assert "refuses it" in AttentionItem.objects.get().detail
    assert factories.broken() == []


@pytest.fixture
def quarrel(shop: factories.Shop) -> Quarrel:
    """A dispute that the PSP's simulator does not know."""
    return Quarrel(shop)


@pytest.mark.parametrize(
    ("standing", "answer", "status"),
    [
        (Standing.UNDER_REVIEW, "submit", "under_review"),
        (Standing.WON, "submit", "won"),
        (Standing.EXPIRED, "", "expired"),
    ],
)
def test_news_prove_what_became_of_an_answer(quarrel: Quarrel, standing: Standing, answer: str, status: str) -> None:
    dispute = quarrel.tell(quarrel.news(0, taken=2000))
    answering.gather(dispute.pk, {"other": "delivered"}, client_id=None, by="staff lea")
    answering.submit(dispute.pk, client_id=None, by="staff lea")
    stage = dispute.stages.get()
    with crashpoints.armed("answer.committed"), pytest.raises(crashpoints.Crash):
        answer_calls.send(stage.pk)
    assert quarrel.tell(quarrel.news(3, standing=standing)).status == status
    stage.refresh_from_db()
    assert (stage.answer, bool(stage.answered_at)) == (answer, bool(answer))
    assert ProviderCall.objects.get(owner_id=dispute.pk).look_at is None


def test_the_bank_coming_back_is_answered_anew(quarrel: Quarrel) -> None:
    dispute = quarrel.tell(quarrel.news(0, taken=2000), quarrel.news(5, standing=Standing.WON, back=2000))
    with pytest.raises(refusals.DisputeNotAnswerable):
        answering.gather(dispute.pk, {"other": "x"}, client_id=None, by="staff lea")
    quarrel.tell(quarrel.news(40, stage=Stage.SECOND, taken=2000, standing=Standing.NEEDS_RESPONSE))
    held = answering.gather(dispute.pk, {"other": "still delivered"}, client_id=None, by="staff lea")
    assert held.latest.stage == "second"
    assert dispute.stages.get(stage="chargeback").texts == {}


def test_what_is_known_is_filled_in(shop: factories.Shop, dispute: Dispute) -> None:
    said = proofs.known(dispute)
    assert "1 × Blue mug (MUG-01), 20.00 USD" in said["product_description"]
    tracked = (said["shipping_carrier"], said["shipping_tracking"], said["shipping_date"])
    assert tracked == ("UPS", "1Z999", "2026-11-02")
    assert "20.00 USD was authorised by the customer's bank on" in said["other"]
    assert "3-D Secure" not in said["other"]


def test_a_customer_who_bought_before_and_confirmed_with_the_bank(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    customer = shop.post("customers", {"reference": "ada", "name": "Ada Lovelace", "email": "ada@example.com"})["id"]
    shop.confirm(shop.intent(shop.order(500, customer=customer)))
    waiting = shop.confirm(shop.intent(shop.order(2000, customer=customer)), "pm_card_authenticationRequired")
    sim.challenge(waiting["latest_attempt"]["provider_reference"], "success")
    shop.post(f"payment_intents/{waiting['id']}/complete_action", {"details": {}})
    quarrel = Quarrel(shop)
    quarrel.intent = shop.get(f"payment_intents/{waiting['id']}")
    quarrel.payment = quarrel.intent["latest_attempt"]["provider_reference"]
    said = proofs.known(quarrel.tell(quarrel.news(0, taken=2000)))
    assert (said["customer_name"], said["customer_email"]) == ("Ada Lovelace", "ada@example.com")
    assert "confirmed the payment with their bank" in said["other"]
    assert "has paid 1 other order that nobody disputes" in said["other"]


def test_a_document_that_was_changed_on_the_disk_is_not_sent(quarrel: Quarrel, tmp_path: Path) -> None:
    sha256 = filing.keep(PDF)
    next(tmp_path.rglob(sha256)).write_bytes(b"%PDF-1.7 something else")
    with pytest.raises(ValueError, match="was changed on the disk"):
        filing.read(sha256)


def test_a_document_is_taken_back(quarrel: Quarrel) -> None:
    dispute = quarrel.tell(quarrel.news(0, taken=2000))
    document = answering.Document("receipt", "a.pdf", PDF)
    held = answering.gather(dispute.pk, {}, [document, document], client_id=None, by="staff lea")
    [row] = held.files[held.latest.pk]
    answering.gather(dispute.pk, {}, [document], client_id=None, by="staff lea")
    assert DisputeFile.objects.count() == 1, "the very same is kept once"
    assert not answering.take_back(dispute.pk, row.pk, client_id=None).files[held.latest.pk]
    with pytest.raises(DisputeFile.DoesNotExist):
        answering.take_back(dispute.pk, row.pk, client_id=None)
    with pytest.raises(Refusal):
        answering.submit(dispute.pk, client_id=None, by="staff lea")
    assert sql("SELECT count(*) FROM refunds_disputefile") == [(1,)]
