"""`expand`: related objects in place of their ids, checked before anything is executed."""

from collections.abc import Callable
from typing import Any

from payments.simulator.stripe import errors, funds, listing, objects, render
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

DEEPEST = 4
# Which fields of an object can be expanded, and what they then are; a balance transaction has many sources.
EXPANDABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "payment_intent": {
        "latest_charge": ("charge",),
        "payment_method": ("payment_method",),
        "customer": ("customer",),
    },
    "charge": {
        "balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
        "customer": ("customer",),
        "failure_balance_transaction": ("balance_transaction",),
        "refunds": (),
    },
    "refund": {
        "charge": ("charge",),
        "payment_intent": ("payment_intent",),
        "balance_transaction": ("balance_transaction",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_method": ("payment_method",),
        "customer": ("customer",),
    },
    "balance_transaction": {"source": ("charge", "refund", "dispute", "payout")},
    "dispute": {"charge": ("charge",), "payment_intent": ("payment_intent",)},
    "payout": {
        "balance_transaction": ("balance_transaction",),
        "failure_balance_transaction": ("balance_transaction",),
    },
    "payment_method": {"customer": ("customer",)},
}


def check(operation: str, wishes: list[Any] | None) -> None:
    """Raises InvalidError for a wish that the answer of this operation cannot fulfil."""
    family, _, verb = operation.partition(".")
    for wish in wishes or ():
        steps = str(wish).split(".")
        if len(steps) > DEEPEST:
            raise errors.InvalidError(f"You cannot expand more than {DEEPEST} levels of a property.", "expand")
        if verb in {"list", "search"} and steps.pop(0) != "data":
            raise _impossible(wish)
        kinds: tuple[str, ...] = (family.removesuffix("s"),)
        for step in steps:
            found = [EXPANDABLE[kind][step] for kind in kinds if step in EXPANDABLE.get(kind, ())]
            if not found:
                raise _impossible(wish)
            kinds = tuple(kind for some in found for kind in some)


def _impossible(wish: Any) -> errors.InvalidError:
    return errors.InvalidError(f"This property cannot be expanded ({wish}).", "expand")


def expand(shop: Shop, shown: Json, wishes: list[Any]) -> None:
    """Replace ids by objects, as far as there are any; the wishes have been checked."""
    listed = shown.get("object") in {"list", "search_result"}
    for wish in wishes:
        steps = str(wish).split(".")
        for item in shown["data"] if listed else [shown]:
            _expand(shop, item, steps[1:] if listed else steps)


def _expand(shop: Shop, shown: Json, steps: list[str]) -> None:
    if not steps:
        return
    name = steps[0]
    if name == "refunds":
        shown[name] = _refunds(shop, shown["id"])
    elif isinstance(shown.get(name), str) and name in EXPANDABLE.get(shown["object"], ()):
        shown[name] = _show(shop, shown[name])
    if isinstance(shown.get(name), dict):
        _expand(shop, shown[name], steps[1:])


def _refunds(shop: Shop, charge_id: str) -> Json:
    newest = reversed(shop.refunds_of(shop.known(objects.Charge, charge_id)))
    return listing.page(newest, {}, lambda refund: render.refund(refund, shop), f"/v1/charges/{charge_id}/refunds")


_TABLES = {
    "pi": "payment_intent",
    "ch": "charge",
    "py": "charge",
    "re": "refund",
    "pyr": "refund",
    "txn": "balance_transaction",
    "cus": "customer",
    "pm": "payment_method",
    "du": "dispute",
    "po": "payout",
}


_RENDER: dict[str, Callable[[Any, Shop], Json]] = {
    "payment_intent": render.payment_intent,
    "charge": render.charge,
    "refund": render.refund,
    "balance_transaction": funds.balance_transaction,
    "dispute": funds.dispute,
    "payout": lambda record, _: funds.payout(record),
    "customer": lambda record, _: render.customer(record),
    "payment_method": lambda record, _: render.payment_method(record),
}


def _show(shop: Shop, object_id: str) -> Json:
    """The object of an id that one of our own objects has."""
    kind = _TABLES[object_id.partition("_")[0]]
    record = shop.tables[kind][object_id]
    return _RENDER[kind](record, shop)
