"""What moves in the merchant's balance, and what Adyen keeps of it."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from payments.simulator import differences
from payments.simulator.adyen import currencies, objects
from payments.simulator.adyen.shop import Shop
from payments.simulator.clock import DAY
from payments.simulator.scenarios import BOOKS, Scenario

# Interchange++: per cent of the amount in the settlement currency.
INTERCHANGE = {"CREDIT": Decimal("0.30"), "DEBIT": Decimal("0.20")}
SCHEME = Decimal("0.10")
MARKUP = Decimal("0.60")
# Blended: one commission, a fixed part and per cent.
COMMISSION = Decimal("0.9")
FIXED = {"ideal": "0.25", "sepadirectdebit": "0.25", "bcmc": "0.10", "klarna": "0.35", "paypal": "0.10"}
REFUND_FEE = {"ideal": "0.20", "klarna": "0.35"}
CHARGEBACK_FEE = "7.50"
PROCESSING_FEE = "0.11"
# A Type that nobody has heard of.
UNKNOWN = "NetworkEqualization"
SETTLEMENT_DAYS = 2
INTERCHANGE_PLUS = frozenset({"scheme", "applepay", "googlepay"})


def _share(amount: int, percent: Decimal) -> int:
    return int((amount * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))


def _euros(shop: Shop, text: str) -> int:
    """A price in euros, in the settlement currency's smallest unit."""
    return currencies.minor(Decimal(text) * currencies.rate("EUR", shop.currency), shop.currency)


def _fees(shop: Shop, movement: objects.Movement, payment: objects.Payment) -> None:
    """Fill in the fees of a capture."""
    settled = abs(currencies.converted(movement.gross, payment.currency, shop.currency))
    if payment.method in INTERCHANGE_PLUS:
        movement.interchange = _share(settled, INTERCHANGE.get(payment.card.get("funding", ""), INTERCHANGE["CREDIT"]))
        movement.scheme = _share(settled, SCHEME)
        movement.markup = _share(settled, MARKUP)
    else:
        fixed = _euros(shop, FIXED.get(payment.method, "0.25"))
        percent = 0 if payment.method in {"ideal", "sepadirectdebit"} else _share(settled, COMMISSION)
        movement.commission = fixed + percent


def book(shop: Shop, payment: objects.Payment, kind: str, gross: int, modification: str) -> None:
    """A signed movement of the payment's currency: `kind` is the Type of the settlement detail report."""
    now, foreign = shop.world.rates.now, payment.currency != shop.currency
    rate = currencies.rate(payment.currency, shop.currency, now) if foreign else Decimal(1)
    movement = objects.Movement(
        id=shop.world.ids.next("mov_"),
        created=shop.now(),
        type=kind,
        net=0,
        gross=gross,
        currency=payment.currency,
        rate=f"{rate.normalize():f}",
        payment=payment.id,
        modification=modification,
        available=(shop.now() // DAY + SETTLEMENT_DAYS) * DAY,
    )
    if kind == "Settled":
        _fees(shop, movement, payment)
    elif kind == "Refunded":
        movement.commission = _euros(shop, REFUND_FEE.get(payment.method, "0"))
    elif kind in {"Chargeback", "SecondChargeback"}:
        movement.commission = _euros(shop, CHARGEBACK_FEE)
    movement.net = _settled(shop, movement) - fees(movement)
    _keep(shop, movement, payment)


def _settled(shop: Shop, movement: objects.Movement) -> int:
    """The gross in the settlement currency."""
    return currencies.minor(currencies.major(movement.gross, movement.currency) * Decimal(movement.rate), shop.currency)


def _keep(shop: Shop, movement: objects.Movement, payment: objects.Payment) -> None:
    """Book it, as it should be or as a scenario has it."""
    fault = differences.at_line(shop, movement.type, payment.method, fee=fees(movement) > 0)
    if fault is None:
        shop.save(movement)
        return
    told = _told(shop, movement, fault)
    note(shop, movement, fault.fault, (sum(one.net for one in told) - movement.net, differences.told(fault, 0)))
    for one in told if fault.fault in BOOKS else [movement]:
        shop.save(one)


def note(shop: Shop, movement: objects.Movement, fault: str, money: tuple[int, int], file: str = "") -> None:
    """Write down that something about the movement is said wrongly: by how much it is, and was asked to be."""
    about = {"line": movement.modification, "key": movement.id, "type": movement.type, "payment": movement.payment}
    differences.note(shop, fault, money[0], shop.currency, delta=money[1], file=file, **about)


def _told(shop: Shop, movement: objects.Movement, fault: Scenario) -> list[objects.Movement]:
    """What the books or the file have instead of the movement."""
    amount = differences.told(fault, movement.net)
    match fault.fault:
        case "line_lost" | "row_lost":
            return []
        case "line_doubled" | "row_doubled":
            return [movement, replace(movement, id=shop.world.ids.next("mov_"))]
        case "line_unknown":
            return [replace(movement, type=UNKNOWN)]
        case "line_wrong" | "row_wrong":
            return [altered(shop, movement, amount)]
        case "overcharged_fee":
            fee = "markup" if movement.markup else "commission"
            more = {fee: getattr(movement, fee) - amount, "net": movement.net + amount}
            return [replace(movement, **more)]
    return [movement]


def altered(shop: Shop, movement: objects.Movement, amount: int) -> objects.Movement:
    """The movement with about so much more in the settlement currency: gross, rate and net still fit."""
    more = currencies.major(amount, shop.currency) / Decimal(movement.rate)
    other = replace(movement, gross=movement.gross + currencies.minor(more, movement.currency))
    other.net = _settled(shop, other) - fees(other)
    return other


def book_plain(shop: Shop, kind: str, net: int, words: str) -> objects.Movement:
    """A signed movement of the settlement currency that belongs to no payment, available at once."""
    now = shop.now()
    movement = objects.Movement(
        id=shop.world.ids.next("mov_"), created=now, type=kind, net=net, modification=words, available=now
    )
    shop.save(movement)
    return movement


def processing_fees(shop: Shop, payments: int) -> int:
    """What Adyen takes for so many payments, whatever their amounts."""
    return payments * _euros(shop, PROCESSING_FEE)


def fees(movement: objects.Movement) -> int:
    """All that Adyen and the schemes keep of it."""
    return movement.commission + movement.markup + movement.scheme + movement.interchange
