"""Disputes, the same for every connector: what is told of them adds up, and an answer is given once."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from moneyed import Money

from payments.connectors.base import EventKind, PspEvent, Verdict
from payments.connectors.declines import DECLINES
from payments.connectors.disputes import (
    AcceptDispute,
    DisputeNews,
    EvidenceDocument,
    EvidenceFile,
    EvidenceText,
    Stage,
    Standing,
    SubmitEvidence,
)
from payments.kernel import clock, ids
from tests.connectors import every
from tests.connectors.adyen_bench import AdyenBench
from tests.connectors.benches import Bench, StripeBench, eur, just_now, paid, until
from tests.connectors.test_contract_faults import send

PSPS: Final = every.WITH_DISPUTES

DAY: Final = 86_400
PDF: Final = b"%PDF-1.4\n%%EOF\n"
STAGES: Final = list(Stage)


def disputed(bench: Bench, what: str = "chargeback") -> tuple[str, DisputeNews]:
    """A payment that its customer's bank has something to say about, and the first news of that."""
    payment = paid(bench, bench.disputed[what])[1].provider_reference
    bench.simulator.advance(3)
    return payment, told(bench, payment, lambda news: news.reference != "")


def told(bench: Bench, payment: str, what: Callable[[DisputeNews], bool]) -> DisputeNews:
    """The first news of which that is true, as soon as they have come."""
    seen: list[DisputeNews] = []

    def come() -> bool:
        seen[:] = [e.dispute for e in bench.news(payment) if e.dispute and what(e.dispute)]
        return bool(seen)

    assert until(come), [e.type for e in bench.news(payment)]
    return seen[0]


def charged_back(bench: Bench, what: str = "chargeback") -> tuple[str, DisputeNews]:
    """A chargeback whose money is gone."""
    payment, news = disputed(bench, what)
    bench.simulator.advance(3_600)
    told(bench, payment, lambda news: bool(news.movements))
    return payment, news


def evidence(
    news: DisputeNews, payment: str, *, documents: bool = True, text: str = "winning_evidence"
) -> SubmitEvidence:
    receipt = EvidenceFile(
        kind=EvidenceDocument.RECEIPT, filename="receipt.pdf", content_type="application/pdf", content=PDF
    )
    return SubmitEvidence(
        key=ids.uuid7().hex,
        reference="dp_1",
        provider_reference=payment,
        dispute_reference=news.reference,
        texts={EvidenceText.CUSTOMER_NAME: "Ada Lovelace", EvidenceText.OTHER: text},
        files=[receipt] if documents else [],
    )


def acceptance(news: DisputeNews, payment: str) -> AcceptDispute:
    return AcceptDispute(
        key=ids.uuid7().hex, reference="dp_1", provider_reference=payment, dispute_reference=news.reference
    )


def summed(events: Sequence[PspEvent]) -> tuple[Stage | None, Standing | None, Money]:
    """The furthest stage, how it stands by the latest news, and what is gone: each movement counts once."""
    known = sorted((e for e in events if e.dispute), key=lambda e: (e.occurred_at, e.event_key))
    news = [e.dispute for e in known if e.dispute]
    stage = max((n.stage for n in news if n.stage), key=STAGES.index, default=None)
    standing = next((n.standing for n in reversed(news) if n.standing), None)
    moved = {m.key: m.amount if m.withdrawn else -m.amount for n in news for m in n.movements}
    return stage, standing, sum(moved.values(), eur("0.00"))


# --- what is told ---


def test_a_chargeback_that_nobody_answers_is_lost(bench: Bench) -> None:
    payment, news = charged_back(bench)
    assert (news.stage, news.amount, news.defendable) == (Stage.CHARGEBACK, eur("30.00"), True)
    assert news.reason == "fraudulent"
    assert news.respond_by is not None
    assert news.respond_by > bench.simulator.now()

    bench.simulator.advance(15 * DAY)
    told(bench, payment, lambda news: news.standing is bench.silence)
    assert summed(bench.news(payment)) == (Stage.CHARGEBACK, bench.silence, eur("30.00"))


def test_news_of_one_dispute_bear_its_reference_and_that_of_its_payment(bench: Bench) -> None:
    payment, news = charged_back(bench)
    events = bench.news(payment)

    assert len(events) > 1
    assert {event.kind for event in events} == {EventKind.DISPUTE_UPDATED}
    assert {event.modification_reference for event in events} == {news.reference}
    assert {event.dispute.reference for event in events if event.dispute} == {news.reference}
    assert {event.problem for event in events} == {""}


def test_doubled_and_in_any_order_the_news_add_up_to_the_same(bench: Bench) -> None:
    payment, news = charged_back(bench)
    assert bench.connector().submit_evidence(evidence(news, payment)).verdict is Verdict.APPROVED
    bench.simulator.advance(2 * DAY)
    told(bench, payment, lambda news: news.standing is Standing.WON)
    events = bench.news(payment)

    end = summed(events)
    assert end[1:] == (Standing.WON, eur("0.00"))
    for seed in range(20):
        mixed = [*events, *events]
        random.Random(seed).shuffle(mixed)
        assert summed(mixed) == end


def test_an_inquiry_takes_nothing(bench: Bench) -> None:
    payment, news = disputed(bench, "inquiry")
    assert (news.stage, news.standing, news.movements) == (Stage.INQUIRY, Standing.NEEDS_RESPONSE, ())
    assert summed(bench.news(payment))[2] == eur("0.00")


def test_a_warning_of_fraud_takes_nothing_and_is_no_dispute(bench: Bench) -> None:
    payment = paid(bench, bench.disputed["fraud"])[1].provider_reference
    bench.simulator.advance(3)

    assert until(lambda: bool(bench.news(payment)))
    [warning] = bench.news(payment)
    assert (warning.kind, warning.dispute, warning.outcome) == (EventKind.FRAUD_WARNING, None, None)
    assert warning.fraud is not None
    assert warning.fraud.reference == warning.modification_reference
    assert warning.fraud.kind


# --- answers ---


def test_evidence_is_taken_and_wins(bench: Bench) -> None:
    payment, news = charged_back(bench)
    outcome = bench.connector().submit_evidence(evidence(news, payment))

    assert (outcome.verdict, outcome.provider_reference) == (Verdict.APPROVED, news.reference)
    told(bench, payment, lambda news: news.standing is Standing.UNDER_REVIEW)
    bench.simulator.advance(2 * DAY)
    told(bench, payment, lambda news: news.standing is Standing.WON)
    assert summed(bench.news(payment)) == (Stage.CHARGEBACK, Standing.WON, eur("0.00"))


def test_a_dispute_is_accepted_and_cannot_be_answered_any_more(bench: Bench) -> None:
    payment, news = charged_back(bench)
    ours = bench.connector()
    accepted = ours.accept_dispute(acceptance(news, payment))
    assert (accepted.verdict, accepted.provider_reference) == (Verdict.APPROVED, news.reference)

    late = ours.submit_evidence(evidence(news, payment)), ours.accept_dispute(acceptance(news, payment))
    for outcome in late:
        assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["dispute_closed"]), outcome
    assert summed(bench.news(payment))[2] == eur("30.00")


def test_nothing_is_no_answer(bench: Bench) -> None:
    payment, news = charged_back(bench)
    asked = SubmitEvidence(key="k", reference="dp_1", provider_reference=payment, dispute_reference=news.reference)
    outcome = bench.connector().submit_evidence(asked)
    assert (outcome.verdict, outcome.decline) == (Verdict.DECLINED, DECLINES["dispute_evidence_refused"])
    assert summed(bench.news(payment))[1] is Standing.NEEDS_RESPONSE


def test_a_dispute_that_is_nobodys_cannot_be_answered(bench: Bench) -> None:
    ours, news = bench.connector(), DisputeNews(reference="NOBODYS")
    for outcome in (
        ours.submit_evidence(evidence(news, "pi_1", documents=False)),
        ours.accept_dispute(acceptance(news, "pi_1")),
    ):
        assert outcome.verdict is Verdict.DECLINED, outcome


# --- faults ---

FAULTS: Final = {
    "reset_before": Verdict.UNKNOWN,
    "reset_after": Verdict.UNKNOWN,
    "error_500_after": Verdict.UNKNOWN,
    "error_503_before": Verdict.UNKNOWN,
    "garbage_200": Verdict.UNKNOWN,
    "rate_limit_429": Verdict.UNAVAILABLE,
}
HAD_ITS_EFFECT: Final = ("reset_after", "error_500_after", "garbage_200")


@pytest.mark.parametrize("verb", ["defend", "accept"])
@pytest.mark.parametrize(("fault", "verdict"), FAULTS.items())
def test_an_answer_whose_fate_is_unknown_is_found_and_given_once(
    bench: Bench, verb: str, fault: str, verdict: Verdict
) -> None:
    payment, news = charged_back(bench)
    ours = bench.connector()
    bench.simulator.fault(bench.operations[verb], fault, bench.account)
    request = evidence(news, payment) if verb == "defend" else acceptance(news, payment)
    outcome = send(ours, request)
    assert outcome.verdict is verdict, outcome

    found = ours.find(request, provider_reference="", sent_at=just_now())
    cannot_tell = bench.psp == "adyen" and verb == "defend" and fault in HAD_ITS_EFFECT
    assert found.verdict is (Verdict.UNKNOWN if cannot_tell else Verdict.APPROVED), found
    ends = {"defend": Standing.UNDER_REVIEW, "accept": Standing.LOST}
    if verb == "defend" or bench.psp == "stripe":
        told(bench, payment, lambda news: news.standing is ends[verb])
        said = [e for e in bench.news(payment) if e.dispute and e.dispute.standing is ends[verb]]
        assert len(said) == 1


def test_what_goes_wrong_before_anything_is_submitted_proves_that_nothing_was(bench: Bench) -> None:
    payment, news = charged_back(bench)
    for operation in ("files.create", "disputes.supply"):
        bench.simulator.fault(operation, "error_500_after", bench.account)
    outcome = bench.connector().submit_evidence(evidence(news, payment))

    assert outcome.verdict is Verdict.UNAVAILABLE, outcome
    assert summed(bench.news(payment))[1] is Standing.NEEDS_RESPONSE
    assert bench.connector().submit_evidence(evidence(news, payment)).verdict is Verdict.APPROVED


# --- what only one of them does ---


def test_stripe_has_several_disputes_of_one_payment(stripe_bench: StripeBench) -> None:
    payment = paid(stripe_bench, stripe_bench.disputed["several"])[1].provider_reference
    stripe_bench.simulator.advance(10)

    def taken() -> dict[str, Money]:
        events = stripe_bench.news(payment)
        return {e.dispute.reference: summed([e])[2] for e in events if e.dispute and e.dispute.movements}

    assert until(lambda: len(taken()) == 2)
    assert list(taken().values()) == [eur("15.00"), eur("15.00")]


def test_stripes_inquiry_becomes_a_chargeback_which_can_be_answered_again(stripe_bench: StripeBench) -> None:
    payment, news = disputed(stripe_bench, "inquiry")
    ours = stripe_bench.connector()
    asked = evidence(news, payment, text="escalate_inquiry_evidence")
    assert ours.submit_evidence(asked).verdict is Verdict.APPROVED
    stripe_bench.simulator.advance(3)
    told(stripe_bench, payment, lambda news: bool(news.movements))
    assert summed(stripe_bench.news(payment)) == (Stage.CHARGEBACK, Standing.NEEDS_RESPONSE, eur("30.00"))

    second = evidence(news, payment)
    long_ago = clock.now() - timedelta(days=2)
    unsent = ours.find(second, provider_reference="", sent_at=long_ago)
    assert unsent.verdict is Verdict.UNAVAILABLE, "the first answer is not taken for the second one"
    assert ours.submit_evidence(second).verdict is Verdict.APPROVED
    assert ours.find(second, provider_reference="", sent_at=long_ago).verdict is Verdict.APPROVED


def test_stripe_shows_what_became_of_an_acceptance_long_ago(stripe_bench: StripeBench) -> None:
    payment, news = charged_back(stripe_bench)
    ours, asked = stripe_bench.connector(), acceptance(news, payment)
    long_ago = clock.now() - timedelta(days=2)
    assert ours.find(asked, provider_reference="", sent_at=long_ago).verdict is Verdict.UNAVAILABLE
    assert ours.accept_dispute(asked).verdict is Verdict.APPROVED
    assert ours.find(asked, provider_reference="", sent_at=long_ago).verdict is Verdict.APPROVED


def test_adyen_cannot_say_what_became_of_an_answer_once_its_key_is_forgotten(adyen: AdyenBench) -> None:
    payment, news = charged_back(adyen)
    ours, asked = adyen.connector(), acceptance(news, payment)
    assert ours.accept_dispute(asked).verdict is Verdict.APPROVED
    forgotten = replace(asked, key=ids.uuid7().hex)

    found = ours.find(forgotten, provider_reference="", sent_at=just_now())
    assert (found.verdict, found.decline) == (Verdict.UNKNOWN, None)
    assert "only a notification" in found.detail


def test_adyen_takes_the_money_a_second_time(adyen: AdyenBench) -> None:
    payment, _ = charged_back(adyen, "second")
    adyen.simulator.advance(DAY)
    told(adyen, payment, lambda news: news.standing is Standing.WON)
    assert summed(adyen.news(payment)) == (Stage.CHARGEBACK, Standing.WON, eur("0.00"))

    adyen.simulator.advance(30 * DAY)
    told(adyen, payment, lambda news: news.stage is Stage.SECOND)
    assert summed(adyen.news(payment)) == (Stage.SECOND, Standing.LOST, eur("30.00"))


@pytest.mark.parametrize(("end", "gone"), [("won", "0.00"), ("lost", "30.00")])
def test_adyens_case_goes_to_the_scheme(adyen: AdyenBench, end: str, gone: str) -> None:
    payment, _ = charged_back(adyen, f"prearbitration {end}")
    for days in (1, 20, 10):
        adyen.simulator.advance(days * DAY)
    told(adyen, payment, lambda news: news.stage is Stage.SECOND and news.standing == end)
    assert until(lambda: summed(adyen.news(payment)) == (Stage.SECOND, Standing(end), eur(gone)))
