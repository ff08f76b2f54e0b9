"""Notifications from PSPs: verified, stored once for ever, acknowledged, then acted upon, in any order."""

import json
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from moneyed import Money

from payments.connectors.base import EventKind, PspEvent, Verdict
from payments.connectors.stripe import mapping
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, drain, invariants
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job, Queue
from payments.webhooks import dispatch
from payments.webhooks.models import InboundEvent
from payments.webhooks.services import inbound
from tests.webhooks import notifications
from tests.webhooks.conftest import Elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "ada@example.org"


class Handler:
    """The handler of payments for a test: remembers what it was told, and fails as long as it is told to."""

    def __init__(self) -> None:
        self.told: list[tuple[str, PspEvent]] = []
        self.failure: Exception | None = None

    def __call__(self, account_id: str, event: PspEvent) -> None:
        if self.failure is not None:
            raise self.failure
        self.told.append((account_id, event))


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Handler:
    """Stands where the handler of intents is registered."""
    made = Handler()
    monkeypatch.setitem(dispatch.HANDLERS, EventKind.PAYMENT_UPDATED, made)
    return made


def work(after: timedelta = timedelta()) -> None:
    """Let so much time pass, and do what is due then."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_job SET due_at = now() WHERE state = 'ready'")
    with clock.at(timezone.now() + after):
        drain.drain(Queue.WEBHOOKS)


def test_a_notification_is_stored_acknowledged_and_acted_upon(account: ProviderAccount, handler: Handler) -> None:
    body = notifications.body("evt_1")
    answer = notifications.send(body)
    assert (answer.status_code, answer.content) == (200, b"")
    row = InboundEvent.objects.get()
    assert (row.provider_account_id, row.event_key, row.type) == (account.pk, "evt_1", "payment_intent.succeeded")
    assert (row.state, row.kind, row.provider_reference) == ("received", "payment_updated", "pi_sim_1")
    assert bytes(row.body) == body
    assert handler.told == []  # first acknowledged, then acted upon

    work()
    ((account_id, event),) = handler.told
    assert account_id == account.pk
    assert (event.event_key, event.kind, event.provider_reference) == ("evt_1", EventKind.PAYMENT_UPDATED, "pi_sim_1")
    assert event.outcome is not None
    assert (event.outcome.verdict, event.outcome.amount) == (Verdict.APPROVED, Money("19.99", "USD"))
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("processed", 1)
    assert row.processed_at is not None
    assert not Job.objects.exists()


def test_a_repetition_changes_nothing(account: ProviderAccount, handler: Handler) -> None:
    notifications.send(notifications.body("evt_1"))
    assert notifications.send(notifications.body("evt_1", amount_received=1)).status_code == 200
    assert Job.objects.count() == 1
    work()
    assert notifications.send(notifications.body("evt_1")).status_code == 200
    assert not Job.objects.exists()
    work()
    assert len(handler.told) == 1
    assert b'"amount_received": 1999' in bytes(InboundEvent.objects.get().body)


def test_of_twenty_copies_at_once_one_is_acted_upon(account: ProviderAccount, handler: Handler) -> None:
    body, start, answers = notifications.body("evt_1"), threading.Barrier(20), []

    def send() -> None:
        try:
            start.wait(120)
            answers.append(notifications.send(body).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert answers == [200] * 20
    assert InboundEvent.objects.count() == 1
    assert Job.objects.count() == 1
    work()
    assert len(handler.told) == 1


def test_each_account_has_keys_of_its_own(account: ProviderAccount, handler: Handler) -> None:
    ProviderAccount.objects.create(code="stripe-eu", psp=account.psp, legal_entity=account.legal_entity)
    accounts.forget()
    body = notifications.body("evt_1")
    notifications.send(body)
    header = notifications.signature(body, account="STRIPE_EU")
    assert notifications.send(body, to="stripe/stripe-eu", header=header).status_code == 200
    assert notifications.send(body, to="stripe/stripe-eu").status_code == 400  # signed for the other account
    assert InboundEvent.objects.count() == 2


def test_a_disabled_account_is_still_listened_to(account: ProviderAccount) -> None:
    ProviderAccount.objects.update(enabled=False)
    accounts.forget()
    assert notifications.send(notifications.body("evt_1")).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1",
        "nonsense",
        notifications.signature(notifications.body("evt_1"), secret="whsec_of_somebody_else"),
        "v1=00",
        "t=abc,v1=00",
    ],
    ids=["none", "time only", "nonsense", "another secret", "no time", "no number"],
)
def test_a_forged_notification_leaves_nothing(
    account: ProviderAccount, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = notifications.send(notifications.body("evt_1"), header=header)
    assert answer.status_code == 400
    assert answer["content-type"] == "application/problem+json"
    assert json.loads(answer.content)["code"] == "notification_refused"
    assert not InboundEvent.objects.exists()
    assert not Job.objects.exists()
    assert "notification_refused" in caplog.text


def test_other_bytes_than_were_signed_leave_nothing(account: ProviderAccount) -> None:
    header = notifications.signature(notifications.body("evt_1"))
    assert notifications.send(notifications.body("evt_1", amount=1), header=header).status_code == 400
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_from_another_time_leaves_nothing(account: ProviderAccount, minutes: int) -> None:
    body = notifications.body("evt_1")
    header = notifications.signature(body, at=time.time() + 60 * minutes)
    assert notifications.send(body, header=header).status_code == 400
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"nothing", b"\xff\x00", b'{"object": "event"}', b"[" * 100_000])
def test_signed_nonsense_leaves_nothing(account: ProviderAccount, body: bytes) -> None:
    assert notifications.send(body).status_code == 400
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize("key", ["evt_" + "1" * 300, "evt_\0", "evt_\ud800"])
def test_a_key_that_no_psp_would_make_leaves_nothing(account: ProviderAccount, key: str) -> None:
    assert notifications.send(notifications.body(key)).status_code == 400
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize("to", ["stripe/no-such-account", "adyen/stripe-us", "nobody/stripe-us"])
def test_at_an_unknown_address_nobody_listens(account: ProviderAccount, to: str) -> None:
    answer = notifications.send(notifications.body("evt_1"), to=to)
    assert answer.status_code == 404
    assert json.loads(answer.content)["code"] == "notification_address_unknown"
    by_id = notifications.send(notifications.body("evt_1"), to=f"stripe/{account.pk}")
    assert by_id.status_code == 404


@pytest.mark.parametrize("size", [inbound.MAX_BYTES + 1, 1024 * 1024, 3 * 1024 * 1024])
def test_a_notification_has_a_limit(account: ProviderAccount, size: int) -> None:
    body = notifications.body("evt_1", description="x" * size)
    answer = notifications.send(body)
    assert answer.status_code == 413
    assert not InboundEvent.objects.exists()


def test_a_notification_up_to_the_limit_is_stored(account: ProviderAccount) -> None:
    spare = inbound.MAX_BYTES - len(notifications.body("evt_1", description=""))
    body = notifications.body("evt_1", description="x" * spare)
    assert len(body) == inbound.MAX_BYTES
    assert notifications.send(body).status_code == 200


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_only_post_is_answered(account: ProviderAccount, method: str) -> None:
    assert getattr(Client(), method)("/webhooks/stripe/stripe-us").status_code == 405


def test_a_kind_that_nothing_acts_on_is_kept(account: ProviderAccount) -> None:
    assert notifications.send(notifications.body("evt_1", "customer.created")).status_code == 200
    row = InboundEvent.objects.get()
    assert (row.kind, row.type, row.state) == ("unused", "customer.created", "ignored")
    assert not Job.objects.exists()


def test_a_notification_ahead_of_our_own_commit_waits(account: ProviderAccount, handler: Handler) -> None:
    handler.failure = dispatch.NotYet("no attempt for pi_sim_1")
    notifications.send(notifications.body("evt_1"))
    work()
    row = InboundEvent.objects.get()
    assert (row.state, row.attempts, row.note) == ("waiting", 1, "no attempt for pi_sim_1")
    assert Job.objects.get().due_at > timezone.now() - timedelta(seconds=1)
    handler.failure = None
    work(after=timedelta(seconds=2))
    row.refresh_from_db()
    assert (row.state, row.attempts, row.note) == ("processed", 2, "")
    assert len(handler.told) == 1
    assert not AttentionItem.objects.exists()


def test_what_stays_unknown_for_hours_gets_a_person(account: ProviderAccount, handler: Handler) -> None:
    handler.failure = dispatch.NotYet("no attempt for pi_sim_1")
    notifications.send(notifications.body("evt_1"))
    for hours in (1, 5, 5.9):
        work(after=timedelta(hours=hours))
        assert not AttentionItem.objects.exists()
        assert Job.objects.count() == 1
    work(after=timedelta(hours=6.1))
    row = InboundEvent.objects.get()
    item = AttentionItem.objects.get()
    assert (item.kind, item.object_id) == ("unmatched_event", row.pk)
    assert "evt_1" in item.detail
    assert row.state == "waiting"

    handler.failure = None  # what it waited for has come, late
    assert Job.objects.get().due_at > timezone.now() + timedelta(minutes=59)
    work(after=timedelta(hours=9))
    item.refresh_from_db()
    assert item.closed_because == "the notification was matched"
    row.refresh_from_db()
    assert row.state == "processed"
    assert not Job.objects.exists()


def test_after_a_month_a_person_is_all_that_is_left(account: ProviderAccount, handler: Handler) -> None:
    handler.failure = dispatch.NotYet("no attempt for pi_sim_1")
    notifications.send(notifications.body("evt_1"))
    work(after=timedelta(days=29.9))
    assert Job.objects.count() == 1
    work(after=timedelta(days=30.1))
    assert not Job.objects.exists()
    assert AttentionItem.objects.get().closed_at is None

    handler.failure = None  # somebody found the payment, and lets it be processed again
    inbound.process(InboundEvent.objects.get().pk)
    assert InboundEvent.objects.get().state == "processed"
    assert AttentionItem.objects.get().closed_at is not None


def test_an_event_that_we_cannot_read_yet_is_kept_until_we_can(
    account: ProviderAccount, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = notifications.body("evt_1", status="taken_by_drone")
    assert notifications.send(body).status_code == 200
    work()
    row, item = InboundEvent.objects.get(), AttentionItem.objects.get()
    assert (row.state, row.note) == ("failed", "the payment intent has a status that is not known")
    assert (item.kind, item.object_id) == ("unmatched_event", row.pk)
    assert bytes(row.body) == body
    assert Job.objects.get().due_at > timezone.now() + timedelta(minutes=59)
    assert handler.told == []

    monkeypatch.setitem(mapping._MONEY, "taken_by_drone", (Verdict.APPROVED, "amount_received"))  # a newer release
    work(after=timedelta(hours=1))
    assert [event.event_key for _, event in handler.told] == ["evt_1"]
    item.refresh_from_db()
    assert item.closed_because == "the notification was matched"
    assert InboundEvent.objects.get().state == "processed"


def test_a_refund_as_an_old_version_of_the_api_tells_it_is_not_believed(account: ProviderAccount) -> None:
    """Before 2025-03-31 the rest of a partial capture, which was never taken, was told as a refund."""
    refund = {"object": "refund", "id": "re_1", "payment_intent": "pi_sim_1", "amount": 500}
    body = notifications.body("evt_1", "refund.created", api_version="2024-12-18.acacia", **refund)
    assert notifications.send(body).status_code == 200
    work()
    row = InboundEvent.objects.get()
    assert (row.state, AttentionItem.objects.get().object_id) == ("failed", row.pk)
    assert row.note == (
        "told in version '2024-12-18.acacia' of the API, understood from 2025-03-31 on: update the webhook endpoint"
    )


def test_a_handler_that_fails_is_asked_again(account: ProviderAccount, handler: Handler) -> None:
    handler.failure = ValueError("a bug of ours")
    notifications.send(notifications.body("evt_1"))
    work()
    row = InboundEvent.objects.get()
    assert (row.state, row.note, row.processed_at) == ("failed", "ValueError: a bug of ours", None)
    assert (Job.objects.get().state, Job.objects.get().attempts) == ("ready", 1)
    handler.failure = None
    work()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.note) == ("processed", 2, "")
    assert not Job.objects.exists()


def test_a_row_that_the_database_refuses_is_not_shown_in_the_note(
    account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(_account_id: str, _event: PspEvent) -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO payments_attentionitem (detail) VALUES (%s)", [EMAIL])

    monkeypatch.setitem(dispatch.HANDLERS, EventKind.PAYMENT_UPDATED, careless)
    notifications.send(notifications.body("evt_1"))
    work()
    row = InboundEvent.objects.get()
    assert row.note == (
        'IntegrityError: null value in column "id" of relation "payments_attentionitem"'
        " violates not-null constraint [23502]"
    )
    assert EMAIL not in Job.objects.get().last_error


def test_processing_again_does_nothing(account: ProviderAccount, handler: Handler) -> None:
    notifications.send(notifications.body("evt_1"))
    work()
    inbound.process(InboundEvent.objects.get().pk)
    assert len(handler.told) == 1
    assert InboundEvent.objects.get().attempts == 1


def test_what_is_acted_upon_is_what_was_signed_though_it_has_grown_old(
    account: ProviderAccount, handler: Handler
) -> None:
    notifications.send(notifications.body("evt_1"))
    work(after=timedelta(days=30))
    assert handler.told[0][1].event_key == "evt_1"


def test_what_cannot_be_stored_is_not_acknowledged(account: ProviderAccount) -> None:
    def lock_the_table() -> None:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE payments_inboundevent IN EXCLUSIVE MODE")

    locked = Elsewhere(lock_the_table)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    assert notifications.send(notifications.body("evt_1")).status_code == 503
    locked.commit()
    assert not InboundEvent.objects.exists()
    assert not Job.objects.exists()
    assert notifications.send(notifications.body("evt_1")).status_code == 200  # the PSP comes again
    assert InboundEvent.objects.count() == 1
    connection.close()  # and with it the short timeout


def test_a_notification_without_job_and_person_is_found(account: ProviderAccount, handler: Handler) -> None:
    notifications.send(notifications.body("evt_1"))
    (whole,) = invariants.verify("notification_owned")
    assert (whole.looked_at, whole.broken) == (1, [])
    Job.objects.all().delete()
    (lost,) = invariants.verify("notification_owned")
    assert lost.broken == [(InboundEvent.objects.get().pk, "received")]


def test_chunks_that_nobody_put_together_are_not_acknowledged(account: ProviderAccount) -> None:
    answer = Client(raise_request_exception=False).post(
        "/webhooks/stripe/stripe-us", b"{}", content_type="application/json", headers={"transfer-encoding": "chunked"}
    )
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    assert not InboundEvent.objects.exists()
