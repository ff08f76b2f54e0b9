"""One request to the simulated Stripe, after authentication and decoding."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from payments.simulator.scenarios import Struck
from payments.simulator.stripe import parameters
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]


@dataclass(slots=True)
class Call(Struck):
    """What an operation gets. `params` are typed and known; `args` are the ids in the path."""

    shop: Shop
    params: Json
    args: list[str]
    base_url: str
    idempotency_key: str | None = None
    now: int = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.shop.now()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API: its name for scenarios, its parameters, its function.

    The function returns an object, or the text of a file.
    """

    name: str
    spec: parameters.Spec
    run: Callable[[Call], Json | str]
