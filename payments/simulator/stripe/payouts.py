"""Payouts: every day what has become available goes to the bank, or is taken from it; some come back."""

from typing import Any

from payments.simulator import bank, causes
from payments.simulator.bank import Words
from payments.simulator.clock import DAY
from payments.simulator.stripe import balance, currencies, errors, events, funds, listing, objects, parameters
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.parameters import INT, META, STR
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

LIST: parameters.Spec = {**parameters.PAGE, "status": STR, "destination": STR, "arrival_date": parameters.ANY}
CREATE: parameters.Spec = {
    "amount": INT,
    "currency": STR,
    "description": STR,
    "destination": STR,
    "expand": parameters.LIST,
    "metadata": META,
    "method": STR,
    "source_type": STR,
    "statement_descriptor": STR,
}
RECONCILED_AFTER = 3_600
# Until then a payout that somebody asked for can be canceled.
SENT_AFTER = 3_600
# Where Stripe takes a balance below nothing from the bank; elsewhere it waits for the next payments.
# Source: support.stripe.com/questions/what-happens-when-i-have-a-negative-balance.
DEBITED = frozenset({"AU", "CA", "GB", "US"})


def manual(shop: Shop) -> bool:
    """Whether only what is asked for is paid out."""
    return bool(shop.account.settings.get("payout_schedule") == "manual")


def day_end(shop: Shop) -> None:
    """Pay out what is available; below nothing take it from the bank, where Stripe does that."""
    table = shop.tables["balance_transaction"]
    rows = [table[row_id] for row_id in shop.unpaid if table[row_id].available_on <= shop.now()]
    if rows:
        events.emit(shop, "balance.available", balance.shown(shop))
    total = sum(row.amount - row.fee for row in rows)
    if manual(shop) or total == 0 or (total < 0 and not _debited(shop)):
        return
    payout = _new(shop, total, "STRIPE PAYOUT" if total > 0 else "STRIPE WITHDRAWAL")
    for row in rows:
        row.payout = payout.id
        shop.save(row)
    # Its own row is the newest of them, after a restart too.
    own = _book(shop, payout)
    own.payout = payout.id
    shop.save(own)
    events.emit(shop, "payout.created", funds.payout(payout))
    shop.later(RECONCILED_AFTER, "reconcile_payout", payout.id)
    shop.later(DAY, "pay_payout", payout.id)


def _debited(shop: Shop) -> bool:
    wanted = shop.account.settings.get("debit_negative_balances")
    return shop.account.country in DEBITED if wanted is None else bool(wanted)


def _new(shop: Shop, amount: int, description: str) -> objects.Payout:
    """A payout that arrives a day later, not yet saved."""
    arrival = (shop.now() // DAY + 1) * DAY
    return objects.Payout(
        id=shop.new_id("po_1"),
        created=shop.now(),
        amount=amount,
        currency=shop.account.currency,
        arrival_date=arrival,
        description=description,
    )


def _book(shop: Shop, payout: objects.Payout) -> objects.BalanceTransaction:
    """The payout's own row: what it takes out of the balance."""
    row = balance.book_fixed(shop, -payout.amount, ("payout", "payout", str(payout.description)), payout.id)
    payout.balance_transaction = row.id
    shop.save(payout)
    return row


def reconcile(shop: Shop, payout: objects.Payout) -> None:
    """Its transactions may be listed now."""
    payout.reconciliation_status = "completed"
    shop.save(payout)
    events.emit(shop, "payout.reconciliation_completed", funds.payout(payout))


def send(shop: Shop, payout: objects.Payout) -> None:
    """A payout that somebody asked for leaves."""
    if payout.status == "pending":
        payout.status = "in_transit"
        shop.save(payout)
        events.emit(shop, "payout.updated", funds.payout(payout), {"status": "pending"})


def arrive(shop: Shop, payout: objects.Payout) -> None:
    """The money is at the bank, or was taken from it."""
    if payout.status != "in_transit":
        return
    payout.status, payout.arrived, payout.trace = "paid", True, shop.world.ids.reference()
    shop.save(payout)
    code = "payout" if payout.amount > 0 else "withdrawal"
    text = payout.statement_descriptor or "STRIPE"
    words = Words(code, f"{text} {payout.trace}", payout.trace, "STRIPE", payout.id)
    causes.arrive(shop, currencies.major(payout.amount, payout.currency), payout.currency, words)
    events.emit(shop, "payout.paid", funds.payout(payout), {"status": "in_transit"})


def _at_bank(shop: Shop, payout: objects.Payout, amount: int, words: Words) -> None:
    bank.book(shop, currencies.major(amount, payout.currency), payout.currency, words)


def fail(shop: Shop, payout: objects.Payout, code: str) -> None:
    """The bank does not want it, be it that it had said so already: the money is back in the balance."""
    previous = payout.status
    payout.failure_code = code
    _back(shop, payout, "failed", ("payout_failure", "payout_reversal", "STRIPE PAYOUT FAILURE"))
    if payout.arrived:
        kind = "payout_returned" if payout.amount > 0 else "withdrawal_returned"
        words = Words(kind, f"RETURN STRIPE {payout.trace}", payout.trace or "", "STRIPE", payout.id)
        _at_bank(shop, payout, -payout.amount, words)
    events.emit(shop, "payout.failed", funds.payout(payout), {"status": previous})


def _back(shop: Shop, payout: objects.Payout, status: str, words: balance.Words) -> None:
    payout.failure_balance_transaction = balance.book_fixed(shop, payout.amount, words, payout.id).id
    payout.status, payout.reversed_at = status, shop.now()
    shop.save(payout)


def create(call: Call) -> Json:
    """POST /v1/payouts: of an account whose schedule is manual; nobody can say what such a payout contains."""
    shop, params = call.shop, call.params
    parameters.required(params, "amount", "currency")
    if not manual(shop):
        raise errors.RefusedError(
            "The simulator pays out by itself or when asked, not both: the account's payout_schedule is not manual."
        )
    amount, currency = params["amount"], currencies.check_currency(params["currency"])
    available = shop.total - balance.pending(shop) if currency == shop.account.currency else 0
    if amount < 1:
        raise errors.InvalidError("Invalid positive integer", "amount", "parameter_invalid_integer")
    if amount > available:
        raise errors.RefusedError(
            "You have insufficient funds in your Stripe account for this transfer.", "balance_insufficient", "amount"
        )
    payout = _new(shop, amount, params.get("description") or "STRIPE PAYOUT")
    payout.automatic, payout.status, payout.reconciliation_status = False, "pending", "not_applicable"
    payout.statement_descriptor = params.get("statement_descriptor")
    payout.metadata = parameters.merged({}, params.get("metadata"))
    _book(shop, payout)
    events.emit(shop, "payout.created", funds.payout(payout))
    shop.later(SENT_AFTER, "send_payout", payout.id)
    shop.later(payout.arrival_date - call.now + SENT_AFTER, "pay_payout", payout.id)
    return funds.payout(payout)


def cancel(call: Call) -> Json:
    """POST /v1/payouts/{id}/cancel: only one that has not left."""
    shop = call.shop
    payout = shop.get(objects.Payout, call.args[0])
    if payout.status != "pending":
        raise errors.RefusedError(f"Payouts can only be canceled while pending; {payout.id} is {payout.status}.")
    _back(shop, payout, "canceled", ("payout_cancel", "payout_reversal", "STRIPE PAYOUT CANCEL"))
    events.emit(shop, "payout.canceled", funds.payout(payout), {"status": "pending"})
    return funds.payout(payout)


def retrieve(call: Call) -> Json:
    """GET /v1/payouts/{id}"""
    return funds.payout(call.shop.get(objects.Payout, call.args[0]))


def list_all(call: Call) -> Json:
    """GET /v1/payouts?status=&arrival_date=&destination=&created="""
    params = call.params
    status, arrives = params.get("status"), listing.within(params.get("arrival_date"), "arrival_date")
    here = params.get("destination") in {None, funds.DESTINATION}

    def asked(payout: objects.Payout) -> bool:
        return here and status in {None, payout.status} and arrives(payout.arrival_date)

    rows = listing.Long(call.shop.tables["payout"], call.shop.orders["payout"], asked)
    return listing.page(rows, params, funds.payout, "/v1/payouts")
