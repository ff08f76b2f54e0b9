"""What can be caused at the simulated Stripe: reserves, fees without a payment, corrections, payouts that come back."""

from payments.simulator import causes
from payments.simulator.causes import BadCauseError, Wish, handler
from payments.simulator.settlement import Cause
from payments.simulator.stripe import balance, currencies, funds, objects, payouts
from payments.simulator.stripe.shop import Shop

HELD: balance.Words = ("reserve_hold", "risk_reserved_funds", "Funds held in reserve")
RELEASED: balance.Words = ("reserve_release", "risk_reserved_funds", "Funds released from reserve")


def _hold(shop: Shop, wish: Wish) -> str:
    return balance.book_fixed(shop, -wish.amount(), HELD, None).id


def _release(shop: Shop, wish: Wish) -> str:
    return balance.book_fixed(shop, wish.amount(), RELEASED, None).id


def _fee(shop: Shop, wish: Wish) -> str:
    """Stripe's own services: the amount stands in gross, the fee is nothing."""
    words = ("stripe_fee", "fee", wish.text("text", "Radar"))
    return balance.book_fixed(shop, -wish.amount(), words, None).id


def _fee_tax(shop: Shop, wish: Wish) -> str:
    words = ("tax_fee", "tax", wish.text("text", "VAT on Stripe fees"))
    return balance.book_fixed(shop, -wish.amount(), words, None).id


def _adjust(shop: Shop, wish: Wish) -> str:
    words = ("adjustment", wish.text("type", "other_adjustment"), wish.text("text", "Correction"))
    return balance.book_fixed(shop, wish.signed(), words, None).id


def _top_up(shop: Shop, wish: Wish) -> str:
    amount = wish.amount()
    row = balance.book_fixed(shop, amount, ("topup", "topup", "Top-up"), None)
    causes.pay_in(shop, currencies.major(amount, shop.account.currency), "STRIPE", shop.world.ids.reference())
    return row.id


def _return(shop: Shop, wish: Wish) -> str:
    """The named payout, or the newest that is under way or there."""
    code, wanted = wish.text("code", "account_closed"), wish.text("payout")
    if code not in funds.FAILURES:
        raise BadCauseError(f"code must be one of {', '.join(funds.FAILURES)}")
    for payout in shop.newest(objects.Payout):
        if wanted in {"", payout.id} and payout.status in {"in_transit", "paid"}:
            payouts.fail(shop, payout, code)
            return payout.id
    raise BadCauseError(f"no payout {wanted} is under way or has arrived")


def _correct(shop: Shop, wish: Wish) -> str:
    """From now on reports say what is true: about one payout, or about everything.

    Who asks for the same report again gets another run: what was asked with an idempotency key is forgotten.
    """
    payout = wish.text("payout")
    rows = shop.tables["balance_transaction"]
    found = 0
    for one in shop.tables["difference"].values():
        line = rows.get(one.key)
        if one.where == "file" and one.status == "open" and payout in {"", line.payout if line else None}:
            one.status, found = "corrected", found + 1
            shop.save(one)
    if not found:
        raise BadCauseError("no report says anything wrongly")
    for answer in [one for one in shop.tables["answer"].values() if one.path == "/v1/reporting/report_runs"]:
        shop.drop(answer)
    return str(found)


HANDLERS: causes.Handlers = {
    **causes.BANK,
    "reserve_held": handler(_hold, "amount"),
    "reserve_released": handler(_release, "amount"),
    "fee": handler(_fee, "amount", "text"),
    "fee_tax": handler(_fee_tax, "amount", "text"),
    "adjustment": handler(_adjust, "amount", "type", "text"),
    "topup": handler(_top_up, "amount"),
    "payout_returned": handler(_return, "payout", "code"),
    "file_corrected": handler(_correct, "payout"),
}


def happen(shop: Shop, cause: Cause, _: str) -> None:
    """The day of a cause has come."""
    causes.happen(shop, HANDLERS, cause)
