"""Every table can be listed, searched and read, empty or full, with a number of queries that does not grow."""

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.gateway import fees, switches
from payments.gateway.models import LegalEntity, SwitchKind
from payments.intents.models import PaymentAttempt, PaymentIntent
from payments.intents.services import measuring, rules
from payments.kernel import attention, audit, clock, ids, unit
from payments.kernel.attention import AttentionItem, AttentionKind, Settlement, Severity
from payments.kernel.jobs import Job, JobRun, Queue
from payments.kernel.records import StateChange
from payments.rest import requestlog
from payments.rest.models import ApiClient, IdempotencyKey
from payments.staff import factors, guesses, totp
from payments.staff.models import StaffSession
from payments.webhooks.models import Delivery, DeliveryTry, Endpoint, Event, EventSweep, InboundEvent
from payments.webhooks.services import replaying, resending
from refunds.services import answering, bulk, transfers
from reporting.models import ExchangeRate, Incident, IncidentKind, PspBalance, ReportDownload, Rhythm, Way
from reporting.reports.base import Parameters
from reporting.services import (
    alert_rules,
    burning,
    canary,
    closing,
    exports,
    handling,
    incidents,
    paging,
    schedules,
    settlements,
    tieout,
)
from reporting.uptime.findings import Finding
from tests import factories
from tests.backoffice import pages
from tests.byhand import behind_the_guards
from tests.refunds.quarrel import Quarrel
from tests.reporting import sheet
from tests.reporting.bank.world import World, opened
from tests.reporting.settling import BEGAN, Account, line

OURS = ("payments", "refunds", "reporting")
SUMS = {"attemptsminute", "attemptshour", "attemptsday", "tallyminute", "tallyhour", "tallyday", "rollupmark", "atrest"}
SUMS |= {"levelcount", "servicelevel"}
SUMS |= {"baseline", "baselinemark", "issuerminute", "issuerbaseline"}
"""What dashboards show, in figures and not row by row."""
ELSEWHERE = {"trafficshift", "diversion", "incidententry", "seal"}
"""What stands on the pages of accounts and incidents, and what `verify` reads."""
MODELS = [
    model
    for app in OURS
    for model in apps.get_app_config(app).get_models()
    if model._meta.model_name not in SUMS | ELSEWHERE
]
NAMES = [model._meta.label_lower for model in MODELS]
LIST_QUERIES = 10
"""Session, person, estimate, count, rows, and what a list needs besides: never one per row."""
PAGE_QUERIES = 42
"""The most is what a payment's page asks: all of its story, whatever its length."""


@pytest.fixture
def full(shop: factories.Shop, paid: dict[str, Any], tmp_path: Path, settings: Any) -> dict[str, Any]:
    """At least one row in every table."""
    settings.EVIDENCE_DIR = settings.RUN_DIR = tmp_path
    line = shop.get(f"orders/{paid['order']}")["lines"][0]
    shop.post("refunds", {"order": paid["order"], "lines": [{"line": line["id"], "quantity": 1}], "reason": "damaged"})
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    run = exports.request("payments", Parameters(interval_start=first, interval_end=last), by="a test")
    ReportDownload.objects.create(run=run, way=Way.PAGE, by="staff finance")
    schedules.make("payments", Rhythm.DAILY, hour=3, timezone="UTC", by="staff finance")
    owed = shop.order(customer=paid["customer"])
    shop.confirm(shop.intent(owed, setup_future_usage="off_session"))
    factories.work()
    requestlog.flush()
    _told()
    StateChange.objects.create(object_id=paid["id"], from_state="a", to_state="b", event="x", because="y", by="z")
    account = paid["latest_attempt"]["provider_account"]
    _operated(account)
    _transferred()
    settlements.upload("adyen-eu", "batch.csv", io.BytesIO(sheet.batch()), by="staff finance")
    factories.work()
    with clock.at(clock.now() + timedelta(hours=30)):
        closing.run(LegalEntity.objects.get(provideraccount__code=account).pk)
    _at_the_bank()
    bulk.upload(f"id,amount,reason\n{paid['id']},1.00,goodwill".encode(), "refunds.csv", by="staff support_lead")
    quarrel = Quarrel(shop)
    quarrel.warn()
    dispute = quarrel.tell(quarrel.news(0, taken=2000, standing="needs_response"))
    document = answering.Document("receipt", "receipt.pdf", b"%PDF-1.7")
    answering.gather(dispute.pk, {"other": "delivered"}, [document], client_id=None, by="a test")
    switches.switch_off(SwitchKind.COUNTRY, "AQ", because="nobody lives there", by="staff engineer")
    rules.draft(rules.Draft(name="half and half", split=(("stripe-us", 1), ("stripe-eu", 1))), by="staff engineer")
    EventSweep.objects.create(provider_account_id=_account(account), swept_until=datetime(2026, 1, 1, tzinfo=UTC))
    measuring.measure_methods()
    fees.write(fees.Draft(account=account, percent=Decimal("1.4"), valid_from=date(2026, 1, 1)), by="staff finance")
    with unit.work() as work:
        item = AttentionItem(kind=AttentionKind.UNKNOWN_OUTCOME, object_id=paid["id"], detail="no answer")
        work.add(item, Settlement(item=item, action="close", because="nothing was found", proposed_by="staff lena"))
    _reconciled()
    _alerted()
    _wrong(account)
    return paid


def _wrong(account: str) -> None:
    """An incident at an account, and somebody who knows something."""
    now = clock.now()
    found = Finding(IncidentKind.OUTAGE, {"account": account}, Severity.URGENT, now, {"USD": 1999}, {"seen": 0.5})
    incidents.report([found], at=now)
    handling.note(Incident.objects.get().pk, words="A data centre is away.", by="staff engineer")


def _alerted() -> None:
    """Something is wrong, somebody is told, and silenced."""
    way = alert_rules.Way(kind="email", to=["ops@example.com"])
    channel = alert_rules.make_channel("ops", way, by="staff engineer")
    draft = alert_rules.Draft(name="urgent", source="attention", channels=[channel.pk], wait_seconds=0)
    alert_rules.make_rule(draft, by="staff engineer")
    with unit.work():
        attention.open_item(AttentionKind.UNKNOWN_OUTCOME, "att_1", "no answer")
    paging.look()
    burning.watch()
    canary.send("stripe-us")
    factories.work(Queue.ALERTS)
    until = clock.now() + timedelta(hours=1)
    alert_rules.silence(source="", kinds=[], scope={}, until=until, because="a test", by="staff engineer")


def _told() -> None:
    """What clients are told, and once more."""
    client, event = ApiClient.objects.get(name="shop"), Event.objects.order_by("pk")[0]
    endpoint = Endpoint.objects.create(client=client, url="https://shop.example/hooks", event_types=["*"])
    facts = {"event": event, "object_id": event.object_id, "sequence": event.sequence}
    delivery = Delivery.objects.create(endpoint=endpoint, last_error="connection refused", **facts)
    DeliveryTry.objects.create(delivery_id=ids.decode("wd", delivery.pk), error="connection refused", milliseconds=12)
    resending.replay_failed(endpoint, since=clock.now(), because="a test", by="staff engineer")


def _operated(account: str) -> None:
    """What engineers look after."""
    JobRun.objects.create(job_id=ids.uuid7(), name="send_refund", outcome="failed", error="Traceback: x")
    Job.objects.create(name="send_refund", queue="money", arguments={"refund_id": "re_" + "0" * 32}, state="dead")
    InboundEvent.objects.create(
        provider_account_id=_account(account), event_key="evt_1", type="charge.updated", kind="unused",
        body=b'{"customer_email": "jane.doe@example.com", "client_secret": "pi_secret_1"}', state="ignored",
    )  # fmt: skip
    replaying.ask([InboundEvent.objects.get(event_key="evt_1").pk], because="a test", by="staff engineer")


def _signed_in() -> None:
    """Somebody who has mistyped, then signed in with a second factor."""
    somebody, origin = User.objects.create_user("somebody"), guesses.Origin("198.51.100.7", agent="Firefox/140.0 Linux")
    guesses.begin("password", "somebody", origin)
    guesses.remember(somebody, origin)
    secret = bytes(20)
    factors.enrol(somebody, secret, totp.code(secret, totp.step_of(clock.now())))


def _reconciled() -> None:
    """A settlement that does not agree, a tie-out with something unexplained, and who has looked at it."""
    _signed_in()
    psp = Account()
    psp.settle(line("capture", 700), line("payout", -500, payout_reference="po_1"))
    PspBalance.objects.create(account_id=psp.pk, as_of=BEGAN, amounts={"USD": 150})
    ExchangeRate.objects.create(currency="USD", day=BEGAN.date(), per_euro=Decimal("1.16"), source="ECB")
    tieout.tie_out_all(psp.pk)
    audit.record("tie_out.seen", psp.pk, because="jane.doe@example.com has asked.")


def _transferred() -> None:
    """A voucher that nobody could refund, and what finance wrote down."""
    PaymentAttempt.objects.update(method="oxxo")
    draft = transfers.TransferDraft(
        payment_intent=PaymentIntent.objects.order_by("-pk")[0].pk,
        amount=100,
        bank_account="main-usd",
        bank_reference="TRF-1",
        value_date=clock.now().date(),
        because="Nobody else could.",
    )
    transfers.propose(draft, by="staff finance")


def _at_the_bank() -> None:
    """A payout that has arrived, as the bank says."""
    world = World(*opened("main-eur"))
    world.payout(5_000, "po_arrives1")
    world.statement(3, (5_000, "PO_ARRIVES1"))


def _account(code: str) -> str:
    model: Any = apps.get_model("payments", "ProviderAccount")
    return str(model.objects.get(code=code).pk)


def test_every_table_of_ours_has_its_pages() -> None:
    assert [model for model in MODELS if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", [model for model in MODELS if model is not StaffSession])  # who looks has one
def test_an_empty_list_says_so_in_words(boss: Client, model: type[Model]) -> None:
    with behind_the_guards():
        model._default_manager.all().delete()  # what the migrations have filled
    shown = pages.text(boss, pages.list_of(*model._meta.label_lower.split(".")))

    assert admin.site._registry[model].nothing_here in shown  # type: ignore[attr-defined]
    assert "Nothing matches “nobody@example.com”" in pages.text(
        boss, pages.list_of(*model._meta.label_lower.split(".")), q="nobody@example.com"
    )


def test_every_full_list_and_page_is_there_and_asks_little(boss: Client, full: dict[str, Any]) -> None:
    for model in MODELS:
        app, name = model._meta.label_lower.split(".")
        row = model._default_manager.order_by("-pk").first()
        assert row is not None, f"the story left no {name}"
        with CaptureQueriesContext(connection) as asked:
            assert boss.get(pages.list_of(app, name)).status_code == 200
        assert len(asked) <= LIST_QUERIES, (name, [query["sql"][:90] for query in asked])
        with CaptureQueriesContext(connection) as asked:
            assert boss.get(pages.page_of(app, name, row.pk)).status_code == 200, name
        assert len(asked) <= PAGE_QUERIES, (name, len(asked))


def test_a_list_of_many_asks_no_more_than_a_list_of_one(boss: Client, shop: factories.Shop) -> None:
    shop.paid()
    with CaptureQueriesContext(connection) as one:
        boss.get(pages.list_of("payments", "paymentintent"))
    for amount in range(500, 512):
        shop.paid(amount)
    with CaptureQueriesContext(connection) as many:
        shown = pages.text(boss, pages.list_of("payments", "paymentintent"))

    assert len(many) == len(one)
    assert "13 payments" in shown


def test_a_large_table_is_estimated_and_turned_to_page_200_at_most(boss: Client, shop: factories.Shop) -> None:
    keys = (IdempotencyKey(client=shop.client, operation="x", key=str(n), body_hash="", object_id="x")
            for n in range(10_300))  # fmt: skip
    IdempotencyKey.objects.bulk_create(keys, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE payments_idempotencykey")
    address = pages.list_of("payments", "idempotencykey")

    with CaptureQueriesContext(connection) as asked:
        assert "about 10,3" in pages.text(boss, address)
    assert not [one for one in asked if "COUNT(*)" in one["sql"] and "idempotencykey" in one["sql"]]
    assert "more than 10,000 idempotency keys" in pages.text(boss, address, created="7")
    assert boss.get(address, {"p": 200}).status_code == 200
    assert boss.get(address, {"p": 201}).status_code == 302


def test_nobody_edits_rows_by_hand(boss: Client, paid: dict[str, Any]) -> None:
    page = pages.payment(paid["id"])

    assert boss.post(page, {"status": "canceled"}).status_code == 405
    assert boss.get(page.replace("/change/", "/delete/")).status_code == 403
    assert boss.get(pages.list_of("payments", "paymentintent") + "add/").status_code == 403


def test_an_id_that_is_none_leads_home_with_words(boss: Client) -> None:
    answer = boss.get(pages.payment("pi_nothing"), follow=True)

    assert "There is no payment pi_nothing." in pages.plain(answer.content.decode())


@pytest.mark.parametrize(("created", "found"), [("today", True), ("yesterday", False), ("7", True), ("30", True)])
def test_lists_are_narrowed_by_when_and_by_state(
    boss: Client,
    paid: dict[str, Any],
    created: str,
    found: bool,  # noqa: FBT001
) -> None:
    rows = pages.text(boss, pages.list_of("payments", "paymentintent"), created=created, status__exact="succeeded")

    assert ("A-2026-7731" in rows) is found
    assert "A-2026-7731" not in pages.text(boss, pages.list_of("payments", "paymentintent"), status__exact="canceled")


def test_raw_details_are_shown_without_secrets(boss: Client, full: dict[str, Any]) -> None:
    row = InboundEvent.objects.get()
    hidden = pages.text(boss, pages.page_of("payments", "inboundevent", row.pk))
    shown = pages.reveal(boss, "payments", "inboundevent", row.pk)

    assert "jane.doe" not in hidden
    assert "jane.doe@example.com" in shown
    assert "pi_secret_1" not in shown


def test_the_menu_leads_to_every_table_but_lines(boss: Client) -> None:
    home = boss.get("/admin/").content.decode()
    lines = {
        "payments.orderline",
        "refunds.refundline",
        "refunds.refundbatchrow",
        "refunds.disputestage",
        "refunds.disputefile",
        "reporting.closecheck",
        "reporting.bankmatch",
    }

    missing = [name for name in NAMES if name not in lines and pages.list_of(*name.split(".")) not in home]
    assert missing == []
