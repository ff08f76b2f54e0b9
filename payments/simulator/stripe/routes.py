"""Which function answers which path of Stripe's API."""

from collections import defaultdict

from payments.simulator.stripe import (
    balance,
    charges,
    customers,
    disputes,
    endpoints,
    files,
    parameters,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    reports,
)
from payments.simulator.stripe.calls import Operation

EXPAND = parameters.EXPAND

_TABLE: dict[str, Operation] = {
    "POST payment_intents": Operation("payment_intents.create", payment_intents.CREATE, payment_intents.create),
    "GET payment_intents": Operation("payment_intents.list", payment_intents.QUERY, payment_intents.list_all),
    "GET payment_intents/search": Operation(
        "payment_intents.search", payment_intents.SEARCH, payment_intents.search_all
    ),
    "GET payment_intents/*": Operation("payment_intents.retrieve", payment_intents.RETRIEVE, payment_intents.retrieve),
    "POST payment_intents/*": Operation("payment_intents.update", payment_intents.UPDATE, payment_intents.update),
    "POST payment_intents/*/confirm": Operation(
        "payment_intents.confirm", payment_intents.CONFIRM, payment_intents.confirm
    ),
    "POST payment_intents/*/capture": Operation(
        "payment_intents.capture", payment_intents.CAPTURE, payment_intents.capture
    ),
    "POST payment_intents/*/cancel": Operation(
        "payment_intents.cancel", payment_intents.CANCEL, payment_intents.cancel
    ),
    "GET charges": Operation("charges.list", charges.QUERY, charges.list_all),
    "GET charges/*": Operation("charges.retrieve", EXPAND, charges.retrieve),
    "POST refunds": Operation("refunds.create", refunds.CREATE, refunds.create),
    "GET refunds": Operation("refunds.list", refunds.LIST, refunds.list_all),
    "GET refunds/*": Operation("refunds.retrieve", EXPAND, refunds.retrieve),
    "POST refunds/*": Operation("refunds.update", refunds.UPDATE, refunds.update),
    "POST refunds/*/cancel": Operation("refunds.cancel", EXPAND, refunds.cancel),
    "POST customers": Operation("customers.create", customers.CREATE, customers.create),
    "GET customers": Operation("customers.list", customers.LIST, customers.list_all),
    "GET customers/*": Operation("customers.retrieve", EXPAND, customers.retrieve),
    "POST customers/*": Operation("customers.update", customers.UPDATE, customers.update),
    "DELETE customers/*": Operation("customers.delete", EXPAND, customers.delete),
    "GET customers/*/payment_methods": Operation(
        "payment_methods.list", payment_methods.LIST, payment_methods.list_all
    ),
    "POST payment_methods": Operation("payment_methods.create", payment_methods.CREATE, payment_methods.create),
    "GET payment_methods": Operation("payment_methods.list", payment_methods.LIST, payment_methods.list_all),
    "GET payment_methods/*": Operation("payment_methods.retrieve", EXPAND, payment_methods.retrieve),
    "POST payment_methods/*": Operation("payment_methods.update", payment_methods.UPDATE, payment_methods.update),
    "POST payment_methods/*/attach": Operation(
        "payment_methods.attach", payment_methods.ATTACH, payment_methods.attach
    ),
    "POST payment_methods/*/detach": Operation("payment_methods.detach", EXPAND, payment_methods.detach),
    "GET disputes": Operation("disputes.list", disputes.LIST, disputes.list_all),
    "GET disputes/*": Operation("disputes.retrieve", EXPAND, disputes.retrieve),
    "POST disputes/*": Operation("disputes.update", disputes.UPDATE, disputes.update),
    "POST disputes/*/close": Operation("disputes.close", EXPAND, disputes.close),
    "GET payouts": Operation("payouts.list", payouts.LIST, payouts.list_all),
    "POST payouts": Operation("payouts.create", payouts.CREATE, payouts.create),
    "GET payouts/*": Operation("payouts.retrieve", EXPAND, payouts.retrieve),
    "POST payouts/*/cancel": Operation("payouts.cancel", EXPAND, payouts.cancel),
    "POST reporting/report_runs": Operation("report_runs.create", reports.CREATE, reports.create),
    "GET reporting/report_runs": Operation("report_runs.list", parameters.PAGE, reports.list_all),
    "GET reporting/report_runs/*": Operation("report_runs.retrieve", EXPAND, reports.retrieve),
    "POST files": Operation("files.create", files.CREATE, files.create),
    "GET files/*": Operation("files.retrieve", EXPAND, files.retrieve),
    "GET files/*/contents": Operation("files.download", EXPAND, files.download),
    "POST webhook_endpoints": Operation("webhook_endpoints.create", endpoints.CREATE, endpoints.create),
    "GET webhook_endpoints": Operation("webhook_endpoints.list", parameters.PAGE, endpoints.list_all),
    "GET webhook_endpoints/*": Operation("webhook_endpoints.retrieve", EXPAND, endpoints.retrieve),
    "POST webhook_endpoints/*": Operation("webhook_endpoints.update", endpoints.UPDATE, endpoints.update),
    "DELETE webhook_endpoints/*": Operation("webhook_endpoints.delete", EXPAND, endpoints.delete),
    "GET account": Operation("account.retrieve", EXPAND, endpoints.account),
    "GET balance": Operation("balance.retrieve", EXPAND, balance.current),
    "GET balance_transactions": Operation("balance_transactions.list", balance.LIST, balance.list_all),
    "GET balance_transactions/*": Operation("balance_transactions.retrieve", EXPAND, balance.retrieve),
    "GET events": Operation("events.list", charges.EVENTS, charges.list_events),
    "GET events/*": Operation("events.retrieve", EXPAND, charges.retrieve_event),
}

Pattern = tuple[list[str], Operation]
_BY_SHAPE: defaultdict[tuple[str, int], list[Pattern]] = defaultdict(list)
for _key, _operation in _TABLE.items():
    _method, _path = _key.split(" ")
    _steps = _path.split("/")
    _BY_SHAPE[_method, len(_steps)].append((_steps, _operation))


def find(method: str, path: str) -> tuple[Operation, list[str]] | None:
    """The operation and the ids in the path (without /v1/); None when Stripe has no such URL."""
    steps = path.split("/")
    for pattern, operation in _BY_SHAPE.get((method, len(steps)), ()):
        if all(wanted in {"*", given} for wanted, given in zip(pattern, steps, strict=True)):
            args = [given for wanted, given in zip(pattern, steps, strict=True) if wanted == "*"]
            return operation, args
    return None


def operations() -> list[str]:
    """The names that scenarios may use."""
    return sorted({operation.name for operation in _TABLE.values()})
