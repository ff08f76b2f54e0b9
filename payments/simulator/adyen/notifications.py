"""Notifications: made when something happens, signed, kept, delivered until accepted."""

import base64
import functools
import hashlib
import hmac
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from payments.simulator.accounts import Account
from payments.simulator.adyen import objects
from payments.simulator.adyen.shop import PSP, Shop
from payments.simulator.notifier import Delivery
from payments.simulator.scenarios import Facts
from payments.simulator.tables import dumps, packed, unpacked

Json = dict[str, Any]

# Where Adyen's clocks stand, all year round.
ZONE = timezone(timedelta(hours=1), "CET")
GUESSED_KEY = "00" * 32
# How the events begin whose messages have no items: a header signs the whole body.
WHOLE = "recurring.token."


@dataclass(slots=True)
class News:
    """What a notification says. `psp` is the thing itself, `original` the payment it belongs to."""

    event: str
    psp: str
    reference: str
    amount: int
    currency: str
    success: bool = True
    original: str | None = None
    method: str | None = None
    reason: str = ""
    # additionalData, and what stands beside it in the item.
    more: Json = field(default_factory=dict)
    beside: Json = field(default_factory=dict)


def about(payment: objects.Payment, event: str, **more: Any) -> News:
    """News of the payment itself, unless `more` says otherwise."""
    facts = {
        "psp": payment.id,
        "reference": payment.reference,
        "amount": payment.amount,
        "currency": payment.currency,
        "method": payment.variant,
        "more": {"paymentMethodVariant": payment.variant},
    }
    return News(event=event, **{**facts, **more})


def moment(seconds: int) -> str:
    """ISO 8601 with offset, as everywhere in Adyen's messages."""
    return datetime.fromtimestamp(seconds, ZONE).isoformat()


def signature(item: Json, key: str) -> str:
    """The HMAC of one item. Source: docs.adyen.com/development-resources/webhooks/verify-hmac-signatures."""
    amount = item["amount"]
    signed = (
        item["pspReference"],
        item.get("originalReference", ""),
        item["merchantAccountCode"],
        item["merchantReference"],
        str(amount["value"]),
        amount["currency"],
        item["eventCode"],
        item["success"],
    )
    digest = hmac.new(bytes.fromhex(key), ":".join(signed).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def tell(shop: Shop, news: News) -> None:
    """Keep the notification, and send it to the account's endpoint when it wants this event."""
    now = shop.now()
    item: Json = {
        "additionalData": dict(news.more),
        "amount": {"currency": news.currency, "value": news.amount},
        "eventCode": news.event,
        "eventDate": moment(now),
        "merchantAccountCode": shop.merchant,
        "merchantReference": news.reference,
        "pspReference": news.psp,
        "reason": news.reason,
        "success": "true" if news.success else "false",
        **news.beside,
    }
    if news.original:
        item["originalReference"] = news.original
    if news.method:
        item["paymentMethod"] = news.method
    if key := shop.account.webhook_secret:
        # Signed when it is made: after a change of keys the waiting ones still bear the old one.
        item["additionalData"]["hmacSignature"] = signature(item, key)
    body = dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]})
    keep(shop, news.event, packed(body), news.method)


def keep(shop: Shop, event: str, body: bytes, method: str | None) -> None:
    """Keep a finished message, and send it to the account's endpoint when it wants this event."""
    wanted = bool(shop.account.webhook_url) and not {"*", event}.isdisjoint(shop.account.events)
    record = objects.Notification(shop.new_psp(), shop.now(), event, body, method, waiting=wanted)
    shop.save(record)
    if wanted:
        submit(shop, record)


def submit(shop: Shop, record: objects.Notification) -> None:
    """Hand one notification to the notifier."""
    shop.world.notifier.submit(
        Delivery(
            account=shop.account.code,
            id=record.id,
            facts=Facts(method=record.method, event=record.event),
            channel=(WholeChannel if record.event.startswith(WHOLE) else AdyenChannel)(shop.account),
            body=functools.partial(_body, record),
            created=record.created,
            done=functools.partial(_delivered, shop, record),
        )
    )


def _body(record: objects.Notification) -> bytes:
    return unpacked(record.body)


def _delivered(shop: Shop, record: objects.Notification) -> None:
    if record.waiting:
        record.waiting = False
        shop.world.journal.note(shop.account.code, f"{PSP}.delivered", record.id, {"id": record.id})


def resume(shop: Shop) -> None:
    """After a restart: deliver what had not been delivered."""
    for record in list(shop.tables["notification"].values()):
        if record.waiting:
            submit(shop, record)


@dataclass(frozen=True, slots=True)
class AdyenChannel:
    """The account's webhook endpoint: its address, and the basic authentication it may ask for."""

    account: Account

    @property
    def url(self) -> str:
        """Where to."""
        return self.account.webhook_url

    def headers(self, _body: bytes, _now: int) -> dict[str, str]:
        """The signature stands in the items, so a header is needed only for the endpoint's own lock."""
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Adyen HttpClient 1.0"}
        user = self.account.settings.get("webhook_user")
        if user:
            credentials = f"{user}:{self.account.settings.get('webhook_password', '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        return headers

    def forge(self, body: bytes, now: int) -> tuple[dict[str, str], bytes]:
        """A hundred times the amount under a guessed key; every other time behind the genuine item."""
        message = orjson.loads(body)
        genuine = message["notificationItems"][0]["NotificationRequestItem"]
        forged = orjson.loads(dumps(genuine))
        forged["amount"]["value"] *= 100
        forged["pspReference"] = f"{forged['pspReference'][:-4]}FAKE"
        forged.setdefault("additionalData", {})["hmacSignature"] = signature(forged, GUESSED_KEY)
        item = {"NotificationRequestItem": forged}
        second = zlib.crc32(body) % 2 == 0
        message["notificationItems"] = [*message["notificationItems"], item] if second else [item]
        return self.headers(body, now), dumps(message)

    def accepts(self, status: int, _answer: bytes) -> bool:
        """Any 2xx; what older receivers write into the body is not read."""
        return 200 <= status < 300


def payload_signature(body: bytes, key: str) -> str:
    """The HMAC of a whole body. Source: docs.adyen.com/development-resources/webhooks/secure-webhooks."""
    return base64.b64encode(hmac.new(bytes.fromhex(key), body, hashlib.sha256).digest()).decode()


@dataclass(frozen=True, slots=True)
class WholeChannel(AdyenChannel):
    """The same endpoint for the newer kinds, whose signature stands in a header."""

    def headers(self, body: bytes, now: int) -> dict[str, str]:
        """With the signature, when the account has a key."""
        headers = AdyenChannel.headers(self, body, now)
        if key := self.account.webhook_secret:
            headers |= {"HmacSignature": payload_signature(body, key), "Protocol": "HmacSHA256"}
        return headers

    def forge(self, body: bytes, now: int) -> tuple[dict[str, str], bytes]:
        """Another token under a guessed key."""
        message = orjson.loads(body)
        message["data"]["storedPaymentMethodId"] = f"{message['data']['storedPaymentMethodId'][:-4]}FAKE"
        forged = dumps(message)
        return {**self.headers(body, now), "HmacSignature": payload_signature(forged, GUESSED_KEY)}, forged
