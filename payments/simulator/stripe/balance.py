"""The account's balance: fees, conversion to the settlement currency, balance transactions."""

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from payments.simulator.clock import DAY
from payments.simulator.rates import PER_DOLLAR
from payments.simulator.stripe import cards, currencies, funds, listing, objects, parameters
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

SETTLEMENT_DAYS = 2
# 2.9 % and a fixed part per charge; 1.5 % more for a foreign card, 1 % more for a conversion.
PERCENT = Decimal("2.9")
FOREIGN_CARD = Decimal("1.5")
CONVERSION = Decimal(1)
FIXED = {"usd": "0.30", "eur": "0.25", "gbp": "0.20", "chf": "0.30", "jpy": "30", "aud": "0.30", "cad": "0.30"}


def _fixed(currency: str) -> int:
    if currency in FIXED:
        return currencies.minor(Decimal(FIXED[currency]), currency)
    return currencies.minor(Decimal("0.30") * PER_DOLLAR[currency], currency)


def _percentage(shop: Shop, charge: objects.Charge) -> Decimal:
    method = shop.known(objects.PaymentMethod, charge.payment_method)
    percent = PERCENT
    if method.type == "card" and cards.get(method.card).country != shop.account.country:
        percent += FOREIGN_CARD
    if charge.currency != shop.account.currency:
        percent += CONVERSION
    return percent


def _share(amount: int, percent: Decimal) -> int:
    return int((amount * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))


def settled(shop: Shop, charge: objects.Charge, amount: int) -> tuple[int, float | None]:
    """An amount of the charge in the settlement currency, and the rate if there is one."""
    target = shop.account.currency
    if charge.currency == target:
        return amount, None
    rate = currencies.rate(charge.currency, target)
    return currencies.converted(amount, rate), float(rate)


def book_capture(shop: Shop, charge: objects.Charge, amount: int, released: int) -> str:
    """Money of a capture. What is released instead of captured is a row of its own: Stripe books the
    whole authorization and takes the rest back (reporting category partial_capture_reversal).
    """
    percent = _percentage(shop, charge)
    gross, rate = settled(shop, charge, amount + released)
    available = _available(shop, charge)
    card = charge.id.startswith("ch_")
    row = objects.BalanceTransaction(
        id=shop.new_id("txn_3"),
        created=shop.now(),
        available_on=available,
        type="charge" if card else "payment",
        reporting_category="charge",
        amount=gross,
        fee=_share(gross, percent) + _fixed(shop.account.currency),
        currency=shop.account.currency,
        source=charge.id,
        description=charge.given.get("description"),
        exchange_rate=rate,
    )
    shop.save(row)
    if released:
        back = gross - settled(shop, charge, amount)[0]
        _reversal(shop, row, back, _share(gross, percent) - _share(gross - back, percent))
    return row.id


def _reversal(shop: Shop, whole: objects.BalanceTransaction, back: int, fee: int) -> None:
    shop.save(
        objects.BalanceTransaction(
            id=shop.new_id("txn_3"),
            created=whole.created,
            available_on=whole.available_on,
            type="refund",
            reporting_category="partial_capture_reversal",
            amount=-back,
            fee=-fee,
            currency=whole.currency,
            source=whole.source,
            description="REFUND FOR CHARGE (partial capture)",
            exchange_rate=whole.exchange_rate,
        )
    )


def _available(shop: Shop, charge: objects.Charge) -> int:
    method = shop.known(objects.PaymentMethod, charge.payment_method)
    if method.type == "card" and cards.get(method.card).bypass_pending:
        return shop.now()
    return (shop.now() // DAY + SETTLEMENT_DAYS) * DAY


def book_move(shop: Shop, charge: objects.Charge, amount: int, words: tuple[str, str, str], source: str) -> str:
    """A signed movement of the charge's currency at once: `words` are type, category, description."""
    amount, rate = settled(shop, charge, amount)
    return book_fixed(shop, (amount, 0), words, source, rate)


def book_fixed(
    shop: Shop,
    money: tuple[int, int],
    words: tuple[str, str, str],
    source: str,
    rate: float | None = None,
) -> str:
    """A signed movement in the settlement currency at once: `money` is amount and fee."""
    row = objects.BalanceTransaction(
        id=shop.new_id("txn_3"),
        created=shop.now(),
        available_on=shop.now(),
        type=words[0],
        reporting_category=words[1],
        description=words[2],
        amount=money[0],
        fee=money[1],
        currency=shop.account.currency,
        source=source,
        exchange_rate=rate,
    )
    shop.save(row)
    return row.id


LIST: parameters.Spec = {
    **parameters.PAGE,
    "currency": parameters.STR,
    "payout": parameters.STR,
    "source": parameters.STR,
    "type": parameters.STR,
}


def retrieve(call: Call) -> Json:
    """GET /v1/balance_transactions/{id}"""
    return funds.balance_transaction(call.shop.get(objects.BalanceTransaction, call.args[0]), call.shop)


def list_all(call: Call) -> Json:
    """GET /v1/balance_transactions: by payout, source, type, currency."""
    wanted = {name: call.params[name] for name in ("currency", "payout", "source", "type") if name in call.params}
    if "payout" in wanted:
        call.shop.get(objects.Payout, wanted["payout"], "payout")
    rows = (
        row
        for row in call.shop.newest(objects.BalanceTransaction)
        if all(getattr(row, name) == value for name, value in wanted.items())
    )
    return listing.page(
        rows, call.params, lambda row: funds.balance_transaction(row, call.shop), "/v1/balance_transactions"
    )


def current(call: Call) -> Json:
    """GET /v1/balance"""
    return shown(call.shop)


def shown(shop: Shop) -> Json:
    """The balance as Stripe's object: one currency, what is available and what is not yet."""
    now = shop.now()
    sums: defaultdict[bool, int] = defaultdict(int)
    for row in shop.tables["balance_transaction"].values():
        sums[row.available_on <= now] += row.amount - row.fee

    def part(amount: int) -> list[Json]:
        return [{"amount": amount, "currency": shop.account.currency, "source_types": {"card": amount}}]

    return {"object": "balance", "available": part(sums[True]), "livemode": False, "pending": part(sums[False])}
