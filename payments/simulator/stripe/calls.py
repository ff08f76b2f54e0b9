"""One request to the simulated Stripe, after authentication and decoding."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from payments.simulator.scenarios import Scenario
from payments.simulator.stripe import parameters
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """What an operation gets. `params` are typed and known; `args` are the ids in the path."""

    shop: Shop
    params: Json
    args: list[str]
    base_url: str
    idempotency_key: str | None = None
    fault: Scenario | None = None
    now: int = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.shop.now()

    def fate(self, name: str) -> float | None:
        """Seconds until the fault of this name happens to the object of this call; None when it does not."""
        if self.fault is not None and self.fault.fault == name:
            return self.fault.options["seconds"]
        return None

    def wrong(self, amount: int) -> int:
        """The amount, unless a scenario wants it wrong."""
        if self.fault is not None and self.fault.fault == "wrong_amount":
            return max(1, amount + int(self.fault.options["delta"]))
        return amount

    @property
    def outage(self) -> bool:
        """Whether the issuer is out."""
        return self.fault is not None and self.fault.fault == "issuer_outage"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API: its name for scenarios, its parameters, its function.

    The function returns an object, or the text of a file.
    """

    name: str
    spec: parameters.Spec
    run: Callable[[Call], Json | str]
