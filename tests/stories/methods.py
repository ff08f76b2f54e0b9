"""Every payment method as its customers pay it: one row each, and how to play the customer at either PSP."""

import json
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils import timezone

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.webhooks.models import InboundEvent
from tests import factories
from tests.connectors.adyen_bench import fields
from tests.stories import adyen

ACCOUNTS: Final = {"stripe": "stripe-us", "adyen": "adyen-eu"}
DAY: Final = 86_400


@dataclass(frozen=True)
class Row:
    """A customer's country and currency, what their fields give at either PSP, and what they are shown."""

    country: str
    currency: str
    stripe: str = "redirect"
    adyen: str = "redirect"
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    amount: int = 30_000


def both(**details: str) -> dict[str, dict[str, Any]]:
    """The same details at both PSPs."""
    return {psp: {"details": details} for psp in ACCOUNTS}


def wallet(name: str) -> dict[str, dict[str, Any]]:
    """At Stripe a wallet makes a card's token."""
    return {"stripe": {"token": "pm_card_visa"}, "adyen": {"details": {name: "eyJ2"}}}


ROWS: Final[dict[str, Row]] = {
    "card": Row("US", "USD", "", "", {"stripe": {"token": "pm_card_visa"}, "adyen": {"details": fields()}}),
    "apple_pay": Row("US", "USD", "", "", wallet("applePayToken")),
    "google_pay": Row("US", "USD", "", "", wallet("googlePayToken")),
    "paypal": Row("DE", "EUR"),
    "klarna": Row("SE", "SEK"),
    "ideal": Row("NL", "EUR"),
    "bancontact": Row("BE", "EUR", given={"adyen": {"details": {}}}),
    "sepa_debit": Row("DE", "EUR", "", "", both(iban="DE89370400440532013000", holder_name="Ada Lovelace")),
    "blik": Row("PL", "PLN", "await", "await", both(code="777123")),
    "p24": Row("PL", "PLN", given={"stripe": {"details": {"bank": "ing"}}, "adyen": {"details": {"bank": "154"}}}),
    "multibanco": Row("PT", "EUR", "voucher", "voucher"),
    "mb_way": Row("PT", "EUR", "await", "await", both(phone="+351912345678")),
    "twint": Row("CH", "CHF"),
    "boleto": Row(
        "BR", "BRL", "voucher", "voucher",
        both(tax_id="00000000000", address="Av. Paulista 1", city="São Paulo", state="SP", postal_code="01310-100"),
    ),
    "pix": Row("BR", "BRL", "qr", "qr"),
    "oxxo": Row("MX", "MXN", "voucher", "voucher"),
    "konbini": Row("JP", "JPY", "voucher", "voucher", both(phone="0312345678")),
    "alipay": Row("CN", "CNY"),
    "wechat_pay": Row("CN", "CNY", "qr", "qr"),
    "upi": Row("IN", "INR", "redirect", "await", both(upi_id="ada@bank")),
    "cashapp": Row("US", "USD"),
}  # fmt: skip


def everywhere() -> None:
    """Every account serves every country and currency."""
    ProviderAccount.objects.update(countries=[], currencies=[])
    accounts.forget()


def order(shop: factories.Shop, row: Row, name: str = "Ada Lovelace") -> dict[str, Any]:
    """An order of a customer who is known by name."""
    facts = {"reference": f"ada-{timezone.now().timestamp()}", "email": "ada@example.com", "name": name}
    customer = shop.post("customers", facts)["id"]
    return shop.order(row.amount, row.currency, country=row.country, customer=customer)


def confirm(shop: factories.Shop, intent: dict[str, Any], code: str, psp: str, **facts: Any) -> dict[str, Any]:
    """Pay with a method at a PSP."""
    given = {**ROWS[code].given.get(psp, {}), **facts} if code in ROWS else facts
    method = {"type": code, "provider_account": ACCOUNTS[psp], **given}
    body = {"payment_method": method, "return_url": adyen.RETURN_URL}
    return shop.post(f"payment_intents/{intent['id']}/confirm", body)


def step(waiting: dict[str, Any]) -> str:
    """Adyen's reference of the payment that waits for its customer."""
    call = ProviderCall.objects.get(owner_id=waiting["latest_attempt"]["id"], kind="authorize")
    return str(call.raw.get("step_reference") or call.provider_reference)


def acts(sim: factories.Simulator, reference: str, action: str = "pay") -> None:
    """What a customer of Adyen's does at a counter or in an app, or what time does."""
    address = f"{sim.url}/_sim/adyen/payments/{reference}"
    request = urllib.request.Request(  # noqa: S310  loopback
        address, data=json.dumps({"action": action}).encode(), headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        assert json.load(answer)["done"]


def told(count: int = 1) -> None:
    """Wait until the PSP has said what came of a payment, and act on it."""
    codes = ("AUTHORISATION", "payment_intent.succeeded", "payment_intent.payment_failed")
    factories.until(lambda: InboundEvent.objects.filter(type__in=codes).count() >= count)
    factories.work()


def pays(shop: factories.Shop, sim: factories.Simulator, waiting: dict[str, Any], psp: str) -> dict[str, Any]:
    """The customer does what there is to do, and the PSP tells; the intent as it is then."""
    done = waiting["status"] in ("succeeded", "requires_capture")
    kind = (waiting["next_action"] or {}).get("type", "")
    if psp == "stripe" and waiting["status"] == "processing":
        days_later(sim)
    elif psp == "stripe":
        if not done:
            sim.challenge(waiting["latest_attempt"]["provider_reference"], "success")
        told() if waiting["capture_method"] == "automatic" else factories.work()
    else:
        if kind == "redirect":
            shop.http.get(adyen.answer(waiting))
        elif not done:
            acts(sim, step(waiting))
        told()
    return shop.get(f"payment_intents/{waiting['id']}")


def paid_late(shop: factories.Shop, sim: factories.Simulator, code: str, psp: str) -> dict[str, Any]:
    """A voucher that is paid after the order was paid by card; the intent as it is then."""
    intent = shop.intent(order(shop, ROWS[code]))
    waiting = confirm(shop, intent, code, psp)
    assert confirm(shop, waiting, "card", "stripe")["status"] == "succeeded"
    if psp == "stripe":  # before our cancel has reached it
        sim.challenge(waiting["latest_attempt"]["provider_reference"], "success")
    else:
        acts(sim, step(waiting))
    told(2)
    return shop.get(f"payment_intents/{intent['id']}")


def days_later(sim: factories.Simulator) -> None:
    """Days later Stripe says how it is when it is asked; its news are signed on another day than ours."""
    sim.advance(4 * DAY)
    ProviderCall.objects.filter(look_at__isnull=False).update(look_at=timezone.now())
    factories.work()
