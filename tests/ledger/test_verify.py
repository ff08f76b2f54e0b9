"""manage.py verify: silent on good books, and every one of its checks names the row that somebody tampered with."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from payments.kernel import invariants
from payments.kernel.jobs import Queue
from payments.ledger import services as ledger
from payments.webhooks.models import Delivery, Endpoint, Event
from tests import factories
from tests.conftest import ROOT
from tests.ledger.conftest import sql

pytestmark = pytest.mark.django_db

TAMPERING = {
    "attempt_one_success": "UPDATE payments_paymentattempt SET amount_minor = amount_minor - 1"
    " WHERE status = 'captured' RETURNING id",
    "attempt_has_call": "UPDATE payments_paymentattempt SET call_id = 'call_gone' RETURNING id",
    "unknown_is_looked_after": "UPDATE payments_paymentattempt SET status = 'unknown'"
    " WHERE status = 'authorized' RETURNING id",
    "one_order_one_payment": "UPDATE payments_order o SET amount_paid_minor = amount_total_minor"
    " FROM payments_paymentattempt a WHERE a.status = 'authorized'"
    " AND a.order_id = 'ord_' || replace(o.id::text, '-', '') RETURNING o.id",
    "intent_captured": "UPDATE payments_paymentintent SET amount_captured_minor = amount_captured_minor + 1"
    " RETURNING id",
    "order_money": "UPDATE payments_order SET amount_paid_minor = amount_paid_minor + 1 RETURNING id",
    "order_lines_add_up": "UPDATE payments_order SET shipping_amount_minor = 7 RETURNING id",
    "ledger_zero_sum": "UPDATE payments_entry SET amount_minor = amount_minor + 1 WHERE amount_minor > 0"
    " RETURNING transfer_id",
    "ledger_currency": "UPDATE payments_account SET currency = 'SEK' WHERE code = 'order_clearing'"
    " RETURNING (SELECT e.id FROM payments_entry e WHERE e.account_id = payments_account.id LIMIT 1)",
    "ledger_trial_balance": "DELETE FROM payments_entry WHERE amount_minor < 0 RETURNING currency",
    "capture_posted": "DELETE FROM payments_transfer WHERE event = 'captured' RETURNING"
    " (SELECT id FROM payments_capture WHERE source_id = 'cap_' || replace(id::text, '-', ''))",
    "capture_owned": "UPDATE payments_capture SET status = 'unknown' RETURNING id",
    "cancel_owned": "UPDATE payments_paymentintent i SET cancel_reason = 'abandoned' FROM payments_paymentattempt a"
    " WHERE a.intent_id = i.id AND a.status = 'authorized' RETURNING a.id",
    "intent_owned": "UPDATE payments_paymentintent SET status = 'processing' WHERE status = 'succeeded' RETURNING id",
    "events_without_gaps": "DELETE FROM payments_event WHERE sequence = 1 AND type LIKE 'payment_intent%'"
    " RETURNING object_id",
    "no_secret_in_rows": "UPDATE payments_providercall SET raw = jsonb_build_object('key', 'sk_test_abcdefgh12345')"
    " RETURNING id",
    "delivery_owned": "DELETE FROM payments_job WHERE name = 'deliver'"
    " RETURNING (SELECT id FROM payments_delivery LIMIT 1)",
    "notification_owned": "DELETE FROM payments_job WHERE name = 'process_inbound'"
    " RETURNING (SELECT 'in_' || replace(id::text, '-', '') FROM payments_inboundevent LIMIT 1)",
    "refund_one_object": "UPDATE payments_providercall SET verdict = 'approved', owner_id = (SELECT owner_id"
    " FROM payments_providercall WHERE kind = 'refund'), kind = 'refund' RETURNING owner_id",
    "refund_reservations": "UPDATE payments_paymentintent SET amount_refunded_minor = amount_refunded_minor - 1"
    " WHERE status = 'succeeded' RETURNING id",
    "refund_lines_add_up": "UPDATE refunds_refundline SET amount_minor = amount_minor + 1 RETURNING refund_id",
    "refund_posted": "DELETE FROM payments_transfer WHERE event = 'refund_succeeded' RETURNING"
    " (SELECT id FROM refunds_refund WHERE source_id = 're_' || replace(id::text, '-', ''))",
    "refunds_in_flight": "UPDATE payments_entry SET amount_minor = amount_minor + 5 FROM payments_account a"
    " WHERE a.id = account_id AND a.code LIKE 'refunds_in_flight/%%' AND amount_minor > 0"
    " RETURNING substr(a.code, 19) || ' ' || a.currency",
    "report_owned": "INSERT INTO reporting_reportrun (id, version, created_at, event_sequence, report, report_version,"
    " parameters, format, status, requested_by, rows, size, sha256, file, error) VALUES (gen_random_uuid(), 1, now(),"
    " 0, 'payments', 1, '{}', 'csv', 'requested', 'ada', 0, 0, '', '', '')"
    " RETURNING 'rep_' || replace(id::text, '-', '')",
    "refund_owned": "UPDATE refunds_refund SET settled_at = NULL, status = 'pending'"
    " RETURNING 're_' || replace(id::text, '-', '')",
}
"""Per check, what somebody with all rights does to the tables behind our back, and the row that is to be named."""


@pytest.fixture
def shop(db: None, simulator: str) -> Iterator[factories.Shop]:
    """A shop with a bit of everything: paid, refunded by lines, reserved, a delivery and a notification that wait."""
    factories.Simulator(simulator).calm()
    ledger.forget_accounts()
    made = factories.shop()
    Endpoint.objects.create(client=made.client, url="https://shop.example/hooks", event_types=["order.*"])
    order = made.order(500)
    made.confirm(made.intent(order))
    lines = [{"line": order["lines"][0]["id"], "quantity": 1}]
    made.post("refunds", {"order": order["id"], "lines": lines, "reason": "damaged"})
    made.confirm(made.intent(made.order(700), capture_method="manual"))
    factories.work(Queue.MONEY)
    plan_one_delivery()
    notified()
    yield made
    ledger.forget_accounts()
    factories.Simulator(simulator).calm()


def plan_one_delivery() -> None:
    """A delivery of an event that its job has yet to make."""
    event, endpoint = Event.objects.filter(type="order.created")[0], Endpoint.objects.get()
    row = Delivery.objects.create(endpoint=endpoint, event=event, object_id=event.object_id, sequence=event.sequence)
    sql(
        "INSERT INTO payments_job (id, name, queue, arguments, state, due_at, unique_key, fence, attempts, last_error,"
        " created_at) VALUES (gen_random_uuid(), 'deliver', 'deliveries', '{}', 'ready', now(), %s, 0, 0, '', now())",
        f"deliver:{row.pk}",
    )


def notified() -> None:
    """A notification that its job has yet to act on."""
    [(account,)] = sql("SELECT id FROM payments_provideraccount WHERE code = 'stripe-us'")
    sql(
        "WITH i AS (INSERT INTO payments_inboundevent (id, provider_account_id, event_key, type, kind, body,"
        " provider_reference, state, attempts, note, received_at) VALUES (gen_random_uuid(), %s, 'evt_1', 'x',"
        " 'unused', '', '', 'received', 0, '', now()) RETURNING id)"
        " INSERT INTO payments_job (id, name, queue, arguments, state, due_at, fence, attempts, last_error, created_at)"
        " SELECT gen_random_uuid(), 'process_inbound', 'webhooks', jsonb_build_object('inbound_id', 'in_' ||"
        " replace(id::text, '-', '')), 'ready', now(), 0, 0, '', now() FROM i",
        account,
    )


def verify(*arguments: str) -> tuple[str, str]:
    """What `manage.py verify` prints, and what it fails with: an empty text when it does not."""
    output = io.StringIO()
    try:
        call_command("verify", *arguments, stdout=output, no_color=True)
    except CommandError as failed:
        return output.getvalue(), str(failed)
    return output.getvalue(), ""


def test_good_books_verify_and_every_check_says_how_much_it_looked_at(shop: factories.Shop) -> None:
    printed, failed = verify()
    assert failed == ""
    assert printed.endswith("Every invariant holds.\n")
    assert printed.count("✓") == len(invariants.CHECKS)
    assert re.search(r"✓ 10  Every transfer sums to zero per currency and has two entries or more: 3 checked", printed)


@pytest.mark.parametrize("check", TAMPERING)
def test_what_was_tampered_with_is_found_and_named(shop: factories.Shop, check: str) -> None:
    assert verify()[1] == ""
    with transaction.atomic():
        sql("SET LOCAL session_replication_role = replica")  # no trigger and no foreign key stands in the way
        tampered = {str(row[0]) for row in sql(TAMPERING[check])}
        (printed, failed), (_, all_failed) = verify(check), verify()
        transaction.set_rollback(True)
    assert tampered, "there was something to tamper with"
    assert re.fullmatch(r"\d+ violations", failed)
    assert all_failed
    assert "✗" in printed
    named = {line.split(": ")[0].strip() for line in printed.splitlines() if line.startswith(" " * 8)}
    assert tampered & named, printed


def test_no_check_can_silently_never_fire() -> None:
    """Each is made to fire here, or in tests that name it beside the rows it looks at."""
    others = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    text = "\n".join(path.read_text() for path in others)
    elsewhere = {name for name in invariants.CHECKS if f'"{name}"' in text}
    assert set(TAMPERING) <= set(invariants.CHECKS)
    assert set(invariants.CHECKS) - set(TAMPERING) - elsewhere == set()


def test_the_ledger_alone_is_verified_alone(shop: factories.Shop, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger", "verify", no_color=True)
    assert capsys.readouterr().out.count("✓") == 4
