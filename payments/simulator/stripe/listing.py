"""Lists: newest first, `limit`, `starting_after`, `ending_before`, `created`; `expand` of related objects."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from payments.simulator.stripe import errors, objects, render
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]
R = TypeVar("R", bound=objects.Record)


def page(newest_first: Iterable[R], params: Json, show: Callable[[R], Json], url: str) -> Json:
    """One page of a list."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise errors.InvalidError("Limit must be between 1 and 100.", "limit", "parameter_invalid_integer")
    records, has_more = _cut(_created(newest_first, params.get("created")), params, limit)
    return {"object": "list", "data": [show(record) for record in records], "has_more": has_more, "url": url}


def _cut(records: Iterable[R], params: Json, limit: int) -> tuple[list[R], bool]:
    after, before = params.get("starting_after"), params.get("ending_before")
    if before:
        earlier: list[R] = []
        for record in records:
            if record.id == before:
                return earlier[-limit:], len(earlier) > limit
            earlier.append(record)
        raise errors.MissingError("object", before, "ending_before", status=400)
    taken: list[R] = []
    skipping = after is not None
    for record in records:
        if skipping:
            skipping = record.id != after
            continue
        if len(taken) == limit:
            return taken, True
        taken.append(record)
    if skipping:
        raise errors.MissingError("object", str(after), "starting_after", status=400)
    return taken, False


_BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda moment, bound: moment > bound,
    "gte": lambda moment, bound: moment >= bound,
    "lt": lambda moment, bound: moment < bound,
    "lte": lambda moment, bound: moment <= bound,
}


def _created(records: Iterable[R], wanted: Any) -> Iterable[R]:
    if wanted is None:
        return records
    bounds = wanted if isinstance(wanted, dict) else {"gte": wanted, "lte": wanted}
    try:
        tests = [(_BOUNDS[name], int(value)) for name, value in bounds.items()]
    except (KeyError, TypeError, ValueError) as error:
        raise errors.InvalidError("Invalid created: gt, gte, lt, lte with Unix times", "created") from error
    return (record for record in records if all(test(record.created, bound) for test, bound in tests))


EXPANDABLE = {
    "payment_intent": {"latest_charge", "payment_method", "customer"},
    "charge": {"balance_transaction", "payment_intent", "customer", "failure_balance_transaction", "refunds"},
    "refund": {"charge", "payment_intent", "balance_transaction", "failure_balance_transaction", "payment_method"},
    "balance_transaction": {"source"},
    "dispute": {"charge", "payment_intent"},
    "payout": {"balance_transaction"},
    "payment_method": {"customer"},
    "customer": set[str](),
}


def expand(shop: Shop, shown: Json, wishes: Any) -> None:
    """Replace ids by objects where the caller asked for it. Raises InvalidError for what has no object."""
    if not isinstance(wishes, list):
        raise errors.InvalidError("Invalid array", "expand")
    for wish in wishes:
        steps = str(wish).split(".")
        if len(steps) > 4:
            raise errors.InvalidError("You cannot expand more than 4 levels of a property.", "expand")
        if shown.get("object") in {"list", "search_result"}:
            if steps[0] != "data":
                raise _not_expandable(wish)
            for item in shown["data"]:
                _expand(shop, item, steps[1:], wish)
        else:
            _expand(shop, shown, steps, wish)


def _not_expandable(wish: Any) -> errors.InvalidError:
    return errors.InvalidError(f"This property cannot be expanded ({wish}).", "expand")


def _expand(shop: Shop, shown: Json, steps: list[str], wish: Any) -> None:
    if not steps:
        return
    name = steps[0]
    if name not in EXPANDABLE.get(shown.get("object", ""), ()):
        raise _not_expandable(wish)
    if name == "refunds":
        charge = shop.known(objects.Charge, shown["id"])
        newest = reversed(shop.refunds_of(charge))
        url = f"/v1/charges/{charge.id}/refunds"
        shown[name] = page(newest, {}, lambda refund: render.refund(refund, shop), url)
    elif isinstance(shown.get(name), str):
        shown[name] = show(shop, shown[name])
    if isinstance(shown.get(name), dict) and name != "refunds":
        _expand(shop, shown[name], steps[1:], wish)


def show(shop: Shop, object_id: str) -> Json:
    """Any object by its id alone."""
    for table in _TABLES.get(object_id.partition("_")[0], ()):
        record = shop.tables[table].get(object_id)
        if record is not None:
            return any_object(shop, record)
    raise errors.MissingError("object", object_id)


_TABLES = {
    "pi": ("payment_intent",),
    "ch": ("charge",),
    "py": ("charge",),
    "re": ("refund",),
    "pyr": ("refund",),
    "txn": ("balance_transaction",),
    "cus": ("customer",),
    "pm": ("payment_method",),
    "du": ("dispute",),
    "po": ("payout",),
}


def any_object(shop: Shop, record: objects.Record) -> Json:
    """A record as its object."""
    match record:
        case objects.PaymentIntent():
            return render.payment_intent(record, shop)
        case objects.Charge():
            return render.charge(record, shop)
        case objects.Refund():
            return render.refund(record, shop)
        case objects.BalanceTransaction():
            return render.balance_transaction(record, shop)
        case objects.Customer():
            return render.customer(record)
        case objects.PaymentMethod():
            return render.payment_method(record)
        case _:
            raise errors.MissingError(record.kind, record.id)
