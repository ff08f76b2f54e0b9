"""The life of an order: its status is derived from money."""

from enum import StrEnum

from payments.kernel.machine import Machine


class OrderStatus(StrEnum):
    """What an order's money says about it."""

    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    CANCELED = "canceled"
    EXPIRED = "expired"


S = OrderStatus
_MONEY = (S.OPEN, S.PARTIALLY_PAID, S.PAID, S.PARTIALLY_REFUNDED, S.REFUNDED)

EVENTS = {
    S.OPEN: "reopen",
    S.PARTIALLY_PAID: "pay_part",
    S.PAID: "pay",
    S.PARTIALLY_REFUNDED: "refund_part",
    S.REFUNDED: "refund",
}
"""The event that leads to each status derived from money."""

ORDER = Machine(
    S.OPEN,
    {
        **{(state, EVENTS[target]): target for state in _MONEY for target in _MONEY if state is not target},
        (S.OPEN, "cancel"): S.CANCELED,
        (S.OPEN, "expire"): S.EXPIRED,
    },
)


def derived(total: int, paid: int, refunded: int) -> OrderStatus:
    """The status that an order's amounts (minor units) give it, while it is neither canceled nor expired."""
    back_for_too_much = min(refunded, max(0, paid - total))  # what was paid twice and went back is no return of goods
    paid, refunded = paid - back_for_too_much, refunded - back_for_too_much
    if paid > 0 and refunded >= paid:
        return S.REFUNDED
    if refunded > 0:
        return S.PARTIALLY_REFUNDED
    if paid >= total:
        return S.PAID
    return S.PARTIALLY_PAID if paid > 0 else S.OPEN
