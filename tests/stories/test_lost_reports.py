"""No webhook of Adyen's arrives at all: the report of the day tells what was lost, hourly and by hand."""

import base64
import io
import json
import os
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from payments.connectors.adyen import accounting
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.intents import handlers
from payments.intents.models import Capture, PaymentAttempt
from payments.intents.services import confirm
from payments.kernel import clock, crashpoints, jobs
from payments.kernel.attention import AttentionItem
from payments.ledger import services as ledger
from payments.webhooks.models import EventSweep, InboundEvent
from payments.webhooks.services import sweep
from refunds.models import Refund
from tests import backup, byhand, factories
from tests.connectors import relay
from tests.connectors.adyen_bench import fields
from tests.stories import adyen

NIGHT = 24 * 3600


class Adyen:
    """The merchant account's owner, at Adyen's API and in its Customer Area."""

    def __init__(self, url: str) -> None:
        self._url = url

    def modify(self, provider_reference: str, what: str, amount: int = 0) -> str:
        """Capture, cancel or give back by hand; the reference of that."""
        body: dict[str, Any] = {"merchantAccount": os.environ["ADYEN_EU_MERCHANT_ACCOUNT"]}
        if amount:
            body["amount"] = {"currency": "EUR", "value": amount}
        request = urllib.request.Request(  # noqa: S310  our own address
            f"{self._url}/adyen/v72/payments/{provider_reference}/{what}",
            data=json.dumps(body).encode(),
            headers={"x-api-key": os.environ["ADYEN_EU_API_KEY"], "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return str(json.loads(answer.read())["pspReference"])

    def settings(self, **settings: Any) -> None:
        """Other settings of the merchant account."""
        known = {"merchant_account": os.environ["ADYEN_EU_MERCHANT_ACCOUNT"]}
        known |= {"report_user": os.environ["ADYEN_EU_REPORT_USER"]}
        request = urllib.request.Request(  # noqa: S310
            f"{self._url}/_sim/accounts/{adyen.ACCOUNT}",
            data=json.dumps({"settings": {**known, "accounting_report": True, **settings}}).encode(),
            method="PUT",
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120):  # noqa: S310
            pass


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> factories.Shop:
    """A client of the API; no notification reaches us."""
    ledger.forget_accounts()
    return factories.shop()


@pytest.fixture
def psp(simulator: str) -> Iterator[Adyen]:
    """Adyen as the merchant sees it."""
    owner = Adyen(simulator)
    yield owner
    owner.settings()


def work_all() -> None:
    """Do what is due, and what follows from it."""
    for _ in range(6):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE payments_job SET due_at = now() WHERE state = 'ready'")
        factories.work()


def night_passes(sim: factories.Simulator, *, days: int = 1) -> None:
    """The day is over, its report is made, and an hourly look finds it."""
    sim.advance(days * NIGHT)
    looked(days=days)


def looked(*, days: int = 1) -> None:
    """An hourly look of the next morning, and what follows from it."""
    with clock.at(morning(days)):
        sweep.sweep_all()
        work_all()


def morning(days: int = 1) -> datetime:
    """Six o'clock on a later day."""
    return timezone.now().replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=days)


def status(shop: factories.Shop, intent: dict[str, Any]) -> str:
    return str(shop.get(f"payment_intents/{intent['id']}")["status"])


def reference(intent: dict[str, Any]) -> str:
    return str(intent["latest_attempt"]["provider_reference"])


def swept() -> EventSweep:
    return EventSweep.objects.get(provider_account_id=accounts.account(adyen.ACCOUNT).pk)


def lose(shop: factories.Shop, sim: factories.Simulator, **facts: Any) -> dict[str, Any]:
    """A payment whose answer is lost, of which nobody knows more than that it was sent."""
    wish = adyen.intent(shop, **facts)
    sim.scenario("payments", "reset_after", times=1)
    assert adyen.confirm(shop, wish)["status"] == "processing"
    sim.forgive()
    with byhand.behind_the_guards():  # too old to be repeated
        ProviderCall.objects.update(sent_at=timezone.now() - timedelta(minutes=3))
    return wish


def test_the_report_closes_what_no_notification_closed(shop: factories.Shop, sim: factories.Simulator) -> None:
    lost = lose(shop, sim)
    night_passes(sim)

    assert status(shop, lost) == "succeeded"
    call = ProviderCall.objects.get(kind="authorize")
    assert (call.verdict, call.look_at) == ("approved", None)
    assert call.raw["closed_by"] in {"notification Authorised", "notification SentForSettle"}, "whichever is read first"
    event = InboundEvent.objects.get(type="Authorised")
    assert (event.came_by, event.state) == ("sweep", "processed")
    assert event.event_key == f"AUTHORISATION:{event.provider_reference}:true"
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_captures_cancels_and_refunds_are_told_with_the_payments(
    shop: factories.Shop, sim: factories.Simulator, psp: Adyen
) -> None:
    paid = adyen.paid(shop)
    captured, canceled = (adyen.paid(shop, capture_method="manual") for _ in range(2))
    assert shop.post(f"payment_intents/{captured['id']}/capture", {})["status"] == "processing"
    shop.post(f"payment_intents/{canceled['id']}/cancel", {"reason": "abandoned"})
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    factories.work()
    outside = psp.modify(reference(paid), "refunds", 700)
    by_hand = adyen.paid(shop, capture_method="manual")
    psp.modify(reference(by_hand), "captures", 2000)
    assert Refund.objects.get().status == "pending"
    night_passes(sim)

    assert [status(shop, each) for each in (paid, captured, canceled, by_hand)] == [
        "succeeded", "succeeded", "canceled", "succeeded",
    ]  # fmt: skip
    assert set(Refund.objects.values_list("origin", "amount_minor", "status")) == {
        ("api", 500, "succeeded"),
        ("outside", 700, "succeeded"),
    }
    assert Refund.objects.get(origin="outside").provider_reference == outside
    assert Capture.objects.get(attempt_id=by_hand["latest_attempt"]["id"]).amount_minor == 2000
    assert not ProviderCall.objects.filter(look_at__isnull=False).exists(), "nothing is left to wait for"
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_what_fails_later_is_told_by_a_later_report(shop: factories.Shop, sim: factories.Simulator) -> None:
    bad_capture = adyen.confirm(shop, adyen.intent(shop), holder="CAPTURE_FAILED")
    bad_refund = adyen.confirm(shop, adyen.intent(shop), holder="REFUND_FAILED")
    refused = adyen.confirm(shop, adyen.intent(shop), holder="DECLINED")
    shop.post("refunds", {"payment_intent": bad_refund["id"], "amount": 500, "reason": "goodwill"})
    factories.work()
    night_passes(sim, days=5)

    assert status(shop, bad_capture) == "reversed"
    assert Refund.objects.get().status == "bounced"
    assert status(shop, refused) == "requires_payment_method"
    assert PaymentAttempt.objects.get(pk=refused["latest_attempt"]["id"]).status == "declined"
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_a_reservation_that_was_let_go_is_never_money(shop: factories.Shop, sim: factories.Simulator) -> None:
    lost = lose(shop, sim, capture_method="manual")
    ProviderCall.objects.update(look_at=timezone.now())
    work_all()  # recovery gives it up
    factories.until(lambda: "cancelled" in {line["status"] for line in sim.book()})
    night_passes(sim)

    assert status(shop, lost) == "requires_payment_method"
    assert PaymentAttempt.objects.get().status == "voided"
    assert not AttentionItem.objects.filter(closed_at=None).exists()
    factories.assert_books_agree(sim)
    factories.assert_books_close()


def test_what_is_released_in_part_ends_no_payment(shop: factories.Shop) -> None:
    """Only accounts that capture in several parts have this, and nobody of ours asks for it."""
    reserved = adyen.paid(shop, capture_method="manual")
    account = accounts.account(adyen.ACCOUNT)
    row = dict.fromkeys(accounting.TOLD, "") | {
        "Merchant Account": os.environ["ADYEN_EU_MERCHANT_ACCOUNT"],
        "Psp Reference": reference(reserved),
        "Merchant Reference": reserved["latest_attempt"]["id"],
        "Record Type": "Cancelled",
        "Booking Date": "2026-11-24 12:00:00",
        "Payment Currency": "EUR",
        "Authorised (PC)": "-10.00",
    }
    [event] = accounting.read({"report": "payments_accounting_report_2026_11_24.csv", "rows": [row]})
    handlers.cancel_updated(account.pk, event)
    assert status(shop, reserved) == "requires_capture"
    assert "10.00 EUR of 30.00 EUR was released" in AttentionItem.objects.get(kind="amount_differs").detail

    row["Authorised (PC)"] = "-30.00"
    [event] = accounting.read({"report": "payments_accounting_report_2026_11_25.csv", "rows": [row]})
    handlers.cancel_updated(account.pk, event)
    assert status(shop, reserved) == "expired"


def test_a_report_that_is_not_right_is_refused_as_a_whole_until_it_is(
    shop: factories.Shop, sim: factories.Simulator, simulator: str
) -> None:
    lost = lose(shop, sim)
    sim.advance(NIGHT)
    with relay.Relay(simulator) as wire:
        ProviderAccount.objects.filter(code=adyen.ACCOUNT).update(base_url=f"{wire.url}/adyen/v72")
        accounts.forget()
        with clock.at(morning()):
            sweep.sweep(accounts.account("adyen-apac").pk)  # nobody else waits for it
            whole = download(wire, f"{timezone.now():%Y_%m_%d}")
            foreign = whole.splitlines(keepends=True)[-1].replace(b"Countinghouse_NL", b"Somebody_Else")
            for wrong, why in ((whole + foreign, "another merchant account"), (whole + b"cut", "another length")):
                wire.answer("GET /adyen/reports", 200, wrong)
                with pytest.raises(jobs.Retry, match=why):
                    sweep.sweep(accounts.account(adyen.ACCOUNT).pk)
                assert why in swept().problem
            assert not InboundEvent.objects.exists(), "nothing of it is applied"
        looked()
    assert (status(shop, lost), swept().problem) == ("succeeded", "")
    factories.assert_books_close()


def download(wire: relay.Relay, day: str) -> bytes:
    """The report as it is."""
    merchant, user = os.environ["ADYEN_EU_MERCHANT_ACCOUNT"], os.environ["ADYEN_EU_REPORT_USER"]
    url = f"{wire.url}/adyen/reports/download/MerchantAccount/{merchant}/payments_accounting_report_{day}.csv"
    headers = {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=120) as answer:  # noqa: S310
        return bytes(answer.read())


def test_what_was_told_already_is_not_missed(shop: factories.Shop, sim: factories.Simulator) -> None:
    lose(shop, sim)
    night_passes(sim)
    before = (swept().missed, InboundEvent.objects.count())
    EventSweep.objects.update(swept_until=timezone.now() - timedelta(days=2))
    looked()

    assert before[0] == 1, "the capture that happens by itself has no notification that could be missed"
    assert (swept().missed, InboundEvent.objects.count()) == before
    factories.assert_books_close()


def test_a_day_without_a_report_is_looked_for_until_a_later_one_is_there(
    shop: factories.Shop, sim: factories.Simulator, psp: Adyen
) -> None:
    psp.settings(accounting_report=False)
    untold = lose(shop, sim)
    night_passes(sim)
    assert swept().problem == "", "it may still be made"
    looked(days=2)
    assert "Adyen has no payments_accounting_report_" in swept().problem
    assert not jobs.Job.objects.filter(name="sweep_account", state__in=("ready", "dead")).exists()
    assert status(shop, untold) == "processing", "that nothing is told proves nothing"

    psp.settings()
    sim.advance(2 * NIGHT)
    told = lose(shop, sim)
    night_passes(sim, days=4)
    assert swept().problem == ""
    assert swept().swept_until > timezone.now() + timedelta(days=2)
    assert (status(shop, untold), status(shop, told)) == ("processing", "succeeded")


@pytest.mark.parametrize(
    ("fault", "why"), [("error_503_before", "HTTP 503 for payments_accounting_report_"), ("hang_up", "no whole answer")]
)
def test_a_report_that_cannot_be_fetched_loses_nothing(
    shop: factories.Shop, sim: factories.Simulator, fault: str, why: str
) -> None:
    lost = lose(shop, sim)
    sim.scenario("reports.download", "reset_before" if fault == "hang_up" else fault)
    sim.advance(NIGHT)
    with clock.at(morning()), pytest.raises(jobs.Retry):
        sweep.sweep(accounts.account(adyen.ACCOUNT).pk)
    assert why in swept().problem

    sim.forgive()
    looked()
    assert (status(shop, lost), swept().problem) == ("succeeded", "")
    factories.assert_books_close()


def test_an_account_without_a_report_user_says_so_and_stops_nobody(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose(shop, sim)
    accounts._connector.cache_clear()
    monkeypatch.delenv("ADYEN_APAC_REPORT_USER")
    night_passes(sim)

    assert status(shop, lost) == "succeeded"
    row = EventSweep.objects.get(provider_account_id=accounts.account("adyen-apac").pk)
    assert row.problem == "the environment has no ADYEN_APAC_REPORT_USER"
    assert not jobs.Job.objects.filter(state="dead").exists()
    accounts._connector.cache_clear()


def test_a_report_user_that_adyen_refuses_says_so(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts._connector.cache_clear()
    monkeypatch.setenv("ADYEN_EU_REPORT_USER", "report@Company.Countinghouse:wrong")
    with clock.at(morning()), pytest.raises(jobs.Retry):
        sweep.sweep(accounts.account(adyen.ACCOUNT).pk)
    assert "HTTP 401" in swept().problem
    assert "see the report user" in swept().problem
    accounts._connector.cache_clear()


# --- resync ---


def resync(**options: Any) -> tuple[list[str], list[str]]:
    """What it complains of, and its line of the account."""
    out, complaints = io.StringIO(), []
    since = (timezone.now() - timedelta(hours=1)).isoformat()
    try:
        call_command("resync", **{"since": since, "account": adyen.ACCOUNT, "verbosity": 0, "stdout": out, **options})
    except CommandError as error:
        complaints = str(error).splitlines()
    return complaints, out.getvalue().splitlines()[1].split()


def test_after_a_restore_all_that_happened_since_is_brought_in(
    shop: factories.Shop, sim: factories.Simulator, psp: Adyen
) -> None:
    begun = adyen.intent(shop)
    method = confirm.Method(type="card", provider_account=adyen.ACCOUNT, details=fields())
    with crashpoints.armed("confirm.answered"), pytest.raises(crashpoints.Crash):
        confirm.confirm(begun["id"], method, client_id=shop.client.pk, by="test")
    reserved, paid = adyen.paid(shop, capture_method="manual"), adyen.paid(shop)
    backup.take()
    shop.post(f"payment_intents/{reserved['id']}/capture", {})
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 500, "reason": "goodwill"})
    factories.work()
    backup.restore()
    assert not Refund.objects.exists()
    sim.advance(NIGHT)

    until = morning().replace(hour=0).isoformat()
    with clock.at(morning()):
        complaints, [_, listed, known, missing, applied, *_] = resync(until=until)
        again = resync(until=until)
    assert complaints == []
    assert (listed, known, missing) == ("3", "0", applied)
    assert {status(shop, each) for each in (begun, reserved, paid)} == {"succeeded"}
    assert Capture.objects.filter(status="succeeded").count() == 3
    back = Refund.objects.get()
    assert (back.amount_minor, back.status, back.origin) == (500, "succeeded", "outside")
    assert again == ([], [adyen.ACCOUNT, "3", applied, "0", "0", "0", "0", "0"])
    refunds = {line["id"]: line["amount"] for line in sim.book() if line["object"] == "refund"}
    assert {back.provider_reference: back.amount_minor} == refunds
    factories.assert_books_close()


def test_a_resync_of_today_says_that_the_day_is_not_over(shop: factories.Shop) -> None:
    complaints, line = resync()
    today = f"{timezone.now():%Y_%m_%d}"
    assert f"Adyen has no payments_accounting_report_{today}.csv" in complaints[0] or "no later one" in complaints[0]
    assert complaints[0].endswith("run it again when it is there")
    assert line[1:4] == ["0", "0", "0"]
