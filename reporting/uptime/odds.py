"""How surprising counts are: evidence in nats, and how much of it a page needs when somebody looks every minute."""

import math
from typing import Final

LOOKS_A_WEEK: Final = 7 * 24 * 60
"""Once a minute."""
PAGES_A_WEEK: Final = 0.5
"""What chance alone may page at most, all charts together: half of what is promised, as chance does not explain all."""
LEAST: Final = 0.002
MOST: Final = 0.98
"""A share below or above is taken for these: nothing is impossible, and nothing certain."""


def share(seen: float, trials: float) -> float:
    """A share that logarithms can be taken of."""
    return min(MOST, max(LEAST, seen / trials))


def evidence(trials: float, seen: float, expected: float) -> float:
    """How much better the share that was seen explains the counts than the expected one does; 0 where it is no higher.

    trials * KL(seen || expected) in nats. By Chernoff's bound chance alone gets this far with a probability of at most
    exp(-evidence): the binomial tail, from above.
    """
    if trials <= 0 or seen <= expected:
        return 0.0
    usual, missed = share(expected, trials), trials - seen
    if seen <= usual * trials:
        return 0.0
    told = seen * math.log(seen / trials / usual)
    if missed > 0:
        told += missed * math.log(missed / trials / (1 - usual))
    return told


def step(trials: float, seen: float, usual: float, worse: float) -> float:
    """What these counts add to the case that the share is `worse` and not `usual`: their log-likelihood ratio."""
    return seen * math.log(worse / usual) + (trials - seen) * math.log((1 - worse) / (1 - usual))


def limit(charts: float, pages: float = PAGES_A_WEEK) -> float:
    """The level at which a chart pages, so that `charts` of them page by chance at most `pages` times a week.

    Charts are cumulative sums of log-likelihood ratios that never fall below nothing (Page 1954). As long as all is as
    usual, one takes exp(limit) looks on average or longer until it pages by chance (Lorden 1971, Theorem 2); with
    `charts` of them that are looked at every minute, this is the limit; one that may page more often counts for more
    than one. Neither the overlap of looks nor that of
    slices has to be corrected for once more.
    """
    return math.log(max(1, charts) * LOOKS_A_WEEK / pages)
