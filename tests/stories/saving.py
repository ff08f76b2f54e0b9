"""How a customer saves a card at either PSP, and what the shop does with it later."""

import json
import os
import urllib.parse
import urllib.request
from typing import Any

from payments.connectors.base import Verdict
from payments.gateway import accounts
from payments.methods.models import PaymentMethodToken
from payments.webhooks.models import InboundEvent
from tests import factories
from tests.connectors.adyen_bench import ENROLLED, VISA, fields
from tests.stories import adyen, methods

CARDS = {
    "stripe": ("pm_card_visa", "pm_card_authenticationRequired"),
    "adyen": (VISA, ENROLLED),
}


def customer(shop: factories.Shop, **facts: Any) -> str:
    """A customer of the shop."""
    known = {"reference": "ada", "email": "ada@example.com", "name": "Ada Lovelace", **facts}
    return str(shop.post("customers", known)["id"])


def intent(shop: factories.Shop, customer_id: str, **facts: Any) -> dict[str, Any]:
    """What the customer owes."""
    order = shop.order(3000, "EUR", country="NL", customer=customer_id)
    return shop.intent(order, **facts)


def save(
    shop: factories.Shop,
    sim: factories.Simulator,
    customer_id: str,
    psp: str,
    *,
    challenged: bool = False,
    usage: str = "off_session",
) -> dict[str, Any]:
    """Pay, and let the PSP keep the card; what the customer has saved since."""
    wish = intent(shop, customer_id, setup_future_usage=usage)
    asked = methods.confirm(shop, wish, "card", psp, **given(psp, challenged=challenged))
    assert asked["status"] == ("requires_action" if challenged else "succeeded"), asked
    done = methods.pays(shop, sim, asked, psp)
    assert done["status"] == "succeeded"
    factories.work()
    return dict(listed(shop, customer_id)[0])


def given(psp: str, *, challenged: bool = False) -> dict[str, Any]:
    """What the customer's fields give."""
    card = CARDS[psp][challenged]
    return {"token": card} if psp == "stripe" else {"details": fields(card)}


def listed(shop: factories.Shop, customer_id: str) -> list[dict[str, Any]]:
    """What the customer can pay with again."""
    return list(shop.get(f"customers/{customer_id}/payment_methods")["data"])


def charge(shop: factories.Shop, wish: dict[str, Any], method: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """Pay with what is saved."""
    body = {"saved_payment_method": method["id"], "return_url": adyen.RETURN_URL, **facts}
    return shop.post(f"payment_intents/{wish['id']}/confirm", body)


def kept() -> list[str]:
    """The tokens that PSPs keep still, of all that they ever did for us."""
    return [
        row.token
        for row in PaymentMethodToken.objects.all()
        if accounts.connector(accounts.account(row.account_id)).look_up_method(row.payer, row.token).verdict
        is not Verdict.DECLINED
    ]


def token() -> str:
    """The one by which a card can be paid with."""
    return PaymentMethodToken.objects.get(retired_at=None).token


def at_stripe(path: str, params: dict[str, str]) -> None:
    """Something happens to a card there, and nobody of ours has asked for it."""
    request = urllib.request.Request(  # noqa: S310  loopback
        f"{os.environ['SIMULATOR_URL']}/v1/{path}",
        data=urllib.parse.urlencode(params).encode(),
        method="POST",
        headers={"authorization": f"Bearer {os.environ['STRIPE_US_API_KEY']}"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        assert answer.status == 200


def told(type_: str) -> None:
    """Wait until the PSP has said so, and act on it."""
    factories.until(lambda: InboundEvent.objects.filter(type=type_).exists())
    factories.work()


def at_adyen(sim: factories.Simulator, action: dict[str, str]) -> None:
    """What a network or an issuer does to a card that is stored there."""
    request = urllib.request.Request(  # noqa: S310  loopback
        f"{sim.url}/_sim/adyen/tokens/{token()}",
        data=json.dumps(action).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        assert answer.status == 200
