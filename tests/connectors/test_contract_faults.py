"""Faults of the PSP: the verdict is right, and what is found later is the truth; the same for every connector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from payments.connectors import base
from payments.connectors.base import Adjust, Authorize, Cancel, Capture, Complete, Outcome, Refund, Reverse, Verdict
from payments.connectors.disputes import AcceptDispute, SubmitEvidence
from payments.kernel import clock
from tests.connectors.benches import (
    Bench,
    Moved,
    authorize,
    cancel_of,
    capture_of,
    eur,
    just_now,
    paid,
    refund_of,
    until,
)

FAULTS: Final[Mapping[str, Verdict]] = {
    "reset_before": Verdict.UNKNOWN,
    "reset_after": Verdict.UNKNOWN,
    "error_500_before": Verdict.UNKNOWN,
    "error_500_after": Verdict.UNKNOWN,
    "error_503_before": Verdict.UNKNOWN,
    "rate_limit_429": Verdict.UNAVAILABLE,
    "hang": Verdict.UNKNOWN,
    "garbage_200": Verdict.UNKNOWN,
}
"""What goes wrong, and what a caller may conclude from it: only a 429 proves that nothing happened."""

OPTIONS: Final = {"hang": {"seconds": 1.5}}


@dataclass(frozen=True)
class Verb:
    """One verb: what has to exist first, how it is asked, and what the PSP's book says when it worked."""

    name: str
    prepare: Callable[[Bench], tuple[Authorize, base.AnyRequest]]
    worked: Moved
    had_not: Moved


def _authorize(bench: Bench) -> tuple[Authorize, base.AnyRequest]:
    request = authorize(bench)
    return request, request


def _capture(bench: Bench) -> tuple[Authorize, base.AnyRequest]:
    request, reserved = paid(bench, capture=False)
    return request, capture_of(reserved, "20.00")


def _cancel(bench: Bench) -> tuple[Authorize, base.AnyRequest]:
    request, reserved = paid(bench, capture=False)
    return request, cancel_of(reserved)


def _refund(bench: Bench) -> tuple[Authorize, base.AnyRequest]:
    request, done = paid(bench)
    return request, refund_of(done, "20.00")


VERBS: Final = (
    Verb("authorize", _authorize, worked=Moved(captured=3000), had_not=Moved()),
    Verb("capture", _capture, worked=Moved(captured=2000), had_not=Moved(reserved=3000)),
    Verb("cancel", _cancel, worked=Moved(), had_not=Moved(reserved=3000)),
    Verb("refund", _refund, worked=Moved(captured=3000, refunded=2000, refunds=1), had_not=Moved(captured=3000)),
)


def send(connector: base.Connector, request: base.AnyRequest) -> Outcome:
    verbs: dict[type, Callable[[Any], Outcome]] = {
        Authorize: connector.authorize, Complete: connector.complete_action, Capture: connector.capture,
        Cancel: connector.cancel, Adjust: connector.adjust, Reverse: connector.reverse, Refund: connector.refund,
        SubmitEvidence: connector.submit_evidence, AcceptDispute: connector.accept_dispute,
    }  # fmt: skip
    return verbs[type(request)](request)


def looked_up(connector: base.Connector, request: base.AnyRequest, outcome: Outcome) -> Outcome:
    """What recovery finds: it looks again while the first request is still being worked on."""
    looks: list[Outcome] = []

    def known() -> bool:
        looks.append(connector.find(request, provider_reference=outcome.provider_reference, sent_at=just_now()))
        return looks[-1].verdict is not Verdict.UNKNOWN

    until(known)
    return looks[-1]


def expected(bench: Bench, verb: Verb) -> Verdict:
    """The verdict on this verb when it worked."""
    return bench.answers.get(verb.name, Verdict.APPROVED)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_gets_the_right_verdict_and_is_settled_by_evidence(
    bench: Bench, verb: Verb, fault: str, impatient: None
) -> None:
    connector = bench.connector()
    payment, request = verb.prepare(bench)
    bench.simulator.fault(bench.operations[verb.name], fault, bench.account, **OPTIONS.get(fault, {}))

    outcome = send(connector, request)
    assert outcome.verdict is FAULTS[fault]
    before = bench.moved(payment.reference)
    if fault == "rate_limit_429":
        assert before == verb.had_not

    found = looked_up(connector, request, outcome)
    bench.final(found)
    after = bench.moved(payment.reference)
    assert found.verdict in {expected(bench, verb), Verdict.UNAVAILABLE}
    assert after == (verb.worked if found.verdict is expected(bench, verb) else verb.had_not)
    if before == verb.worked:
        assert found.verdict is expected(bench, verb), "what happened is found"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "error_500_before", "error_500_after"])
def test_a_call_of_days_ago_is_settled_without_repeating_it(bench: Bench, verb: Verb, fault: str) -> None:
    connector = bench.connector()
    payment, request = verb.prepare(bench)
    bench.simulator.fault(bench.operations[verb.name], fault, bench.account)
    outcome = send(connector, request)
    before = bench.moved(payment.reference)

    long_ago = clock.now() - 2 * bench.remembers
    found = connector.find(request, provider_reference=outcome.provider_reference, sent_at=long_ago)

    assert bench.moved(payment.reference) == before, "nothing is repeated with a key that the PSP has forgotten"
    if connector.can_be_asked:
        assert found.verdict is (expected(bench, verb) if before == verb.worked else Verdict.UNAVAILABLE)
    else:
        assert found.verdict is Verdict.UNKNOWN, "only a notification tells"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
def test_a_request_that_is_no_longer_the_same_is_never_sent_again(bench: Bench, verb: Verb, fault: str) -> None:
    """However young it is; and that nothing of it is found is no proof while it may be under way."""
    connector = bench.connector()
    payment, request = verb.prepare(bench)
    bench.simulator.fault(bench.operations[verb.name], fault, bench.account)
    outcome = send(connector, request)
    before = bench.moved(payment.reference)

    known = outcome.provider_reference
    found = connector.find(request, provider_reference=known, sent_at=just_now(), may_repeat=False)

    assert bench.moved(payment.reference) == before
    if connector.can_be_asked and before == verb.worked:
        assert found.verdict is expected(bench, verb)
    elif connector.can_be_asked and verb.name == "authorize":
        # where it is made before it is confirmed, what was never confirmed is canceled now: that is proof
        assert found.verdict in (Verdict.UNAVAILABLE, Verdict.UNKNOWN)
    else:
        assert found.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_same_key_twice_moves_money_once(bench: Bench, verb: Verb) -> None:
    connector = bench.connector()
    payment, request = verb.prepare(bench)
    outcomes = [send(connector, request) for _ in range(2)]

    assert [outcome.verdict for outcome in outcomes] == [expected(bench, verb)] * 2
    assert bench.moved(payment.reference) == verb.worked


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_nothing_is_found_while_the_psp_is_away(bench: Bench, verb: Verb) -> None:
    _, request = verb.prepare(bench)
    away = bench.connector(base_url="http://127.0.0.1:9")

    assert send(away, request).verdict is Verdict.UNAVAILABLE
    found = away.find(request, provider_reference="", sent_at=just_now())
    assert found.verdict is Verdict.UNKNOWN, "a refused question proves nothing about the call"


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.name != "cancel"], ids=lambda verb: verb.name)
def test_the_amount_is_the_psps_own_word(bench: Bench, verb: Verb) -> None:
    _, request = verb.prepare(bench)
    bench.simulator.fault(bench.operations[verb.name], "wrong_amount", bench.account, delta=-100)
    outcome = send(bench.connector(), request)

    assert isinstance(request, Authorize | Capture | Refund)
    assert outcome.verdict is expected(bench, verb)
    assert outcome.amount == request.amount - eur("1.00")
