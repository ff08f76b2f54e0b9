"""The account's balance: fees, conversion to the settlement currency, balance transactions."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from payments.simulator import differences
from payments.simulator.clock import DAY
from payments.simulator.order import Order
from payments.simulator.rates import PER_DOLLAR
from payments.simulator.stripe import cards, currencies, errors, funds, listing, objects, parameters
from payments.simulator.stripe.calls import Call
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]
# Type, reporting category, description.
Words = tuple[str, str, str]

SETTLEMENT_DAYS = 2
# 2.9 % and a fixed part per charge; 1.5 % more for a foreign card, 1 % more for a conversion.
PERCENT = Decimal("2.9")
FOREIGN_CARD = Decimal("1.5")
CONVERSION = Decimal(1)
# A reporting category that nobody has heard of.
UNKNOWN = "network_equalization"
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
    rate = currencies.rate(charge.currency, target, shop.world.rates.now)
    return currencies.converted(amount, rate), float(rate)


def book_capture(shop: Shop, charge: objects.Charge, amount: int, released: int) -> str | None:
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
        facing=amount + released,
    )
    kept = keep(shop, row, charge)
    if released:
        back = gross - settled(shop, charge, amount)[0]
        fee = _share(gross, percent) - _share(gross - back, percent)
        reversal = objects.changed(
            row,
            id=shop.new_id("txn_3"),
            type="refund",
            reporting_category="partial_capture_reversal",
            amount=-back,
            fee=-fee,
            description="REFUND FOR CHARGE (partial capture)",
            facing=-released,
        )
        keep(shop, reversal, charge)
    return kept


def keep(shop: Shop, row: objects.BalanceTransaction, charge: objects.Charge) -> str | None:
    """Book a row about a charge, as it should be or as a scenario has it; its id, None for one that got lost."""
    method = shop.known(objects.PaymentMethod, charge.payment_method).type
    fault = differences.at_line(shop, row.reporting_category, method, fee=row.fee > 0)
    if fault is None:
        shop.save(row)
        return row.id
    about = {"line": row.id, "key": row.id, "type": row.reporting_category, "payment": charge.payment_intent}
    differences.note(shop, fault.fault, differences.told(fault, row.amount - row.fee), row.currency, **about)
    match fault.fault:
        case "line_lost":
            return None
        case "line_doubled":
            shop.save(objects.changed(row, id=shop.new_id("txn_3")))
        case "overcharged_fee":
            row.fee -= differences.told(fault, 0)
        case "line_wrong":
            row.amount += differences.told(fault, 0)
        case "line_unknown":
            row.type, row.reporting_category = "adjustment", UNKNOWN
    shop.save(row)
    return row.id


def _available(shop: Shop, charge: objects.Charge) -> int:
    method = shop.known(objects.PaymentMethod, charge.payment_method)
    if method.type == "card" and cards.get(method.card).bypass_pending:
        return shop.now()
    return (shop.now() // DAY + SETTLEMENT_DAYS) * DAY


def book_move(shop: Shop, charge: objects.Charge, facing: int, words: Words, source: str) -> str | None:
    """A signed movement of the charge's currency, converted at the rate of now."""
    return book_dispute(shop, charge, (facing, 0), words, source)


def book_dispute(shop: Shop, charge: objects.Charge, money: tuple[int, int], words: Words, source: str) -> str | None:
    """What a dispute takes or gives back: `money` is the customer's amount and the fee in the settlement currency."""
    amount, rate = settled(shop, charge, money[0])
    row = _row(shop, (amount, money[1]), words, source, (rate, money[0]))
    whole = shop.find(objects.BalanceTransaction, charge.balance_transaction)
    if whole is not None:
        # What is taken of a payment that is not yet available is not yet taken.
        row.available_on = max(row.available_on, whole.available_on)
    return keep(shop, row, charge)


def book_fixed(
    shop: Shop, amount: int, words: Words, source: str | None, available_on: int | None = None
) -> objects.BalanceTransaction:
    """A signed movement in the settlement currency that belongs to no charge."""
    row = _row(shop, (amount, 0), words, source)
    row.available_on = row.created if available_on is None else available_on
    shop.save(row)
    return row


def _row(
    shop: Shop,
    money: tuple[int, int],
    words: Words,
    source: str | None,
    foreign: tuple[float | None, int | None] = (None, None),
) -> objects.BalanceTransaction:
    """A movement of now: `money` is amount and fee, `foreign` the rate and the customer's amount."""
    return objects.BalanceTransaction(
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
        exchange_rate=foreign[0],
        facing=foreign[1],
    )


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
    """GET /v1/balance_transactions: by payout (an automatic one), source, type, currency, created."""
    shop = call.shop
    wanted = {name: call.params[name] for name in ("currency", "payout", "source", "type") if name in call.params}
    order = shop.orders["balance_transaction"]
    if "payout" in wanted:
        payout = shop.get(objects.Payout, wanted["payout"], "payout")
        if not payout.automatic:
            raise errors.InvalidError(
                "Balance transaction history can only be filtered on automatic transfers, not manual.", "payout"
            )
        order = shop.by_payout.get(payout.id, Order())

    def asked(row: objects.BalanceTransaction) -> bool:
        return all(getattr(row, name) == value for name, value in wanted.items())

    rows = listing.Long(shop.tables["balance_transaction"], order, asked)
    return listing.page(rows, call.params, lambda row: funds.balance_transaction(row, shop), "/v1/balance_transactions")


def current(call: Call) -> Json:
    """GET /v1/balance"""
    return shown(call.shop)


def shown(shop: Shop) -> Json:
    """The balance as Stripe's object: one currency, what is available and what is not yet."""
    waiting = pending(shop)

    def part(amount: int) -> list[Json]:
        return [{"amount": amount, "currency": shop.account.currency, "source_types": {"card": amount}}]

    return {
        "object": "balance",
        "available": part(shop.total - waiting),
        "livemode": False,
        "pending": part(waiting),
    }


def pending(shop: Shop) -> int:
    """What is not yet available."""
    now, table = shop.now(), shop.tables["balance_transaction"]
    for row_id in [row_id for row_id in shop.pending if table[row_id].available_on <= now]:
        del shop.pending[row_id]
    return sum(table[row_id].amount - table[row_id].fee for row_id in shop.pending)
