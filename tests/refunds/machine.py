"""Refunds against a model of them: asked for, decided, taken back, sent into faults, and told about in any order."""

import contextlib
import urllib.error
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from moneyed import Money

from payments.gateway import accounts, circuits
from payments.gateway.models import ProviderAccount
from payments.kernel import money
from payments.kernel.errors import Refusal
from payments.kernel.jobs import Job, Queue
from payments.ledger import services as ledger
from payments.webhooks.dispatch import NotYet
from refunds import policy
from refunds.models import Refund
from refunds.policy import Limit, Person
from refunds.services import approvals, refunds
from refunds.states import LIVING, RELEASED, UNSENT
from tests import factories, reset
from tests.refunds.people import ADA, BOB, LEA, LOU, limit
from tests.refunds.psp import ACCOUNT, Psp
from tests.refunds.test_sending import due, hurry
from tests.simulator import process

LIMITS: Final = {"api": Limit(600, 1000), "support": Limit(420, 900), "support_lead": Limit(1000, 1600)}
AMOUNTS: Final = st.sampled_from((401, 401, 401, 150, 601, 1, None))
SURE: Final = st.sampled_from((True, True, False))
TOKENS: Final = ("pm_card_visa", "pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail")
FAULTS: Final = (
    "", "", "", "reset_after", "error_500_after", "garbage_200", "reset_before", "error_500_before", "rate_limit_429",
)  # fmt: skip
GOES: Final = frozenset({"sent", "unknown", "pending", "succeeded", "failed", "canceled_at_psp", "bounced"})
AFTER: Final = {
    "requested": GOES | {"requested"},
    "needs_approval": frozenset({"needs_approval"}),
    "held": GOES | {"held", "requested"},
    **dict.fromkeys(("sent", "unknown"), GOES | {"requested"}),
    "pending": frozenset({"pending", "succeeded", "failed", "canceled_at_psp", "bounced"}),
    "succeeded": frozenset({"succeeded", "bounced"}),
    "failed": frozenset({"failed", "bounced"}),
    **{end: frozenset({end}) for end in ("canceled", "rejected", "bounced", "canceled_at_psp")},
}
"""What may become of a refund while nobody but the PSP, the jobs and the letters act."""


@dataclass
class Asked:
    """A refund as the model knows it; `word` is whose limit let it go."""

    pk: str
    intent: str
    amount: int
    status: str
    by: str
    word: str = ""


@dataclass
class World:
    """What outlives one run of the machine: a simulator whose clock can be moved."""

    own: process.Simulator
    psp: Psp
    runs: int = 0
    steps: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    """How often each thing happened: a run in which nothing happens proves nothing."""

    @property
    def sim(self) -> factories.Simulator:
        """Its control room."""
        return factories.Simulator(self.own.url)


class Refunds(RuleBasedStateMachine):
    """Every step asks the platform and the model; they say the same, and every invariant holds."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.paid: dict[str, dict[str, Any]] = {}
        self.asked: dict[str, Asked] = {}
        self.ticks = 0

    @initialize(amounts=st.lists(st.integers(500, 3000), min_size=2, max_size=3))
    def open(self, amounts: list[int]) -> None:
        self.world.runs += 1
        self.world.sim.calm()
        self.shop = factories.shop(f"shop {self.world.runs}")
        ProviderAccount.objects.filter(code=ACCOUNT).update(base_url=self.world.own.url)
        accounts.forget()
        for role, most in LIMITS.items():
            limit(role, most.each, most.daily)
        for amount in amounts:
            self.pay(amount, "pm_card_visa")

    # --- what people and clients do: the model says what they are told

    @precondition(lambda self: len(self.paid) < 5)
    @rule(amount=st.integers(100, 3000), token=st.sampled_from(TOKENS))
    def pay(self, amount: int, token: str) -> None:
        intent = self.shop.confirm(self.shop.intent(self.shop.order(amount)), token)
        assert intent["status"] == "succeeded"
        self.paid[intent["id"]] = intent

    @rule(data=st.data(), amount=AMOUNTS, sure=SURE)
    def client_asks(self, data: st.DataObject, amount: int | None, sure: bool) -> None:  # noqa: FBT001
        intent = data.draw(st.sampled_from(sorted(self.paid)))
        expected = self._expected(intent, amount, sure, "client", LIMITS["api"])
        body = {"payment_intent": intent, "amount": amount, "reason": "goodwill", "confirm_duplicate": sure}
        answer = self.shop.call("POST", "refunds", {k: v for k, v in body.items() if v is not None}).json()
        told = answer.get("code") or answer["status"]
        if "code" not in answer:
            word = "client" if told == "requested" else ""
            self.asked[answer["id"]] = Asked(answer["id"], intent, answer["amount"], told, "client", word)
        self._agree(told, expected)

    @rule(data=st.data(), who=st.sampled_from((ADA, ADA, LEA)), sure=SURE, amount=AMOUNTS)
    def person_asks(self, data: st.DataObject, who: Person, amount: int | None, sure: bool) -> None:  # noqa: FBT001
        intent = data.draw(st.sampled_from(sorted(self.paid)))
        expected = self._expected(intent, amount, sure, who.name, LIMITS[who.roles[0]])
        draft = refunds.RefundDraft(payment_intent=intent, amount=amount, reason="goodwill", confirm_duplicate=sure)
        try:
            made = refunds.request_as(who, draft).refund
        except Refusal as refusal:
            self._agree(refusal.code, expected)
            return
        word = who.name if made.status == "held" else ""
        self.asked[made.pk] = Asked(made.pk, intent, made.amount_minor, made.status, who.name, word)
        self._agree(made.status, expected)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), who=st.sampled_from((ADA, BOB, LEA, LEA, LOU)), yes=st.booleans())
    def decide(self, data: st.DataObject, who: Person, yes: bool) -> None:  # noqa: FBT001
        one = self.asked[data.draw(st.sampled_from(self._of("needs_approval") or sorted(self.asked)))]
        beyond = policy.beyond(LIMITS["support_lead"], _usd(one.amount), self._let_go(who.name))
        expected = "held" if yes else "rejected"
        if not who.approves:
            expected = "refund_approval_not_allowed"
        elif who.name == one.by:
            expected = "refund_approval_needs_another_person"
        elif one.status != "needs_approval":
            expected = "refund_unexpected_state"
        elif yes and beyond:
            expected = "refund_approval_beyond_limit"
        try:
            decided = approvals.approve(one.pk, who) if yes else approvals.reject(one.pk, who, because="not so")
            one.status, one.word = decided.refund.status, who.name if yes else ""
            told = one.status
        except Refusal as refusal:
            told = refusal.code
        self._agree(told, expected)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), by_client=st.booleans())
    def take_back(self, data: st.DataObject, by_client: bool) -> None:  # noqa: FBT001
        one = self.asked[data.draw(st.sampled_from(self._of(*UNSENT) or sorted(self.asked)))]
        expected = "canceled" if one.status in UNSENT else "refund_unexpected_state"
        if by_client:
            answer = self.shop.call("POST", f"refunds/{one.pk}/cancel", {}).json()
            told = answer.get("code") or answer["status"]
        else:
            try:
                told = refunds.cancel(one.pk, client_id=None, by=ADA.name).refund.status
            except Refusal as refusal:
                told = refusal.code
        if told == "canceled":
            one.status = told
        self._agree(told, expected)

    # --- what happens by itself: the model looks at what may have come of it

    @rule(fault=st.sampled_from(FAULTS), undo_is_over=st.booleans())
    def send(self, fault: str, undo_is_over: bool) -> None:  # noqa: FBT001
        if fault:
            self.world.sim.scenario("refunds.create", fault, times=1)
        if undo_is_over:
            Job.objects.filter(name="send_refund", state="ready").update(due_at="2026-01-01T00:00:00Z")
        factories.work(Queue.MONEY)
        self.world.sim.forgive()
        self._follow()

    @rule()
    def time_goes_by(self) -> None:
        due()
        factories.work(Queue.MONEY)
        self._follow()

    @rule()
    def time_goes_by_at_the_psp(self) -> None:
        self.world.own.advance(61)

    @rule(data=st.data())
    def letters_arrive(self, data: st.DataObject) -> None:
        letters = self.world.psp.events()
        if letters:
            some = data.draw(st.lists(st.integers(0, len(letters) - 1), max_size=6))
            self._deliver([letters[number] for number in some])

    @precondition(lambda self: self.paid)
    @rule(data=st.data(), amount=st.sampled_from((40, 300)))
    def somebody_refunds_at_the_psp(self, data: st.DataObject, amount: int) -> None:
        intent = self.paid[data.draw(st.sampled_from(sorted(self.paid)))]
        with contextlib.suppress(urllib.error.HTTPError):  # the PSP gives back no more than it has
            self.world.psp.refund(intent["latest_attempt"]["provider_reference"], amount)

    # --- what holds all the time

    @invariant()
    def nothing_is_broken(self) -> None:
        self.world.steps += 1
        self.ticks += 1
        if self.paid and self.ticks % 8 == 0:
            assert factories.broken() == []

    def teardown(self) -> None:
        """All time passes and all letters arrive: everything is settled, and the PSP's book says the same."""
        try:
            if self.paid:
                self._settle()
        finally:
            reset.fixture_teardown(None)  # type: ignore[arg-type]  # it asks the case nothing
            ledger.forget_accounts()

    def _settle(self) -> None:
        circuits.forget()
        for _ in range(3):
            hurry()
            self.world.own.advance(61)
            self._deliver(self.world.psp.events())
        self._follow()
        assert not self._of("requested", "held", "sent", "unknown", "pending"), self.asked
        factories.assert_books_close()
        factories.assert_books_agree(self.world.sim)

    # --- the model

    def _expected(self, intent: str, amount: int | None, sure: bool, word: str, most: Limit) -> str:  # noqa: FBT001
        taken = sum(one.amount for one in self.asked.values() if one.intent == intent and one.status in LIVING)
        left = max(0, self.paid[intent]["amount"] - taken)
        wanted = left if amount is None else amount
        if not left:
            return "refund_nothing_to_refund"
        if wanted > left:
            return "refund_exceeds_refundable"
        alike = [one for one in self.asked.values() if (one.intent, one.amount) == (intent, wanted)]
        if not sure and any(one.status in LIVING for one in alike):
            return "refund_duplicate_suspected"
        if policy.beyond(most, _usd(wanted), self._let_go(word)):
            return "needs_approval"
        return "requested" if word == "client" else "held"

    def _let_go(self, word: str) -> int:
        return sum(one.amount for one in self.asked.values() if one.word == word and one.status in RELEASED)

    def _of(self, *statuses: str) -> list[str]:
        return sorted(one.pk for one in self.asked.values() if one.status in statuses)

    def _agree(self, told: str, expected: str) -> None:
        self.world.seen[told] = self.world.seen.get(told, 0) + 1
        assert told == expected, f"{told} instead of {expected}: {self.asked}"

    def _deliver(self, letters: list[Any]) -> None:
        for letter in letters:
            with contextlib.suppress(NotYet):  # it is kept, and read again later
                self.world.psp.notify([letter])
        self._follow()

    def _follow(self) -> None:
        """See what has become of each, by the API; what nobody of us asked for was made at the PSP."""
        for row in self._listed():
            known = self.asked.get(row["id"])
            if known is None:
                assert row["origin"] == "outside"
                known = Asked(row["id"], row["payment_intent"], row["amount"], row["status"], "outside")
                self.asked[row["id"]] = known
            self.world.seen[row["status"]] = self.world.seen.get(row["status"], 0) + (known.status != row["status"])
            assert row["status"] in AFTER[known.status], (known, row["status"])
            known.status = row["status"]
        assert len(self.asked) == Refund.objects.count()
        for pk in self.paid:
            back = sum(one.amount for one in self.asked.values() if one.intent == pk and one.status == "succeeded")
            assert self.shop.get(f"payment_intents/{pk}")["amount_refunded"] == back

    def _listed(self) -> list[dict[str, Any]]:
        page = self.shop.get("refunds?limit=100")
        assert not page["has_more"]
        return list(page["data"])


def _usd(minor: int) -> Money:
    return money.from_minor(minor, "USD")
