"""No webhook arrives at all: the hourly look at the PSP's own list brings in what was lost, and a resync any time."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from payments.connectors.stripe import connector as stripe
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.intents.models import Capture
from payments.intents.services import confirm
from payments.kernel import clock, crashpoints, jobs
from payments.kernel.attention import AttentionItem
from payments.ledger import services as ledger
from payments.webhooks.models import EventSweep, InboundEvent
from payments.webhooks.services import sweep
from refunds.models import Refund
from tests import backup, factories
from tests.refunds.psp import Psp


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> factories.Shop:
    """A client of the API; no notification reaches us."""
    ledger.forget_accounts()
    return factories.shop()


@pytest.fixture
def psp(simulator: str) -> Psp:
    """The PSP's dashboard."""
    return Psp(simulator)


def hour_passes() -> None:
    """An hour later the list is looked at, and what follows from it is done."""
    with clock.at(timezone.now() + timedelta(hours=1)):
        sweep.sweep_all()
        for _ in range(6):  # a look wishes for jobs of its own
            with connection.cursor() as cursor:
                cursor.execute("UPDATE payments_job SET due_at = now() WHERE state = 'ready'")
            factories.work()


def crash(shop: factories.Shop, intent_id: str) -> None:
    """The process dies before it has recorded what the PSP answered."""
    method = confirm.Method(type="card", token="pm_card_visa", provider_account="stripe-us")
    with crashpoints.armed("confirm.answered"), pytest.raises(crashpoints.Crash):
        confirm.confirm(intent_id, method, client_id=shop.client.pk, by="test")


def status(shop: factories.Shop, intent: dict[str, Any]) -> str:
    return str(shop.get(f"payment_intents/{intent['id']}")["status"])


def swept() -> EventSweep:
    return EventSweep.objects.get(provider_account_id=accounts.account("stripe-us").pk)


def test_what_no_webhook_brought_is_brought_in_by_the_hourly_look(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    intent = shop.intent()
    crash(shop, intent["id"])
    hour_passes()

    assert status(shop, intent) == "succeeded"
    [event] = InboundEvent.objects.filter(type="payment_intent.succeeded")
    assert (event.came_by, event.state, event.provider_reference != "") == ("sweep", "processed", True)
    assert swept().missed == InboundEvent.objects.count()
    assert swept().swept_until > timezone.now() + timedelta(minutes=50)
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_what_is_known_is_not_found_again(shop: factories.Shop) -> None:
    shop.paid()
    hour_passes()
    before = (swept().missed, InboundEvent.objects.count())
    EventSweep.objects.update(swept_until=timezone.now() - timedelta(days=2))
    hour_passes()

    assert (swept().missed, InboundEvent.objects.count()) == before
    factories.assert_books_close()


def test_what_was_captured_ended_or_given_back_outside_is_brought_in(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    paid = shop.paid(1999)
    reserved = shop.confirm(shop.intent(shop.order(700), capture_method="manual"))
    canceled = shop.confirm(shop.intent(shop.order(800), capture_method="manual"))
    psp.refund(paid["latest_attempt"]["provider_reference"], 500)
    psp.capture(reserved["latest_attempt"]["provider_reference"], 600)
    psp.cancel(canceled["latest_attempt"]["provider_reference"])
    hour_passes()

    assert status(shop, reserved) == "succeeded"
    assert status(shop, canceled) == "expired"
    assert Refund.objects.get().origin == "outside"
    assert shop.get(f"orders/{paid['order']}")["status"] == "partially_refunded"
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_a_list_that_cannot_be_read_loses_nothing(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe, "PAGE", 2)
    monkeypatch.setattr(sweep, "PAGE", 2)
    intents = [shop.intent() for _ in range(4)]
    for intent in intents:
        crash(shop, intent["id"])
    sim.scenario("events.list", "error_503_before", nth=[2, 3])
    with clock.at(timezone.now() + timedelta(hours=1)), pytest.raises(jobs.Retry):
        sweep.sweep(accounts.account("stripe-us").pk)
    row = swept()
    assert row.swept_until < timezone.now()
    assert "503" in row.problem

    sim.forgive()
    hour_passes()
    assert {status(shop, intent) for intent in intents} == {"succeeded"}
    assert swept().problem == ""
    factories.assert_books_close()


def test_an_account_without_its_secrets_says_so_and_stops_nobody(
    shop: factories.Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = shop.intent()
    crash(shop, intent["id"])
    ProviderAccount.objects.filter(code="stripe-eu").update(enabled=False)
    accounts.forget()
    accounts._connector.cache_clear()
    monkeypatch.delenv("STRIPE_EU_API_KEY")
    hour_passes()

    assert status(shop, intent) == "succeeded"
    row = EventSweep.objects.get(provider_account_id=accounts.account("stripe-eu").pk)
    assert row.problem == "the environment has no STRIPE_EU_API_KEY"
    assert not jobs.Job.objects.filter(state="dead").exists()


# --- resync ---


def resync(**options: Any) -> tuple[list[str], list[list[str]]]:
    """The table that it prints, by line and word, and what it complains of."""
    out, complaints = io.StringIO(), []
    since = (timezone.now() - timedelta(hours=1)).isoformat()
    try:
        call_command("resync", **{"since": since, "verbosity": 0, "stdout": out, **options})
    except CommandError as error:
        complaints = str(error).splitlines()
    return complaints, [line.split() for line in out.getvalue().splitlines()]


def later(shop: factories.Shop, psp: Psp) -> list[dict[str, Any]]:
    """A working day, of which the backup knows only how it began."""
    begun = shop.intent()
    crash(shop, begun["id"])
    reserved = shop.confirm(shop.intent(shop.order(700), capture_method="manual"))
    paid, given_back = shop.paid(1999), shop.paid(1500)
    backup.take()
    shop.post(f"payment_intents/{reserved['id']}/capture", {})
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    psp.refund(given_back["latest_attempt"]["provider_reference"], 1500)
    factories.work()
    backup.restore()
    return [begun, reserved, paid, given_back]


def test_after_a_restore_all_that_happened_since_is_brought_in(
    shop: factories.Shop, sim: factories.Simulator, psp: Psp
) -> None:
    begun, reserved, paid, given_back = later(shop, psp)
    assert status(shop, reserved) == "requires_capture"
    assert not Refund.objects.exists()

    with clock.at(timezone.now() + timedelta(seconds=2)):
        complaints, [_, *lines] = resync()
    assert [line[:12] for line in complaints] == ["adyen-apac: ", "adyen-eu: Ad"], "whose day is not over"
    [us] = [line for line in lines if line[0] == "stripe-us"]
    listed, known, missing, applied = (int(word) for word in us[1:5])
    assert (known, missing, applied) == (0, listed, listed)
    assert (status(shop, begun), status(shop, reserved)) == ("succeeded", "succeeded")
    assert Capture.objects.filter(status="succeeded").count() == 4
    assert sorted(Refund.objects.values_list("amount_minor", flat=True)) == [500, 1500]
    assert shop.get(f"orders/{given_back['order']}")["status"] == "refunded"
    assert shop.get(f"orders/{paid['order']}")["amount_refunded"] == 500
    factories.work()
    refunds = {line["id"]: line["amount"] for line in sim.book() if line["object"] == "refund"}
    assert {row.provider_reference: row.amount_minor for row in Refund.objects.all()} == refunds
    factories.assert_books_close()

    with clock.at(timezone.now() + timedelta(seconds=2)):
        complaints, [_, *lines] = resync(account="stripe-us")
    assert (complaints, lines[0][1:4]) == ([], [str(listed), str(listed), "0"])


def test_a_payment_that_the_backup_knows_nothing_of_is_told(shop: factories.Shop, sim: factories.Simulator) -> None:
    backup.take()
    shop.paid()
    backup.restore()

    with clock.at(timezone.now() + timedelta(seconds=2)):
        complaints, _ = resync(account="stripe-us")
    assert len(complaints) == 1
    assert "about something that we do not know" in complaints[0]
    waiting = InboundEvent.objects.get(state="waiting")
    with clock.at(timezone.now() + timedelta(hours=7)), connection.cursor() as cursor:
        cursor.execute("UPDATE payments_job SET due_at = now() WHERE state = 'ready'")
        factories.work()
    assert AttentionItem.objects.get(object_id=waiting.pk).kind == "unmatched_event"
    factories.assert_books_close()


def test_a_dry_run_counts_and_changes_nothing(shop: factories.Shop) -> None:
    crash(shop, shop.intent()["id"])
    with clock.at(timezone.now() + timedelta(seconds=2)):
        complaints, [_, *lines] = resync(account="stripe-us", dry_run=True)
    assert (complaints, lines) == ([], [["stripe-us", "1", "0", "1", "-", "-", "-", "-"]])
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"since": "yesterday"}, "'yesterday' is no moment"),
        ({"since": "2026-11-20T00:00:00"}, "is no moment: write 2026-11-20T00:00:00Z"),
        ({"since": "2999-01-01"}, "--since must be in the past"),
        ({"since": "2020-01-01", "account": "stripe-us"}, "tells of the last 30 days only"),
        ({"account": "adyen-eu"}, "is not told yet; run it again when it is there"),
        ({"account": "paypal"}, "There is no provider account 'paypal'."),
    ],
)
def test_what_it_cannot_do_it_says(shop: factories.Shop, options: dict[str, str], complaint: str) -> None:
    complaints, _ = resync(**options)
    assert complaint in complaints[0]


def test_a_resync_that_is_interrupted_says_so(shop: factories.Shop, sim: factories.Simulator) -> None:
    crash(shop, shop.intent()["id"])
    sim.scenario("events.list", "rate_limit_429")
    complaints, _ = resync(account="stripe-us")
    assert "could not be read to its end (HTTP 429 rate_limit); run it again" in complaints[0]
