"""A shop that is paid through Adyen: what its page sends us, and what comes back of it."""

import urllib.parse
import urllib.request
from typing import Any

from payments.webhooks.models import InboundEvent
from tests import factories
from tests.connectors.adyen_bench import ENROLLED, VISA, fields
from tests.connectors.benches import StayHere

ACCOUNT = "adyen-eu"
RETURN_URL = "https://shop.example/done"


def card(number: str = VISA, holder: str = "Ada Lovelace") -> dict[str, Any]:
    """The body of a confirmation with what Adyen's card fields give."""
    given = fields(number, holder)
    return {"payment_method": {"type": "card", "provider_account": ACCOUNT, "details": given}, "return_url": RETURN_URL}


def intent(shop: factories.Shop, amount: int = 3000, **facts: Any) -> dict[str, Any]:
    """An intent for an order from the Netherlands."""
    return shop.intent(shop.order(amount, "EUR", country="NL"), **facts)


def confirm(shop: factories.Shop, wish: dict[str, Any], holder: str = "Ada Lovelace") -> dict[str, Any]:
    """Pay it by card."""
    return shop.post(f"payment_intents/{wish['id']}/confirm", card(holder=holder))


def paid(shop: factories.Shop, **facts: Any) -> dict[str, Any]:
    """A payment that has succeeded, or is reserved."""
    return confirm(shop, intent(shop, **facts))


def challenged(shop: factories.Shop, **facts: Any) -> dict[str, Any]:
    """A payment whose customer is at the bank's page."""
    wish = intent(shop, **facts)
    waiting = shop.post(f"payment_intents/{wish['id']}/confirm", card(ENROLLED))
    assert (waiting["status"], waiting["next_action"]["type"]) == ("requires_action", "redirect")
    return waiting


def answer(waiting: dict[str, Any], result: str = "success") -> str:
    """Press a button on the bank's page: the path of ours that the customer is sent back to."""
    request = urllib.request.Request(waiting["next_action"]["url"], data=f"result={result}".encode())  # noqa: S310
    with urllib.request.build_opener(StayHere).open(request, timeout=120) as page:
        back = urllib.parse.urlsplit(page.headers["Location"])
    return f"{back.path}?{back.query}"


def told(code: str, count: int = 1) -> None:
    """Wait until Adyen has said so, and act on it."""
    factories.until(lambda: InboundEvent.objects.filter(type=code).count() >= count)
    factories.work()
