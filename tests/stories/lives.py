"""Lives of payments at either PSP, act by act: what the shop, its customer and the PSP do between the notifications."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from payments.kernel.jobs import Queue
from tests import factories
from tests.connectors.adyen_bench import ENROLLED, fields
from tests.stories import adyen, methods

AMOUNT: Final = 30_000
CARDS: Final[Mapping[str, Mapping[str, dict[str, Any]]]] = {
    "good": {"stripe": {"token": "pm_card_visa"}, "adyen": {"details": fields()}},
    "refused": {
        "stripe": {"token": "pm_card_visa_chargeDeclinedInsufficientFunds"},
        "adyen": {"details": fields(holder="NOT_ENOUGH_BALANCE")},
    },
    "asked": {"stripe": {"token": "pm_card_threeDSecure2Required"}, "adyen": {"details": fields(ENROLLED)}},
}
OPERATIONS: Final = {
    "stripe": {
        "authorize": "payment_intents.confirm",
        "capture": "payment_intents.capture",
        "cancel": "payment_intents.cancel",
        "refund": "refunds.create",
    },
    "adyen": {"authorize": "payments", "capture": "captures", "cancel": "cancels", "refund": "refunds"},
}
"""The PSP's name of what each of our calls asks for."""


@dataclass
class Payment:
    """One payment of one shop at one PSP, and what can be done with it."""

    shop: factories.Shop
    sim: factories.Simulator
    psp: str
    wish: dict[str, Any] = field(default_factory=dict)

    def begin(self, *, country: str = "NL", currency: str = "EUR", **facts: Any) -> None:
        """The order and its intent."""
        row = methods.Row(country, currency, amount=AMOUNT)
        self.wish = self.shop.intent(methods.order(self.shop, row), **facts)

    @property
    def shown(self) -> dict[str, Any]:
        """As the client sees it now."""
        return self.shop.get(f"payment_intents/{self.wish['id']}")

    def pay(self, card: str = "good", method: str = "card") -> dict[str, Any]:
        """The customer pays."""
        given = CARDS[card][self.psp] if method == "card" else {}
        return methods.confirm(self.shop, self.wish, method, self.psp, **given)

    def ask(self, verb: str, **facts: Any) -> None:
        """Capture or cancel."""
        self.shop.post(f"payment_intents/{self.wish['id']}/{verb}", facts)

    def give_back(self, amount: int) -> None:
        """A refund, sent."""
        asked = {"payment_intent": self.wish["id"], "reason": "damaged", "amount": amount}
        self.shop.post("refunds", asked)
        factories.work(Queue.MONEY)

    def fault(self, verb: str, fault: str, **facts: Any) -> None:
        """Let the next such call of ours have this fate."""
        account = methods.ACCOUNTS[self.psp]
        self.sim.scenario(OPERATIONS[self.psp][verb], fault, account=account, times=1, **facts)


Life = Callable[[Payment], Iterator[str]]
"""It yields after each act: notifications may come now. What it yields is the status that the next act needs, or ""."""


def reserved_captured_and_partly_refunded(payment: Payment) -> Iterator[str]:
    """As goods are shipped, and some of them come back."""
    payment.begin(capture_method="manual")
    payment.pay()
    yield "requires_capture"
    payment.ask("capture")
    yield "succeeded"
    payment.give_back(AMOUNT // 3)
    yield ""


def declined_then_paid(payment: Payment) -> Iterator[str]:
    """A second card."""
    payment.begin()
    payment.pay("refused")
    yield "requires_payment_method"
    payment.pay()
    yield ""


def captured_in_part(payment: Payment) -> Iterator[str]:
    """The rest is released."""
    payment.begin(capture_method="manual")
    payment.pay()
    yield "requires_capture"
    payment.ask("capture", amount=AMOUNT // 2)
    yield ""


def capture_fails_later(payment: Payment) -> Iterator[str]:
    """Money that was taken is not ours after all."""
    payment.begin()
    payment.fault("authorize", "late_capture_failure", seconds=1)
    payment.pay()
    yield ""


def refund_bounces(payment: Payment) -> Iterator[str]:
    """Money that was given back comes back."""
    payment.begin()
    payment.pay()
    yield "succeeded"
    payment.fault("refund", "bounced_refund", seconds=1)
    payment.give_back(AMOUNT // 2)
    yield ""


def refund_is_reversed(payment: Payment) -> Iterator[str]:
    """The same, as Adyen tells it of some methods."""
    payment.begin()
    payment.pay()
    yield "succeeded"
    payment.fault("refund", "reversed_refund", seconds=1)
    payment.give_back(AMOUNT)
    yield ""


def voucher_is_paid(payment: Payment) -> Iterator[str]:
    """At a counter, some time later."""
    payment.begin(country="PT")
    payment.pay(method="multibanco")
    yield "requires_action"
    waiting = payment.shown
    if payment.psp == "stripe":
        payment.sim.challenge(waiting["latest_attempt"]["provider_reference"], "success")
    else:
        methods.acts(payment.sim, methods.step(waiting))
    yield ""


def reservation_is_canceled(payment: Payment) -> Iterator[str]:
    """Nothing is shipped."""
    payment.begin(capture_method="manual")
    payment.pay()
    yield "requires_capture"
    payment.ask("cancel")
    yield ""


def challenge_is_passed(payment: Payment) -> Iterator[str]:
    """3-D Secure, and the customer comes back."""
    payment.begin()
    payment.pay("asked")
    yield "requires_action"
    back = adyen.answer(payment.shown)
    yield ""
    payment.shop.http.get(back)
    yield ""


def challenge_is_failed(payment: Payment) -> Iterator[str]:
    """3-D Secure says no, and another card pays."""
    payment.begin()
    payment.pay("asked")
    yield "requires_action"
    payment.shop.http.get(adyen.answer(payment.shown, "fail"))
    yield "requires_payment_method"
    payment.pay()
    yield ""


LIVES: Final[tuple[Life, ...]] = (
    reserved_captured_and_partly_refunded,
    declined_then_paid,
    captured_in_part,
    capture_fails_later,
    refund_bounces,
    voucher_is_paid,
    reservation_is_canceled,
    challenge_is_passed,
    challenge_is_failed,
)
AT: Final[Mapping[str, tuple[Life, ...]]] = {"stripe": LIVES, "adyen": (*LIVES, refund_is_reversed)}
"""By PSP."""
