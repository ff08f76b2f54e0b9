"""What goes wrong in a replay: mishaps that bend a shop's minutes, each with where it truly is."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from reporting.uptime.observed import Cell, in_scope
from reporting.uptime.seasons import Bent, Shop

MINUTE: Final = timedelta(minutes=1)
APART: Final = timedelta(hours=3)
"""Between the beginnings of two mishaps, at least."""


class Kind(NamedTuple):
    """One kind of mishap: where it strikes, how, what may be said of it, and how many attempts a minute it needs."""

    name: str
    scopes: Sequence[Mapping[str, str]]
    bent: Bent
    told_as: frozenset[str]
    attempts: float
    within: int
    """Minutes in which it is to be found."""


_PAYMENTS: Final = frozenset({"outage", "approval_drop", "unavailable", "decline_shift"})

KINDS: Final = (
    Kind(
        "PSP down",
        ({"account": "north-eu"}, {"account": "west-us"}, {"account": "west-eu"}),
        Bent(not_approved=0.97, reason=None, slower=6), _PAYMENTS | {"slow"}, 10, 2,
    ),
    Kind(
        "one issuer declines",
        (
            {"country": "DE", "method": "card", "issuer": "DE BANK 1"},
            {"country": "US", "method": "card", "issuer": "US BANK 2"},
            {"country": "GB", "method": "card", "issuer": "GB BANK 1"},
        ),
        Bent(not_approved=0.95), _PAYMENTS, 15, 10,
    ),
    Kind(
        "one method in one country",
        ({"country": "BR", "method": "pix"}, {"country": "GB", "method": "paypal"}, {"country": "PL"}),
        Bent(not_approved=0.5, reason=4), _PAYMENTS, 8, 10,
    ),
    Kind(
        "PSP slow",
        ({"account": "west-us"}, {"account": "north-eu"}),
        Bent(slower=3.5), frozenset({"slow"}), 10, 10,
    ),
    Kind(
        "some answers slow",
        ({"account": "west-us"}, {"account": "north-eu"}),
        Bent(slower=6, slow_part=0.12), frozenset({"slow"}), 20, 10,
    ),
    Kind(
        "nobody comes",
        ({}, {"channel": "ios"}),
        Bent(kept=0.02), frozenset({"volume_drop"}), 20, 10,
    ),
    Kind(
        "3-D Secure hangs",
        ({"account": "north-eu", "method": "card"}, {"account": "west-eu", "method": "card"}),
        Bent(waiting=0.4), frozenset({"unfinished"}), 15, 15,
    ),
    Kind(
        "notifications stop",
        ({"account": "north-eu"}, {"account": "west-us"}),
        Bent(silent=True), frozenset({"webhook_silence"}), 12, 5,
    ),
    Kind(
        "3-D Secure broken",
        ({"account": "north-eu", "method": "card"}, {"account": "west-eu", "method": "card"}),
        Bent(not_approved=0.4, reason=2), _PAYMENTS, 15, 10,
    ),
    Kind(
        "cards tested",
        ({"country": "US", "channel": "web", "method": "card"}, {"country": "GB", "channel": "web", "method": "card"}),
        Bent(more=60, minor=110), frozenset({"card_testing"}), 8, 10,
    ),
    Kind(
        "five points less",
        ({"account": "north-eu"},),
        Bent(not_approved=0.056, reason=1), _PAYMENTS, 200, 10,
    ),
)  # fmt: skip
"""Each in turn. The five points are looked for where at least 200 attempts a minute are made, as is promised."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """One mishap: from `since` until `until`, in `cells`, of which `scope` is what they have in common."""

    kind: Kind
    scope: Mapping[str, str]
    since: datetime
    until: datetime
    cells: frozenset[Cell]


@dataclass
class Mishaps:
    """All that goes wrong in a replay, in order of time."""

    all: list[Mishap] = field(default_factory=list)

    def bent(self, at: datetime, cell: Cell) -> Bent | None:
        """How a cell is bent in a minute, if it is."""
        for mishap in self._at(at):
            if cell in mishap.cells:
                return mishap.kind.bent
        return None

    def is_silent(self, at: datetime, account: str) -> bool:
        """Whether an account sends no notifications in a minute."""
        return any(m.kind.bent.silent and m.scope.get("account") == account for m in self._at(at))

    def _at(self, at: datetime) -> Iterable[Mishap]:
        return (mishap for mishap in self.all if mishap.since <= at < mishap.until)


def drawn(shop: Shop, since: datetime, until: datetime, every: timedelta) -> Mishaps:
    """Mishaps of every kind in turn, one in each such stretch of time, at hours at which enough is paid there.

    A mishap that finds no hour busy enough in its stretch is left out, and is the next one's.
    """
    dice = random.Random(f"{shop.seed} mishaps")  # noqa: S311  a replay, no secret
    found = Mishaps()
    kinds = [(kind, scope) for number in range(3) for kind in KINDS for scope in kind.scopes[number : number + 1]]
    at = since + timedelta(hours=1)
    while at + every <= until and kinds:
        for place, (kind, scope) in enumerate(kinds):
            mishap = _placed(shop, dice, kind, scope, (at, at + every - APART))
            if mishap is not None:
                found.all.append(mishap)
                kinds.append(kinds.pop(place))
                break
        at += every
    return found


def _placed(
    shop: Shop, dice: random.Random, kind: Kind, scope: Mapping[str, str], within: tuple[datetime, datetime]
) -> Mishap | None:
    issuer = scope.get("issuer", "")
    where = {name: value for name, value in scope.items() if name != "issuer"}
    kind = kind._replace(bent=replace(kind.bent, issuer=issuer))
    flows = [flow for flow in shop.flows if in_scope(flow.cell, where)]
    first, last = within
    for _ in range(40):
        since = first + dice.randrange(max(1, int((last - first) / MINUTE))) * MINUTE
        until = since + dice.randint(20, 60) * MINUTE
        if all(sum(shop.busy(at, flow) for flow in flows) >= kind.attempts for at in (since, since + 10 * MINUTE)):
            return Mishap(kind, scope, since, until, frozenset(flow.cell for flow in flows))
    return None
