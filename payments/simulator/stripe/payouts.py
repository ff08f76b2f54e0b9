"""Payouts: every day what has become available goes to the bank."""

from typing import Any

from payments.simulator.clock import DAY
from payments.simulator.stripe import balance, events, funds, listing, objects, parameters
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import STR
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

LIST: parameters.Spec = {**parameters.PAGE, "status": STR, "destination": STR, "arrival_date": parameters.ANY}
RECONCILED_AFTER = 3_600
ARRIVES_AFTER = DAY


def day_end(shop: Shop) -> None:
    """Pay out what is available, if it is more than nothing."""
    now = shop.now()
    table = shop.tables["balance_transaction"]
    rows = [table[row_id] for row_id in shop.unpaid if table[row_id].available_on <= now]
    total = sum(row.amount - row.fee for row in rows)
    if rows:
        events.emit(shop, "balance.available", balance.shown(shop))
    if total <= 0:
        return
    payout = objects.Payout(
        id=shop.new_id("po_1"),
        created=now,
        amount=total,
        currency=shop.account.currency,
        arrival_date=(now // DAY) * DAY,
    )
    words = ("payout", "payout", "STRIPE PAYOUT")
    payout.balance_transaction = balance.book_fixed(shop, (-total, 0), words, payout.id)
    own = shop.known(objects.BalanceTransaction, payout.balance_transaction)
    for row in (*rows, own):
        row.payout = payout.id
        shop.save(row)
    shop.save(payout)
    events.emit(shop, "payout.created", funds.payout(payout))
    shop.later(RECONCILED_AFTER, "reconcile_payout", payout.id)
    shop.later(ARRIVES_AFTER, "pay_payout", payout.id)


def reconcile(shop: Shop, payout: objects.Payout) -> None:
    """Its transactions may be listed now."""
    payout.reconciliation_status = "completed"
    shop.save(payout)
    events.emit(shop, "payout.reconciliation_completed", funds.payout(payout))


def arrive(shop: Shop, payout: objects.Payout) -> None:
    """The money is at the bank."""
    payout.status, payout.trace = "paid", payout.id[-12:]
    shop.save(payout)
    events.emit(shop, "payout.paid", funds.payout(payout), {"status": "in_transit"})


def retrieve(call: Call) -> Json:
    """GET /v1/payouts/{id}"""
    return funds.payout(call.shop.get(objects.Payout, call.args[0]))


def list_all(call: Call) -> Json:
    """GET /v1/payouts?status="""
    status = call.params.get("status")
    rows = (record for record in call.shop.newest(objects.Payout) if status in {None, record.status})
    return listing.page(rows, call.params, funds.payout, "/v1/payouts")
