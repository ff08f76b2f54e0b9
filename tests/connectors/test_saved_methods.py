"""What every connector promises about saved methods: kept for a customer, charged again, looked up and forgotten."""

from dataclasses import replace

import pytest

from payments.connectors.base import Outcome, Shopper, Verdict
from payments.kernel import ids
from tests.connectors.benches import Bench, Moved, authorize


def someone() -> Shopper:
    return Shopper(reference=f"cus_{ids.uuid7().hex}")


def saved(bench: Bench, shopper: Shopper, card: str = "approved") -> tuple[Shopper, Outcome]:
    """A payment that kept what it was paid with, and whom the PSP knows since."""
    outcome = bench.connector().authorize(authorize(bench, card, save=True, unattended=True, shopper=shopper))
    assert outcome.verdict is Verdict.APPROVED, outcome
    return replace(shopper, payer=outcome.payer), outcome


def payer(shopper: Shopper) -> str:
    return shopper.payer or shopper.reference


def test_what_is_saved_says_what_card_it_is(bench: Bench) -> None:
    _, outcome = saved(bench, someone())

    assert outcome.saved is not None
    assert outcome.saved.token
    assert len(outcome.saved.last4) == 4
    assert (outcome.saved.brand, bool(outcome.saved.exp_year)) == ("visa", True)


def test_nothing_is_saved_unless_it_is_wished_for(bench: Bench) -> None:
    outcome = bench.connector().authorize(authorize(bench, shopper=someone()))

    assert (outcome.saved, outcome.payer) == (None, "")


@pytest.mark.parametrize("absent", [True, False])
def test_what_is_saved_is_charged_once_per_key(bench: Bench, absent: bool) -> None:  # noqa: FBT001
    shopper, first = saved(bench, someone())
    assert first.saved is not None
    request = authorize(bench, shopper=shopper, saved_token=first.saved.token, off_session=absent)
    request = replace(request, token="", details={})
    for _ in range(2):
        assert bench.connector().authorize(request).verdict is Verdict.APPROVED
    assert bench.moved(request.reference) == Moved(captured=3000)


def test_a_customer_is_one_at_the_psp_however_often_they_save(bench: Bench) -> None:
    shopper = someone()
    (one, _), (other, _) = saved(bench, shopper), saved(bench, shopper)

    assert one == other


def test_looked_up_forgotten_and_looked_up_in_vain(bench: Bench) -> None:
    shopper, outcome = saved(bench, someone())
    assert outcome.saved is not None
    connector, token = bench.connector(), outcome.saved.token
    found = connector.look_up_method(payer(shopper), token)
    assert found.saved is not None
    assert (found.verdict, found.saved.token, found.saved.last4) == (Verdict.APPROVED, token, outcome.saved.last4)

    assert [connector.forget_method(payer(shopper), token).verdict for _ in range(2)] == [Verdict.APPROVED] * 2
    gone = connector.look_up_method(payer(shopper), token)
    assert (gone.verdict, gone.saved) == (Verdict.DECLINED, None)


def test_a_psp_that_does_not_answer_has_forgotten_nothing_yet(bench: Bench) -> None:
    shopper, outcome = saved(bench, someone())
    assert outcome.saved is not None
    nowhere = bench.connector(base_url="http://127.0.0.1:9/adyen/v72")

    assert nowhere.forget_method(payer(shopper), outcome.saved.token).verdict is Verdict.UNAVAILABLE
    assert nowhere.look_up_method(payer(shopper), outcome.saved.token).verdict is Verdict.UNAVAILABLE
    assert bench.connector().look_up_method(payer(shopper), outcome.saved.token).verdict is Verdict.APPROVED
