"""What can be caused at the simulated Adyen."""

from payments.simulator import causes
from payments.simulator.adyen.shop import Shop
from payments.simulator.settlement import Cause

HANDLERS: causes.Handlers = causes.BANK


def happen(shop: Shop, cause: Cause, _: str) -> None:
    """The day of a cause has come."""
    causes.happen(shop, HANDLERS, cause)
