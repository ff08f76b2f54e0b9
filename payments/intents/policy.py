"""When a routing rule does worse than what it replaced: pure arithmetic on its two arms."""

import math
from dataclasses import dataclass
from typing import Final

FEWEST_ROUTED: Final = 100
FEWEST_SPARED: Final = 50
"""Payments of each arm before anything is concluded from them."""

SURE: Final = 3.0
"""Standard errors below the control's approval: by chance once in 740 looks, and a look costs a fair rule its trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Payments of one arm whose end is known, and how many of them were approved."""

    tried: int = 0
    approved: int = 0

    @property
    def rate(self) -> float:
        """The share that was approved."""
        return self.approved / self.tried if self.tried else 0.0


def falls_short(rule: Arm, control: Arm) -> str:
    """Why the rule is to be rolled back, in words; "" while it holds its own or too little is known.

    A one-sided test of two proportions with pooled variance (Fleiss, Statistical Methods for Rates and Proportions).
    """
    if rule.tried < FEWEST_ROUTED or control.tried < FEWEST_SPARED or rule.rate >= control.rate:
        return ""
    pooled = (rule.approved + control.approved) / (rule.tried + control.tried)
    error = math.sqrt(pooled * (1 - pooled) * (1 / rule.tried + 1 / control.tried))
    if control.rate - rule.rate < SURE * error:
        return ""
    return (
        f"{rule.rate:.1%} of {rule.tried} payments were approved, of {control.tried} that it spared {control.rate:.1%}"
    )
