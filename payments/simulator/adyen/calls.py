"""One request to the simulated Adyen, after authentication and decoding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from payments.simulator.adyen.shop import Shop
from payments.simulator.scenarios import Struck

Json = dict[str, Any]


@dataclass(slots=True)
class Call(Struck):
    """What an operation gets. `args` are the ids in the path."""

    shop: Shop
    body: Json
    args: list[str]
    query: Mapping[str, str]
    base_url: str
    idempotency_key: str | None = None

    def fates(self, *names: str) -> dict[str, float]:
        """The fault of this call as something that happens later, when it is one of these."""
        return {name: seconds for name in names if (seconds := self.fate(name)) is not None}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name for scenarios, the status of its success, its function, whose merchant it names."""

    name: str
    status: int
    run: Callable[[Call], Json | None]
    merchant: bool = True
