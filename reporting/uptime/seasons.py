"""Weeks of payments as a shop sees them, minute by minute: seasons, promotions, holidays, growth, and late answers."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from reporting.uptime.observed import OTHERS, Cell, Cells, Counts, issued

MINUTE: Final = timedelta(minutes=1)
BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
_ANSWERS_DRAWN: Final = 4096
_GAMMA: Final = math.log(1.1)


class Flow(NamedTuple):
    """One cell, as a shop has it: attempts a minute at its busiest, what is approved, and a mean amount."""

    cell: Cell
    busiest: float
    approved: float
    minor: float


@dataclass(frozen=True, slots=True)
class Bent:
    """What is otherwise with a cell for a while. `not_approved` is added to the share that is not.

    `reason` is the category that is declined more; None: there is no answer. Where there is an `issuer`, it is its
    cards alone. `slower` multiplies how long answers take, of `slow_part` of them. `waiting` is the share that never
    ends, `kept` that of the attempts that are still made. `more` are attempts a minute that there would not be,
    declined all but some, of `minor` each.
    """

    not_approved: float = 0.0
    reason: int | None = 1
    slower: float = 1.0
    slow_part: float = 1.0
    issuer: str = ""
    waiting: float = 0.0
    kept: float = 1.0
    more: float = 0.0
    minor: float = 0.0
    silent: bool = False


class Bending(Protocol):
    """Something that bends what happens: mishaps do."""

    def bent(self, at: datetime, cell: Cell) -> Bent | None:
        """How a cell is bent in the minute `at`, if it is."""

    def is_silent(self, at: datetime, account: str) -> bool:
        """Whether an account sends no notifications in the minute `at`."""


_METHODS: Final[Sequence[tuple[str, str, Mapping[str, float], float, float, float]]] = (
    # method, accounts' shares by country; attempts a minute at the busiest, approved, mean minor units
    ("card", "DE", {"north-eu": 0.65, "west-eu": 0.35}, 70, 0.90, 4500),
    ("card", "FR", {"north-eu": 0.65, "west-eu": 0.35}, 45, 0.87, 3900),
    ("card", "NL", {"north-eu": 0.7, "west-eu": 0.3}, 15, 0.92, 5100),
    ("card", "ES", {"north-eu": 0.6, "west-eu": 0.4}, 28, 0.84, 3300),
    ("card", "PL", {"north-eu": 0.6, "west-eu": 0.4}, 16, 0.86, 15000),
    ("card", "GB", {"north-eu": 0.5, "west-eu": 0.5}, 55, 0.91, 4100),
    ("card", "US", {"west-us": 1.0}, 110, 0.88, 5200),
    ("card", "BR", {"west-us": 1.0}, 35, 0.74, 18000),
    ("paypal", "US", {"west-us": 1.0}, 26, 0.95, 4700),
    ("paypal", "DE", {"north-eu": 1.0}, 30, 0.95, 4300),
    ("paypal", "GB", {"north-eu": 1.0}, 16, 0.94, 3700),
    ("ideal", "NL", {"north-eu": 1.0}, 45, 0.93, 5600),
    ("pix", "BR", {"west-us": 1.0}, 30, 0.90, 9000),
)
_CURRENCIES: Final = {"GB": "GBP", "US": "USD", "BR": "BRL", "PL": "PLN"}
_ZONES: Final = {"US": -6, "BR": -3, "GB": 0}
_CHANNELS: Final = {"web": 0.62, "ios": 0.24, "android": 0.14}
_REASONS: Final = (10, 65, 87, 92, 100)
"""Of a hundred declines, 10 are hard, 55 soft, 22 the customer's, 5 fraud and 8 technical, one upon the other."""
_MILLISECONDS: Final = {"north-eu": 420.0, "west-eu": 650.0, "west-us": 530.0}
_SPREAD: Final = 0.45
_ISSUERS: Final = (0.35, 0.22, 0.12, 0.06)
"""The shares of a country's largest issuers; the others have the rest."""
_LEFT: Final = {"card": 0.015, "paypal": 0.04, "ideal": 0.06, "pix": 0.05}
"""Of payments that could be approved, how many are never confirmed."""
_WEBHOOKS: Final = 1.8
"""Notifications of each approved attempt."""


def flows(size: float = 1.0) -> list[Flow]:
    """Every cell of the shop; `size` makes it busier."""
    return [
        Flow(
            (account, method, country, _CURRENCIES.get(country, "EUR"), channel),
            size * busiest * share * part,
            approved - (0.015 if account == "west-eu" else 0.0),
            minor,
        )
        for method, country, accounts, busiest, approved, minor in _METHODS
        for account, share in accounts.items()
        for channel, part in _CHANNELS.items()
    ]


def share_of(country: str, issuer: str) -> float:
    """The share of a country's cards that an issuer has."""
    return next((share for number, share in enumerate(_ISSUERS, 1) if issuer == f"{country} BANK {number}"), 0.0)


class Round(NamedTuple):
    """What one look finds: minutes that are new or have changed, and the notifications that came in the newest one,
    which is told by issuer besides."""

    at: datetime
    seen: Mapping[datetime, Cells]
    webhooks: Mapping[str, int]
    issued: Cells = MappingProxyType({})


class Hour(NamedTuple):
    """An hour as it was, with nothing that bends it."""

    at: datetime
    cells: Cells
    webhooks: Mapping[str, int]
    issued: Cells


@dataclass
class Shop:
    """A shop's weeks. The same seed brings the same ones."""

    seed: int
    size: float = 1.0
    flows: list[Flow] = field(init=False)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.flows = flows(self.size)
        self.dice = random.Random(self.seed)  # noqa: S311  a season, no secret
        self._struck: dict[Cell, int] = {}
        self._wobble = dict.fromkeys(_MILLISECONDS, 0.0)
        self._promoted: dict[str, tuple[datetime, float]] = {}
        self._seasons: dict[tuple[datetime, str], float] = {}
        self._drawn = {
            account: [(self._bucket(account), 1) for _ in range(_ANSWERS_DRAWN)] for account in sorted(_MILLISECONDS)
        }

    def hours(self, since: datetime, until: datetime) -> Iterator[Hour]:
        """Hours as they were before, for what is usual to be learned from."""
        at = since
        while at < until:
            cells = self._cells(at, 60.0, None)
            yield Hour(at, cells, self._webhooks(cells), self._issued(cells))
            at += timedelta(hours=1)

    def minutes(self, since: datetime, until: datetime, bending: Bending) -> Iterator[Round]:
        """Minute after minute. In one of ten some answers come late, up to ten minutes later: it is seen twice."""
        late: dict[datetime, tuple[datetime, Cells]] = {}
        at = since
        while at < until:
            self._drift(at)
            cells = self._cells(at, 1.0, bending)
            seen: dict[datetime, Cells] = {}
            if at in late:
                began, whole = late.pop(at)
                seen[began] = whole
            if self.dice.random() < 0.1:
                late.setdefault(at + self.dice.randint(1, 10) * MINUTE, (at, cells))
                seen[at] = {cell: _without_some(counts) for cell, counts in cells.items()}
            else:
                seen[at] = cells
            webhooks = self._webhooks(cells)
            came = {name: n for name, n in webhooks.items() if not bending.is_silent(at, name)}
            yield Round(at, seen, came, self._issued(cells))
            at += MINUTE

    def busy(self, at: datetime, flow: Flow) -> float:
        """Attempts that a cell is to have in the minute `at`: day, week, growth, promotions, and holidays."""
        return flow.busiest * self._season(at, flow.cell[2])

    def _season(self, at: datetime, country: str) -> float:
        """How busy a country is."""
        if (at, country) in self._seasons:
            return self._seasons[at, country]
        local = at + timedelta(hours=_ZONES.get(country, 1))
        hour = local.hour + local.minute / 60
        day = 0.12 + 0.5 * math.exp(-(((hour - 12.5) / 3.5) ** 2)) + 0.75 * math.exp(-(((hour - 20) / 2.6) ** 2))
        week = (0.95, 0.9, 0.92, 0.95, 1.0, 1.15, 1.2)[local.weekday()]
        grown = math.exp(0.02 * ((at - BEGIN) / timedelta(weeks=1)))
        found = day * week * grown * self._promotion(at, country) * _holiday(local, country)
        if len(self._seasons) > 100:
            self._seasons = {}
        self._seasons[at, country] = found
        return found

    def _promotion(self, at: datetime, country: str) -> float:
        """Three hours of a sale, now and then; it begins within a minute."""
        until, factor = self._promoted.get(country, (BEGIN, 1.0))
        return factor if at < until else 1.0

    def _drift(self, at: datetime) -> None:
        """Rates are never quite the same: they wander by some tenths of a point, and sales begin."""
        for account in self._wobble:
            self._wobble[account] = 0.995 * self._wobble[account] + self.dice.gauss(0, 0.0004)
        if at.minute == 0 and 8 <= at.hour < 20 and self.dice.random() < 0.03:
            country = self.dice.choice(("DE", "FR", "US", "BR", "GB", "PL", "ES"))
            self._promoted[country] = (at + timedelta(hours=3), self.dice.uniform(1.5, 3.5))

    def _cells(self, at: datetime, minutes: float, bending: Bending | None) -> dict[Cell, Counts]:
        found: dict[Cell, Counts] = {}
        dice = self.dice
        self._struck = {}
        for flow in self.flows:
            bent = bending.bent(at, flow.cell) if bending else None
            attempts = _poisson(dice, self.busy(at, flow) * minutes * (bent.kept if bent else 1.0))
            counts = self._counts(at, flow, attempts, bent)
            if bent is not None and bent.more:
                counts = _more(dice, counts, bent)
            if counts.attempts:
                found[flow.cell] = counts
        return found

    def _counts(self, at: datetime, flow: Flow, attempts: int, bent: Bent | None) -> Counts:
        dice, account = self.dice, flow.cell[0]
        local = (at.hour + _ZONES.get(flow.cell[2], 1)) % 24
        refused = 1 - flow.approved + self._wobble[account] + (0.015 if local < 6 else 0.0)
        if self._promotion(at, flow.cell[2]) > 1:
            refused += 0.006
        # Who is declined tries again: declines come in small bunches.
        bad = _binomial(dice, attempts, min(0.97, refused / 1.25))
        bad = min(attempts, bad + _binomial(dice, bad, 0.25))
        reasons = [0, 0, 0, 0, 0]
        for reason in dice.choices(range(5), cum_weights=_REASONS, k=bad) if bad else ():
            reasons[reason] += 1
        no_answer = _binomial(dice, attempts - bad, 0.003)
        if bent is not None:
            struck = self._strike(flow, bent, attempts - bad - no_answer)
            if bent.reason is None:
                no_answer += struck
            else:
                reasons[bent.reason] += struck
                bad += struck
        waiting = _binomial(dice, attempts - bad - no_answer, _LEFT[flow.cell[1]] + (bent.waiting if bent else 0.0))
        answers = self._answers(account, attempts, bent)
        asked = round(attempts * flow.minor * dice.gauss(1, 0.7 / math.sqrt(attempts))) if attempts else 0
        not_approved = round(max(0, asked) * (bad + no_answer) / attempts) if attempts else 0
        told = (reasons[0], reasons[1], reasons[2], reasons[3], reasons[4])
        unknown = no_answer // 4
        approved = attempts - bad - no_answer - waiting
        silent = (no_answer - unknown, unknown, waiting)
        return Counts(attempts, approved, told, *silent, max(0, asked), not_approved, answers)

    def _strike(self, flow: Flow, bent: Bent, alive: int) -> int:
        """How many of those that are alive are struck; it is remembered of which issuer they are."""
        if not bent.issuer:
            return _binomial(self.dice, alive, bent.not_approved)
        struck = _binomial(self.dice, alive, bent.not_approved * share_of(flow.cell[2], bent.issuer))
        place = (*flow.cell[:4], "", bent.issuer)
        self._struck[place] = self._struck.get(place, 0) + struck
        return struck

    def _issued(self, cells: Cells) -> dict[Cell, Counts]:
        """What was answered of cards, by issuer: all are declined alike, but for those that were struck."""
        whole: dict[Cell, list[int]] = {}
        for cell, counts in cells.items():
            if cell[1] == "card":
                told = (counts.approved, sum(counts.declined), counts.asked_minor, counts.attempts)
                whole[cell[:4]] = [a + b for a, b in zip(whole.get(cell[:4], [0] * 4), told, strict=True)]
        found: dict[Cell, Counts] = {}
        for place, (approved, declined, asked, attempts) in whole.items():
            each = asked / attempts if attempts else 0.0
            of = {issuer: n for (*where, _, issuer), n in self._struck.items() if tuple(where) == place}
            left, rest = [approved, declined - sum(of.values())], 1.0
            for number, share in enumerate(_ISSUERS, 1):
                issuer = f"{place[2]} BANK {number}"
                own = [_binomial(self.dice, count, min(1.0, share / rest)) for count in left]
                left, rest = [count - part for count, part in zip(left, own, strict=True)], rest - share
                found[(*place, "", issuer)] = _of_issuer(own[0], own[1] + of.get(issuer, 0), each)
            found[(*place, "", OTHERS)] = _of_issuer(left[0], left[1], each)
        return {cell: counts for cell, counts in found.items() if counts.attempts}

    def _answers(self, account: str, attempts: int, bent: Bent | None) -> list[tuple[int, int]]:
        later = round(math.log(bent.slower) / _GAMMA) if bent else 0
        drawn, first = self._drawn[account], int(self.dice.random() * (_ANSWERS_DRAWN - 200))
        if attempts > 200:
            return [(bucket, attempts // 50) for bucket, _ in drawn[first : first + 50]]
        found = drawn[first : first + attempts]
        if bent is not None and bent.slow_part < 1:
            cut = _binomial(self.dice, len(found), bent.slow_part)
            return [*((bucket + later, count) for bucket, count in found[:cut]), *found[cut:]]
        return [(bucket + later, count) for bucket, count in found] if later else found

    def _bucket(self, account: str) -> int:
        milliseconds = _MILLISECONDS[account] * math.exp(self.dice.gauss(0, _SPREAD))
        return max(0, math.ceil(math.log(milliseconds) / _GAMMA))

    def _webhooks(self, cells: Cells) -> dict[str, int]:
        approved = dict.fromkeys(_MILLISECONDS, 0)
        for cell, counts in cells.items():
            approved[cell[0]] += counts.approved
        return {account: _poisson(self.dice, _WEBHOOKS * count) for account, count in approved.items()}


def _holiday(local: datetime, country: str) -> float:
    """Every third Thursday most of a country does something else; another one each time."""
    week = (local - BEGIN).days // 7
    away = ("DE", "FR", "US", "BR", "GB")[week // 3 % 5]
    return 0.35 if week % 3 == 2 and local.weekday() == 3 and country == away else 1.0


def _without_some(counts: Counts) -> Counts:
    """As it looks at first: the answers of some have not come."""
    waiting = counts.approved // 3
    return counts._replace(approved=counts.approved - waiting, waiting=counts.waiting + waiting)


def _of_issuer(approved: int, declined: int, each: float) -> Counts:
    return issued(approved, declined, round((approved + declined) * each), round(declined * each))


def _more(dice: random.Random, counts: Counts, bent: Bent) -> Counts:
    """Somebody tries cards: few of them work."""
    more = _poisson(dice, bent.more)
    work = _binomial(dice, more, 0.04)
    hard, soft, customer, fraud, technical = counts.declined
    fails, minor = more - work, round(bent.minor)
    told = (hard + fails // 2, soft + fails // 4, customer + fails - fails // 2 - fails // 4, fraud, technical)
    return counts._replace(
        attempts=counts.attempts + more,
        approved=counts.approved + work,
        declined=told,
        asked_minor=counts.asked_minor + more * minor,
        not_approved_minor=counts.not_approved_minor + fails * minor,
    )


def _poisson(dice: random.Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def _binomial(dice: random.Random, trials: int, share: float) -> int:
    if trials <= 0 or share <= 0:
        return 0
    if trials > 40:
        mean = trials * share
        if mean > 8 and trials - mean > 8:
            return min(trials, max(0, round(dice.gauss(mean, math.sqrt(mean * (1 - share))))))
    draw, count = dice.random, 0
    # From one that is struck to the next: as many steps as are struck.
    at, between = 0, math.log(1 - share)
    while True:
        at += int(math.log(1 - draw()) / between) + 1
        if at > trials:
            return count
        count += 1
