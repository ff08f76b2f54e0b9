"""The book of truth, and that the truth survives the simulator's death."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulator import process


def test_the_book_has_a_line_for_everything_that_moves_money(merchant: process.Merchant) -> None:
    intent = merchant.v1.payment_intents.create(
        params={
            "amount": 2_000,
            "currency": "eur",
            "capture_method": "manual",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "metadata": {"attempt": "att_1"},
        },
        options={"idempotency_key": "key-1"},
    )
    merchant.v1.payment_intents.capture(
        intent.id, params={"amount_to_capture": 1_500}, options={"idempotency_key": "key-2"}
    )
    refund = merchant.v1.refunds.create(
        params={"payment_intent": intent.id, "amount": 400, "metadata": {"refund": "ref_1"}},
        options={"idempotency_key": "key-3"},
    )

    book = {line["object"]: line for line in merchant.book()}

    assert set(book) == {"payment", "capture", "refund"}
    payment = book["payment"]
    assert payment["id"] == payment["payment"] == intent.id
    assert (payment["psp"], payment["account"], payment["status"]) == ("stripe", merchant.code, "succeeded")
    assert (payment["amount"], payment["amount_captured"], payment["amount_refunded"]) == (2_000, 1_500, 400)
    assert (payment["currency"], payment["reference"], payment["idempotency_key"]) == (
        "eur",
        {"attempt": "att_1"},
        "key-1",
    )
    assert (book["capture"]["payment"], book["capture"]["amount"]) == (intent.id, 1_500)
    assert (book["capture"]["idempotency_key"], book["capture"]["automatic"]) == ("key-2", False)
    assert (book["refund"]["id"], book["refund"]["payment"]) == (refund.id, intent.id)
    assert (book["refund"]["reference"], book["refund"]["idempotency_key"]) == ({"refund": "ref_1"}, "key-3")


def test_the_book_agrees_with_the_balance(merchant: process.Merchant) -> None:
    for amount in (1_000, 2_500, 9_999):
        merchant.pay(amount=amount, capture_method="automatic")
    refunded = merchant.pay(amount=700, capture_method="automatic")
    merchant.v1.refunds.create(params={"payment_intent": refunded.id, "amount": 300})
    lines = merchant.book()
    captured = sum(line["amount"] for line in lines if line["object"] == "capture")
    returned = sum(line["amount"] for line in lines if line["object"] == "refund")
    balance = merchant.v1.balance.retrieve()
    fees = sum(row.fee for row in merchant.v1.balance_transactions.list(params={"limit": 100}).data)
    assert captured - returned - fees == balance.available[0].amount + balance.pending[0].amount


def test_killed_and_started_again_it_knows_everything(tmp_path: Path, inbox: process.Inbox) -> None:
    simulator = process.Simulator("--journal", str(tmp_path / "journal"))
    try:
        merchant = simulator.merchant(inbox)
        held = merchant.pay(capture_method="manual", metadata={"attempt": "1"})
        paid = merchant.v1.payment_intents.create(
            params={"amount": 900, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"},
            options={"idempotency_key": "k"},
        )
        refund = merchant.v1.refunds.create(params={"payment_intent": paid.id, "amount": 100})
        simulator.advance(3_600)
        book, events, now = merchant.book(), merchant.events(), simulator.now()
        balance = merchant.v1.balance.retrieve().to_dict()

        simulator.kill()
        simulator.restart()

        assert merchant.book() == book
        assert merchant.events() == events
        assert merchant.v1.balance.retrieve().to_dict() == balance
        assert simulator.now() >= now
        again = merchant.v1.payment_intents.create(
            params={"amount": 900, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"},
            options={"idempotency_key": "k"},
        )
        assert again.to_dict() == paid.to_dict(), "the idempotency key is remembered"
        assert merchant.v1.refunds.retrieve(refund.id).amount == 100
        fresh = merchant.pay()
        assert fresh.id not in {line["id"] for line in book}
        simulator.advance(7 * 86_400)
        assert merchant.v1.payment_intents.retrieve(held.id).status == "canceled", "timers are remembered"
    finally:
        simulator.stop()


def test_what_was_not_delivered_is_delivered_after_the_restart(tmp_path: Path, inbox: process.Inbox) -> None:
    simulator = process.Simulator("--journal", str(tmp_path / "journal"))
    try:
        merchant = simulator.merchant(inbox, events=["payment_intent.succeeded"])
        inbox.refusals = 1_000
        merchant.pay()
        process.until(lambda: inbox.attempts, "an attempt")
        simulator.kill()
        inbox.refusals = 0
        simulator.restart()
        process.until(lambda: inbox.types() == ["payment_intent.succeeded"], "the delivery")
        merchant.pay()
        process.until(lambda: len(inbox.types()) == 2, "the next one")
        process.until(lambda: _nothing_waits(merchant), "the acknowledgement to be written down")
        simulator.kill()
        simulator.restart()
        merchant.pay()
        process.until(lambda: len(inbox.types()) == 3, "only the new one")
        assert len({event["id"] for event in inbox.genuine()}) == 3
    finally:
        simulator.stop()


def _nothing_waits(merchant: process.Merchant) -> bool:
    return all(event.pending_webhooks == 0 for event in merchant.v1.events.list().data)


def test_a_torn_last_line_costs_only_that_request(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    simulator = process.Simulator("--journal", str(journal))
    try:
        merchant = simulator.merchant()
        first = merchant.pay(capture_method="automatic")
        simulator.kill()
        with journal.open("ab") as file:
            file.write(b'[["' + merchant.code.encode() + b'","stripe.payment_int')
        simulator.restart()
        assert [line["payment"] for line in merchant.book()] == [first.id, first.id]
        second = merchant.pay(capture_method="automatic")
        simulator.kill()
        simulator.restart()
        assert {line["payment"] for line in merchant.book()} == {first.id, second.id}
    finally:
        simulator.stop()


def test_reset_forgets_the_objects_and_keeps_the_accounts(tmp_path: Path) -> None:
    simulator = process.Simulator("--journal", str(tmp_path / "journal"))
    try:
        merchant = simulator.merchant()
        before = merchant.pay().id
        merchant.fault("error_503_before")
        assert simulator.ask("POST", "/_sim/reset").status == 200
        assert merchant.book() == []
        after = merchant.pay().id
        assert after != before
        simulator.kill()
        simulator.restart()
        assert {line["payment"] for line in merchant.book()} == {after}
    finally:
        simulator.stop()


def test_the_same_seed_makes_the_same_ids() -> None:
    def ids() -> list[str]:
        simulator = process.Simulator("--seed", "repeat")
        try:
            merchant = simulator.merchant()
            return [merchant.pay(capture_method="automatic").id for _ in range(3)]
        finally:
            simulator.stop()

    first, second = ids(), ids()
    assert first == second
    assert all(a != b for a, b in itertools.pairwise(first))


def test_it_refuses_to_run_in_production() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "payments.simulator"],
        cwd=process.ROOT,
        env={**os.environ, "COUNTINGHOUSE_ENV": "production"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "refuses" in done.stderr


def test_accounts_from_the_environment() -> None:
    accounts = '[{"code": "shop", "psp": "stripe", "api_key": "sk_test_shop", "currency": "eur", "country": "DE"}]'
    simulator = process.Simulator(SIMULATOR_ACCOUNTS=accounts)
    try:
        shown = simulator.ask("GET", "/_sim/accounts").json()["accounts"]
        assert [(a["code"], a["currency"], a["country"]) for a in shown] == [("shop", "eur", "DE")]
        assert simulator.ask("GET", "/v1/balance", headers={"Authorization": "Bearer sk_test_shop"}).status == 200
    finally:
        simulator.stop()


@pytest.mark.parametrize(
    "settings",
    [
        {"psp": "stripe", "api_key": "sk_live_x"},
        {"psp": "worldpay", "api_key": "x"},
        {"psp": "adyen", "api_key": "x", "webhook_secret": "whsec_x"},
        {"psp": "stripe"},
        {"psp": "stripe", "api_key": "sk_test_z", "publishable_key": "secret"},
        {"psp": "stripe", "api_key": "sk_test_y", "colour": "red"},
        [],
    ],
)
def test_an_account_that_makes_no_sense(shared: process.Simulator, settings: object) -> None:
    assert shared.ask("PUT", "/_sim/accounts/nonsense", settings).status == 400
