"""Which function answers which path of Adyen's APIs."""

from payments.simulator.adyen import details, disputes, modifications, payments, sessions, stored
from payments.simulator.adyen.calls import Operation

CHECKOUT = "v72"
DISPUTES = "ca/services/DisputeService/v30"

_TABLE: dict[str, Operation] = {
    f"POST {CHECKOUT}/paymentMethods": Operation("payment_methods", 200, payments.available),
    f"POST {CHECKOUT}/payments": Operation("payments", 200, payments.create),
    f"POST {CHECKOUT}/payments/details": Operation("payments.details", 200, details.finish, merchant=False),
    f"POST {CHECKOUT}/payments/*/captures": Operation("captures", 201, modifications.capture),
    f"POST {CHECKOUT}/payments/*/refunds": Operation("refunds", 201, modifications.refund),
    f"POST {CHECKOUT}/payments/*/cancels": Operation("cancels", 201, modifications.cancel),
    f"POST {CHECKOUT}/payments/*/reversals": Operation("reversals", 201, modifications.reverse),
    f"POST {CHECKOUT}/payments/*/amountUpdates": Operation("amount_updates", 201, modifications.update_amount),
    f"POST {CHECKOUT}/cancels": Operation("technical_cancels", 201, modifications.technical_cancel),
    f"POST {CHECKOUT}/sessions": Operation("sessions", 201, sessions.create),
    f"GET {CHECKOUT}/sessions/*": Operation("sessions.retrieve", 200, sessions.retrieve, merchant=False),
    f"GET {CHECKOUT}/storedPaymentMethods": Operation("stored_payment_methods.list", 200, stored.list_all),
    f"DELETE {CHECKOUT}/storedPaymentMethods/*": Operation("stored_payment_methods.delete", 204, stored.delete),
    f"POST {DISPUTES}/retrieveApplicableDefenseReasons": Operation("disputes.reasons", 200, disputes.reasons),
    f"POST {DISPUTES}/supplyDefenseDocument": Operation("disputes.supply", 200, disputes.supply),
    f"POST {DISPUTES}/deleteDisputeDefenseDocument": Operation("disputes.remove", 200, disputes.remove),
    f"POST {DISPUTES}/defendDispute": Operation("disputes.defend", 200, disputes.defend),
    f"POST {DISPUTES}/acceptDispute": Operation("disputes.accept", 200, disputes.accept),
}
_STEPS = [(key.split(" ")[0], key.split(" ")[1].split("/"), operation) for key, operation in _TABLE.items()]


def find(method: str, path: str) -> tuple[Operation, list[str]] | None:
    """The operation and the ids in the path (without the leading /adyen/); None when there is no such path."""
    steps = path.split("/")
    for wanted_method, pattern, operation in _STEPS:
        if (
            wanted_method == method
            and len(pattern) == len(steps)
            and all(wanted in {"*", given} for wanted, given in zip(pattern, steps, strict=True))
        ):
            return operation, [given for wanted, given in zip(pattern, steps, strict=True) if wanted == "*"]
    return None
