"""Measuring how methods do: what is offered first is what customers of a country have paid with."""

from datetime import timedelta
from typing import Final

from payments.intents import selectors
from payments.kernel import clock
from payments.methods import services as methods

LOOKED_BACK: Final = timedelta(days=14)
"""Longer than a voucher takes to be paid or to run out; what was good in spring says nothing of today."""


def measure_methods() -> None:
    """Count anew how often each method was tried and paid with in the last days, by country and in all."""
    methods.measured(selectors.successes(clock.now() - LOOKED_BACK))
