"""What needs a person, by kind; and money at rest: what has stood in one state for longer than it should."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from payments.kernel import clock
from payments.kernel.attention import OWNERS, SEVERITIES, AttentionKind, Severity


@dataclass(frozen=True, slots=True)
class Pile:
    """The open items of one kind: how many, how many of these rest, minor units per currency, and the oldest."""

    kind: AttentionKind
    severity: Severity
    owner: str
    count: int
    snoozed: int
    amounts: Mapping[str, int]
    oldest: datetime


_PILES: Final = """
    SELECT kind, currency, count(*), count(*) FILTER (WHERE snoozed_until > %s), sum(amount_minor), min(opened_at)
      FROM payments_attentionitem WHERE closed_at IS NULL GROUP BY kind, currency
"""


def piles() -> list[Pile]:
    """Every kind of which something is open, the most urgent first, and then the oldest."""
    found: dict[AttentionKind, list[tuple[str, int, int, int | None, datetime]]] = {}
    for kind, *rest in _rows(_PILES, [clock.now()]):
        found.setdefault(AttentionKind(kind), []).append(tuple(rest))  # type: ignore[arg-type]  # of the query
    rank = list(Severity)
    made = [
        Pile(
            kind=kind,
            severity=SEVERITIES[kind],
            owner=OWNERS[kind],
            count=sum(row[1] for row in rows),
            snoozed=sum(row[2] for row in rows),
            amounts={row[0]: int(row[3]) for row in rows if row[0] and row[3] is not None},
            oldest=min(row[4] for row in rows),
        )
        for kind, rows in found.items()
    ]
    return sorted(made, key=lambda pile: (rank.index(pile.severity), pile.oldest))


@dataclass(frozen=True, slots=True)
class State:
    """One state in which money rests, and for how long it may; `found` is SQL of (currency, minor, since)."""

    name: str
    words: str
    longest: timedelta
    found: str


_ATTEMPTS: Final = """
    SELECT currency, amount_minor AS minor, created_at AS since FROM payments_paymentattempt
     WHERE status IN ('ready', 'sent', 'action_required', 'pending', 'unknown', 'authorized')
       AND superseded_at IS NULL AND status """
_REFUNDS: Final = """
    SELECT currency, amount_minor AS minor, created_at AS since FROM refunds_refund
     WHERE settled_at IS NULL AND status """

STATES: Final[Sequence[State]] = (
    State("unknown", "Payments whose outcome is not known", timedelta(minutes=2), f"{_ATTEMPTS} = 'unknown'"),
    State("sent", "Payments that nobody has answered", timedelta(minutes=1), f"{_ATTEMPTS} IN ('ready', 'sent')"),
    State("processing", "Payments that the PSP still processes", timedelta(days=10), f"{_ATTEMPTS} = 'pending'"),
    State("authorized", "Reservations that are not captured", timedelta(days=6), f"{_ATTEMPTS} = 'authorized'"),
    State("refund_held", "Refunds that wait for a second person or for their time", timedelta(days=1),
          f"{_REFUNDS} IN ('requested', 'needs_approval', 'approved', 'held')"),
    State("refund_unknown", "Refunds whose outcome is not known", timedelta(minutes=2), f"{_REFUNDS} = 'unknown'"),
    State("refund_pending", "Refunds that the PSP has and has not made", timedelta(days=10),
          f"{_REFUNDS} IN ('sent', 'pending', 'requires_action')"),
    State("dispute", "Disputes that are due within three days", timedelta(days=-3), """
    SELECT currency, amount_minor AS minor, respond_by AS since FROM refunds_dispute
     WHERE closed_at IS NULL AND respond_by IS NOT NULL AND status IN ('inquiry', 'needs_response')"""),
    State("payout", "Payouts on their way to the bank", timedelta(days=5), """
    SELECT currency, abs(amount_minor) AS minor, announced_at AS since FROM reporting_payout
     WHERE status IN ('announced', 'paid')"""),
    State("file", "Settlement files that did not come", timedelta(0), """
    SELECT '' AS currency, NULL::bigint AS minor, since FROM reporting_discrepancy
     WHERE status IN ('open', 'proposed') AND kind = 'file_missing'"""),
    State("notification", "Notifications that are not processed", timedelta(minutes=5), """
    SELECT '' AS currency, NULL::bigint AS minor, received_at AS since FROM payments_inboundevent
     WHERE state IN ('received', 'waiting', 'failed')"""),
    State("delivery", "Events that have not reached a client", timedelta(minutes=5), """
    SELECT '' AS currency, NULL::bigint AS minor, created_at AS since FROM payments_delivery
     WHERE state = 'pending'"""),
    State("job", "Jobs that are dead", timedelta(0), """
    SELECT '' AS currency, NULL::bigint AS minor, due_at AS since FROM payments_job WHERE state = 'dead'"""),
)  # fmt: skip
"""Each found by an index of what is open. How long is our own rule: the first ones are what recovery promises, ten days
what PSPs name for refunds at most, six days a card's reservation less one."""


@dataclass(frozen=True, slots=True)
class Rest:
    """How one state stands: all that rests there, how much of it for too long, minor units of that per currency."""

    state: State
    count: int
    late: int
    amounts: Mapping[str, int]
    oldest: datetime | None


def resting() -> list[Rest]:
    """Every state, in the order of `STATES`, also where nothing rests."""
    return [_rest(state) for state in STATES]


def _rest(state: State) -> Rest:
    sql = (
        "SELECT currency, count(*), count(*) FILTER (WHERE since < %s), sum(minor) FILTER (WHERE since < %s),"  # noqa: S608
        f" min(since) FROM ({state.found}) AS found GROUP BY currency"
    )
    limit = clock.now() - state.longest
    rows = _rows(sql, [limit, limit])
    return Rest(
        state,
        count=sum(row[1] for row in rows),
        late=sum(row[2] for row in rows),
        amounts={row[0]: int(row[3]) for row in rows if row[0] and row[3] is not None},
        oldest=min((row[4] for row in rows), default=None),
    )


def _rows(sql: str, params: list[datetime]) -> list[tuple[str, int, int, int | None, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
