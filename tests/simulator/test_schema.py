"""The comparison with Stripe's specification can fail: a control for all other tests."""

import pytest

from tests.simulator import schema

pytestmark = pytest.mark.skipif(not schema.available(), reason="Stripe's specification is not here")


@pytest.mark.parametrize("name", ["payment_intent", "charge", "refund", "dispute", "payout", "balance_transaction"])
def test_stripes_own_samples_pass_and_a_damaged_one_does_not(name: str) -> None:
    sample = schema.sample(name)
    for version in schema.VERSIONS:
        assert not list(schema.validator(schema.VERSIONS[0], name).iter_errors(sample))
        damaged = {**sample, "amount": "1000"}
        assert list(schema.validator(version, name).iter_errors(damaged))


def test_an_error_without_a_type_is_noticed() -> None:
    with pytest.raises(AssertionError):
        schema.check({"error": {"message": "no type"}})
