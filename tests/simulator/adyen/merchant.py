"""A merchant account at the simulated Adyen: plain HTTP, every answer validated, and the official SDK."""

import contextlib
import json
import uuid
from typing import Any

import Adyen
from Adyen import util

from tests.simulator import process
from tests.simulator.adyen import schema

HMAC_KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
VISA, ENROLLED = "4111111111111111", "5454545454545454"
RETURN = "https://shop.example/return?order=1"

Json = dict[str, Any]


def card(number: str = VISA, **changes: Any) -> Json:
    """A card as the documentation's test values have it."""
    return {
        "type": "scheme",
        "encryptedCardNumber": f"test_{number}",
        "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030",
        "encryptedSecurityCode": "test_7373" if number.startswith("37") else "test_737",
        **changes,
    }


class Inbox(process.Inbox):
    """A receiver of notifications."""

    header = "Authorization"

    def items(self) -> list[Json]:
        """The genuine items, in the order they came; each message is what Adyen's document says."""
        found = []
        for _, body in list(self.deliveries):
            message = json.loads(body)
            for wrapped in message.get("notificationItems", ()):
                item = wrapped["NotificationRequestItem"]
                if util.is_valid_hmac_notification({"notificationItems": [wrapped]}, HMAC_KEY):
                    schema.check_notification({**message, "notificationItems": [wrapped]})
                    found.append(item)
        return found

    def tokens(self) -> list[Json]:
        """The genuine messages about tokens, in the order they came; each is what Adyen's document says."""
        found = []
        for head, (_, body) in zip(list(self.heads), list(self.deliveries), strict=False):
            message = json.loads(body)
            signature = head.get("hmacsignature", "")
            if "notificationItems" not in message and util.is_valid_hmac_payload(signature, HMAC_KEY, body):
                schema.check_token(message)
                found.append(message)
        return found

    def wait_token(self, what: str) -> Json:
        """The first message of this kind, once it is there."""
        wanted = f"recurring.token.{what}"
        seen = lambda: next((one for one in self.tokens() if one["type"] == wanted), None)  # noqa: E731
        return process.until(seen, wanted)

    def events(self) -> list[str]:
        """The codes of the genuine items, with a minus before those that tell of no success."""
        return [("" if item["success"] == "true" else "-") + item["eventCode"] for item in self.items()]

    def wait(self, event: str, psp: str | None = None) -> Json:
        """The first item of this code (and pspReference or originalReference), once it is there."""

        def found() -> Json | None:
            for item in self.items():
                if item["eventCode"] == event and psp in {None, item["pspReference"], item.get("originalReference")}:
                    return item
            return None

        return process.until(found, f"{event} among {self.events()}")


class Merchant(process.Account):
    """One merchant account."""

    def __init__(self, simulator: process.Simulator, inbox: Inbox | None = None, **settings: Any) -> None:
        self.key = f"AQE{uuid.uuid4().hex}"
        self.name = f"Merchant{uuid.uuid4().hex[:8]}"
        account = {
            "psp": "adyen",
            "api_key": self.key,
            "webhook_secret": HMAC_KEY,
            "currency": "eur",
            "country": "NL",
            "settings": {"merchant_account": self.name, **settings.pop("settings", {})},
            **settings,
        }
        super().__init__(simulator, inbox, **account)

    def ask(self, method: str, path: str, body: Json | None = None, *, key: str | None = None) -> process.Answer:
        """One request to the Checkout API; the answer is what Adyen's document says."""
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        answer = self.simulator.ask(method, f"/adyen/v72{path}", body, headers)
        if answer.body and answer.headers.get("content-type") == "application/json":
            schema.check(schema.CHECKOUT, method, path, answer.status, answer.json())
        return answer

    def post(self, path: str, body: Json, status: int = 200, *, key: str | None = None) -> Json:
        """A POST that ends with this status."""
        content = {"merchantAccount": self.name, **body} if path != "/payments/details" else body
        if status < 400:
            schema.check_request(path, content)
        answer = self.ask("POST", path, content, key=key)
        assert answer.status == status, answer.body
        found: Json = answer.json()
        return found

    def wish(self, method: Json | None = None, **changes: Any) -> Json:
        """The body of a payment of 20.00."""
        body = {
            "amount": {"value": 2_000, "currency": "EUR"},
            "reference": f"att_{uuid.uuid4().hex[:12]}",
            "returnUrl": RETURN,
            "paymentMethod": method or card(),
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    def pay(self, method: Json | None = None, *, key: str | None = None, **changes: Any) -> Json:
        """A payment of 20.00."""
        return self.post("/payments", self.wish(method, **changes), key=key)

    def hold(self, method: Json | None = None, **changes: Any) -> str:
        """A payment that is authorised and not captured; its pspReference."""
        answer = self.pay(method, additionalData={"manualCapture": "true"}, **changes)
        assert answer["resultCode"] == "Authorised", answer
        psp: str = answer["pspReference"]
        return psp

    def change(self, psp: str, what: str, value: int | None = None, *, currency: str = "EUR", **more: Any) -> Json:
        """A modification."""
        amount = {"amount": {"value": value, "currency": currency}} if value is not None else {}
        return self.post(f"/payments/{psp}/{what}", {**amount, **more}, 201)

    def press(self, url: str, result: str) -> process.Answer:
        """The shopper presses a button on the page of an action."""
        path = url.removeprefix(self.simulator.url)
        assert self.simulator.ask("GET", path).status == 200
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.simulator.ask("POST", path, f"result={result}", headers)

    def act(self, psp: str, action: str) -> process.Answer:
        """What the shopper or time would do."""
        return self.simulator.ask("POST", f"/_sim/adyen/payments/{psp}", {"action": action})

    def line(self, psp: str) -> Json:
        """The line of the book of truth with this id."""
        return next(line for line in self.book() if line["id"] == psp)

    def lines(self, kind: str) -> list[Json]:
        """The lines of one kind in the book of truth."""
        return [line for line in self.book() if line["object"] == kind]

    def sdk(self, timeout: float = 120) -> Any:
        """The official SDK, pointed here."""
        client = Adyen.Adyen(
            xapikey=self.key, platform="test", merchant_account=self.name, http_timeout=timeout, http_force="requests"
        )
        for api in vars(client.checkout).values():
            if hasattr(api, "baseUrl"):
                api.baseUrl = f"{self.simulator.url}/adyen/v72"
        return client.checkout


def forged(inbox: Inbox) -> int:
    """How many items came whose signature does not hold."""
    count = 0
    with contextlib.suppress(ValueError):
        for _, body in list(inbox.deliveries):
            for wrapped in json.loads(body).get("notificationItems", ()):
                count += not util.is_valid_hmac_notification({"notificationItems": [wrapped]}, HMAC_KEY)
    return count
