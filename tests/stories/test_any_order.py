"""However the notifications of a payment come, in any order, any number and late, they end in the same state.

Each example plays a whole life at the simulated PSP: its notifications go into a letter box, and from there through our
own door with the PSP's signature, when and as often as the example says, between our calls, answers and jobs.
"""

import json
import pprint
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from payments.gateway.models import ProviderCall
from payments.intents.models import Capture, PaymentAttempt
from payments.kernel import clock
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job
from payments.ledger import services as ledger
from payments.ledger.models import Entry
from payments.orders.models import Order
from payments.webhooks.models import Event, InboundEvent
from refunds.models import Refund
from tests import byhand, factories
from tests.services import conftest as services
from tests.stories import lives, methods
from tests.webhooks.receiver import Answer, Receiver

sim, shop = services.sim, services.shop

PATIENCE: Final = 5
NOT_SENT_ON: Final = ("host", "connection")

OFTEN: Final = 3
"""So many more times, at most, each draw of letters is delivered."""

AN_EXAMPLE_IS_A_LIFE: Final[dict[str, Any]] = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": list(HealthCheck),
}
PHASES: Final = (Phase.explicit, Phase.reuse, Phase.generate)
"""An example is a life: making a smaller one of it would take minutes, and its notes say what came when."""

OURS: Final = ("id", "order", "customer", "payment_intent", "provider_reference", "reference", "lines")
VARIES: Final = ("created_at", "expires_at", "settled_at", "metadata", "raw", "acquirer_reference")
"""What differs from payment to payment: ids, times, the bank's number, and how a PSP words a decline for people."""


@pytest.fixture
def box(sim: factories.Simulator) -> Iterator[Receiver]:
    """Where both PSPs send their notifications, each to the path of our door."""
    letters = Receiver()
    letters.answer = lambda _: Answer(200)
    sim.notify(letters.url.removesuffix("/hooks"))
    yield letters
    sim.notify("")
    letters.stop()


@dataclass(frozen=True)
class Letter:
    """One notification as it came, and in few words what it says."""

    path: str
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        said = json.loads(self.body)
        items = [one["NotificationRequestItem"] for one in said.get("notificationItems", ())]
        return ", ".join(f"{one['eventCode']} {one['success']}" for one in items) or f"{said['type']} {said['id']}"


@dataclass
class Post:
    """The letters of one payment, and in which way they come."""

    payment: lives.Payment
    box: Receiver
    data: st.DataObject | None = None
    waiting: list[Letter] = field(default_factory=list)
    delivered: list[Letter] = field(default_factory=list)

    def collect(self) -> None:
        """What the PSP has to tell so far, once it has nothing more to tell."""
        self.payment.sim.quiet()
        for came in self.box.received:
            kept = {name: value for name, value in came.headers.items() if name.lower() not in NOT_SENT_ON}
            self.waiting.append(Letter(came.path, kept, came.body))
        self.box.received.clear()

    def come(self, *, all_of_them: bool) -> None:
        """Some letters come, perhaps old ones again, and perhaps jobs are done in between."""
        self.collect()
        for letter in self._drawn(all_of_them=all_of_them):
            self._deliver(letter)
            self._meanwhile()

    def _drawn(self, *, all_of_them: bool) -> list[Letter]:
        if self.data is None:
            now, self.waiting = self.waiting, []
            return now
        mixed = [self.waiting[place] for place in self.data.draw(st.permutations(range(len(self.waiting))))]
        count = len(mixed) if all_of_them else self.data.draw(st.integers(0, len(mixed)))
        now, self.waiting = mixed[:count], mixed[count:]
        old = [*self.delivered, *now]
        for place in self.data.draw(st.lists(st.integers(0, len(old) - 1), max_size=OFTEN)) if old else []:
            now.insert(self.data.draw(st.integers(0, len(now))), old[place])
        return now

    def _deliver(self, letter: Letter) -> None:
        door = self.payment.shop.http.post(letter.path, letter.body, "application/json", headers=letter.headers)
        assert door.status_code == 200, door.content
        self.delivered.append(letter)
        if self.data is not None:
            note(f"delivered {letter!r}")

    def _meanwhile(self) -> None:
        what = self.data.draw(st.sampled_from(("nothing", "jobs", "recovery"))) if self.data else "jobs"
        if what == "recovery":
            recovery_is_due()
        if what != "nothing":
            factories.work()

    def until(self, status: str) -> None:
        """Let letters come until the next act can begin."""
        self.come(all_of_them=False)
        for _ in range(PATIENCE):
            if status in ("", self.payment.shown["status"]):
                return
            self.come(all_of_them=True)
            recovery_is_due()
            finish()
        raise AssertionError(f"it stays {self.payment.shown['status']}, and {status} is needed")


def recovery_is_due() -> None:
    """The time has come to ask about every call that is still open."""
    ProviderCall.objects.filter(look_at__isnull=False).update(look_at=clock.now())


def finish() -> None:
    """Let the time come of everything that was put off."""
    factories.work()
    for _ in range(PATIENCE):
        if not Job.objects.filter(state="ready").exclude(unique_key__startswith="every:").exists():
            return
        Job.objects.filter(state="ready").update(due_at=clock.now())
        factories.work()


def play(life: lives.Life, post: Post) -> dict[str, Any]:
    """Live it to its end; the state that it comes to."""
    for needed in life(post.payment):
        post.until(needed)
    post.come(all_of_them=True)
    recovery_is_due()
    finish()
    byhand.sql("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    assert not InboundEvent.objects.exclude(state__in=["processed", "ignored"]).exists()
    return ended(post.payment.wish)


def plain(thing: Any) -> Any:
    """Without what differs from payment to payment."""
    if isinstance(thing, dict):
        return {name: plain(value) for name, value in thing.items() if name not in (*OURS, *VARIES)}
    return [plain(one) for one in thing] if isinstance(thing, list) else thing


def ended(wish: dict[str, Any]) -> dict[str, Any]:
    """The payment's state in every room: rows, ledger, what clients were told last, and who has work with it."""
    attempts = PaymentAttempt.objects.filter(intent_id=wish["id"]).order_by("pk")
    captures = Capture.objects.filter(intent_id=wish["id"]).order_by("pk")
    refunds = Refund.objects.filter(intent_id=wish["id"]).order_by("pk")
    whole = [wish["id"], *(row.pk for row in (*attempts, *captures, *refunds))]
    order = Order.objects.get(pk=wish["order"])
    entries = Entry.objects.filter(transfer__refs__intent=wish["id"]).values_list("account__code", "currency")
    told = {}
    for about in (wish["id"], order.pk, *(row.pk for row in refunds)):
        last = Event.objects.filter(object_id=about).order_by("-sequence").first()
        told[str(about).partition("_")[0]] = (last.type, plain(last.data)) if last else None
    return {
        "order": (order.status, order.amount_paid_minor, order.amount_refunded_minor),
        "bank's numbers": [bool(row.acquirer_reference) for row in refunds],
        "attempts": [(row.status, bool(row.provider_reference), plain(row.decline)) for row in attempts],
        "captures": [(row.status, row.amount_minor) for row in captures],
        "refunds": [
            (row.status, row.amount_minor, row.failure_reason, bool(row.provider_reference)) for row in refunds
        ],
        "ledger": {code: total for code, _, total in entries.annotate(sum=Sum("amount_minor")).order_by() if total},
        **{f"told of {kind}": last for kind, last in told.items()},
        "attention": sorted(
            AttentionItem.objects.filter(object_id__in=whole, closed_at=None).values_list("kind", flat=True)
        ),
        "open calls": ProviderCall.objects.filter(owner_id__in=whole, look_at__isnull=False).count(),
    }


@contextmanager
def gone_when_given_up() -> Iterator[None]:
    """A life that Hypothesis breaks off, having run out of draws, leaves nothing behind."""
    before = transaction.savepoint()
    try:
        yield
    except BaseException:
        transaction.savepoint_rollback(before)
        ledger.forget_accounts()
        raise


@pytest.mark.parametrize("psp", ["stripe", "adyen"])
def test_any_order_duplication_and_delay_of_notifications_ends_alike(
    shop: factories.Shop, sim: factories.Simulator, box: Receiver, psp: str
) -> None:
    methods.everywhere()
    expected: dict[str, dict[str, Any]] = {}
    for life in lives.AT[psp]:
        sim.calm()
        expected[life.__name__] = play(life, Post(lives.Payment(shop, sim, psp), box))

    @settings(max_examples=settings().max_examples // 2, phases=PHASES, **AN_EXAMPLE_IS_A_LIFE)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        life = data.draw(st.sampled_from(lives.AT[psp]))
        deaf = data.draw(st.sampled_from(("", *lives.OPERATIONS[psp])))
        sim.calm()
        box.received.clear()
        payment = lives.Payment(shop, sim, psp)
        if deaf:
            payment.fault(deaf, "reset_after")
        with gone_when_given_up():
            came_to, meant = play(life, Post(payment, box, data)), expected[life.__name__]
        differs = {where: (came_to[where], meant[where]) for where in meant if came_to[where] != meant[where]}
        assert not differs, pprint.pformat(differs, width=160)

    holds()
    assert not factories.broken()
