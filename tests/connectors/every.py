"""Every PSP's bench, by the name of its connector: another one joins the contract suite with one line here."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final

from tests.connectors import adyen_bench, benches, cowrie_bench


@contextlib.contextmanager
def _stripe(simulator: benches.Simulator) -> Iterator[benches.Bench]:
    yield benches.StripeBench(simulator)


BENCHES: Final[Mapping[str, Callable[[benches.Simulator], AbstractContextManager[benches.Bench]]]] = {
    "adyen": adyen_bench.bench,
    "cowrie": cowrie_bench.bench,
    "stripe": _stripe,
}

WITH_ADJUSTMENTS: Final = ("adyen", "cowrie")
"""Those that hold a reservation for longer, or of another amount."""

WITH_REVERSALS: Final = ("adyen", "cowrie")
"""Those that undo a payment, whether or not it was captured."""

WITH_DISPUTES: Final = ("adyen", "stripe")
"""Those at which customers' banks dispute payments."""
