"""How long a question to a PSP may take, and that whoever asks it holds a lease for longer."""

from datetime import timedelta

import pytest

from payments.connectors import http
from payments.connectors.base import Verdict
from payments.kernel import drain
from payments.kernel.jobs import REGISTRY, Queue
from tests.connectors.benches import Bench, Moved, StripeBench, authorize, just_now

QUESTION = timedelta(seconds=http.LONGEST_QUESTION_SECONDS)
ASKING = sorted(name for name, kind in REGISTRY.items() if kind.queue in (Queue.MONEY, Queue.BULK))


def test_the_jobs_that_ask_are_here() -> None:
    assert {"recover_authorize", "recover_capture", "recover_cancel", "recover_refund"} <= set(ASKING)
    assert {"send_refund", "send_bulk_refund", "cancel_attempt"} <= set(ASKING)


def test_what_a_dead_worker_leaves_is_begun_again_within_ninety_seconds() -> None:
    longest = max(kind.lease for kind in REGISTRY.values() if kind.queue == Queue.MONEY)
    assert longest + timedelta(seconds=drain.SWEEP_SECONDS) < timedelta(seconds=90)


@pytest.mark.parametrize("name", ASKING)
def test_a_job_of_money_holds_its_lease_for_longer_than_a_question_takes(name: str) -> None:
    assert REGISTRY[name].lease > QUESTION
    assert drain.CLAIM[REGISTRY[name].queue] == 1, "no job of money begins late in its lease"


def test_every_lease_is_longer_than_a_claimed_job_may_wait_for_its_turn() -> None:
    waits = timedelta(seconds=drain.HAND_BACK_SECONDS)
    short = [name for name, kind in REGISTRY.items() if drain.CLAIM[kind.queue] > 1 and kind.lease < 2 * waits]
    assert short == []


def test_a_question_that_takes_too_long_ends_with_what_is_proved(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing left: an authorisation is known not to have happened, and recovery has learned nothing."""
    monkeypatch.setattr(http, "ASKING_SECONDS", -1)
    request, connector = authorize(bench), bench.connector()
    assert connector.authorize(request).verdict is Verdict.UNAVAILABLE
    assert connector.find(request, provider_reference="", sent_at=just_now()).verdict is Verdict.UNKNOWN

    monkeypatch.undo()
    assert bench.moved(request.reference) == Moved()


def test_a_payment_that_was_created_and_is_out_of_time_is_not_confirmed(
    stripe_bench: StripeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def slow(what: str) -> None:
        asked.append(what)
        monkeypatch.setattr(http, "ASKING_SECONDS", -1)

    monkeypatch.setattr(http, "before_request", slow)
    request = authorize(stripe_bench)
    outcome = stripe_bench.connector().authorize(request)
    assert (outcome.verdict, len(asked)) == (Verdict.UNAVAILABLE, 1)

    monkeypatch.undo()
    assert stripe_bench.moved(request.reference) == Moved()
