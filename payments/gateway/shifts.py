"""Traffic that goes elsewhere for a while: a share of an account's payments, as long as something is wrong there."""

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from payments.gateway import accounts
from payments.gateway.models import TrafficShift
from payments.kernel import clock, unit
from payments.kernel.errors import invariant
from payments.kernel.records import StateChange

CACHE_SECONDS: Final = 5.0
"""A shift works within this time everywhere."""

PLACE: Final = ("method", "country", "currency")
"""What narrows a shift, besides its account."""
ALL: Final = Decimal(1)


class _Standing:
    """The open shifts, read again after a few seconds."""

    def __init__(self) -> None:
        self.read_at = -CACHE_SECONDS
        self.rows: Sequence[TrafficShift] = ()

    def all(self) -> Sequence[TrafficShift]:
        if time.monotonic() - self.read_at > CACHE_SECONDS:
            self.rows = tuple(
                TrafficShift.objects.filter(ended_at__isnull=True).select_related("account").order_by("pk")
            )
            self.read_at = time.monotonic()
        return self.rows


_standing = _Standing()


def forget() -> None:
    """Read the shifts anew at the next question."""
    _standing.read_at = -CACHE_SECONDS


def standing() -> Sequence[TrafficShift]:
    """What goes elsewhere now, as this process knows it."""
    return _standing.all()


def move_away(scope: Mapping[str, str], *, share: Decimal, because: str, incident: str, by: str) -> TrafficShift:
    """Let a place keep only `share` (0 to below 1) of its payments, with the open unit of work; works within seconds.

    `scope` names the account, and may narrow it by method, country and currency. Where these payments go elsewhere
    already, the share is set.
    """
    invariant("account" in scope and set(scope) <= {"account", *PLACE}, f"{sorted(scope)} can be shifted")
    place = {name: scope.get(name, "") for name in PLACE}
    account = accounts.account(scope["account"])
    row = TrafficShift.objects.select_for_update().filter(account=account, ended_at__isnull=True, **place).first()
    if row is None:
        now = clock.now()
        row = TrafficShift(
            account=account, **place, share=ALL, because=because[:200], incident=incident, began_at=now, set_at=now,
            set_by=by,
        )  # fmt: skip
        unit.current().add(row)
    set_share(row, share, because=because, by=by)
    return row


def set_share(row: TrafficShift, share: Decimal, *, because: str, by: str) -> None:
    """Let it keep another share, with the open unit of work; all of them end the shift."""
    before, now = row.share, clock.now()
    row.change(share=share, set_at=now, set_by=by, ended_at=now if share >= ALL else None)
    unit.current().add(
        StateChange(object_id=row.account_id, from_state=_told(before), to_state=_told(share), event="shift",
                    because=f"{row}: {because}", by=by, at=now)
    )  # fmt: skip
    unit.after_commit(forget)


def restore(row: TrafficShift, *, because: str, by: str) -> None:
    """Give it back all of its payments, with the open unit of work."""
    set_share(row, ALL, because=because, by=by)


def _told(share: Decimal) -> str:
    return f"keeps {share:.0%}"
