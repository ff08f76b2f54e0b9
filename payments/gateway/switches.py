"""Kill switches: one person switches an account, a method or a country off; two switch it on again."""

import time
from collections.abc import Collection
from typing import Final

from django.db import connection

from payments.gateway import accounts
from payments.gateway.models import KillSwitch, ProviderAccount, SwitchKind
from payments.kernel import audit, clock, unit
from payments.kernel.errors import Refusal
from payments.kernel.records import StateChange

CACHE_SECONDS: Final = 5.0
"""A switch works within this time everywhere."""


class SwitchedAlready(Refusal):
    """Somebody was quicker: it stands as it was wanted to, or another switch is under way."""

    code, status = "switched_already", 409


class AnotherPersonNeeded(Refusal):
    """Who asked for something that takes two people does not agree to it as well."""

    code, status = "another_person_needed", 403


class _Off:
    """What is switched off, read again after a few seconds."""

    def __init__(self) -> None:
        self.read_at = -CACHE_SECONDS
        self.targets: dict[str, frozenset[str]] = {}

    def of(self, kind: SwitchKind) -> frozenset[str]:
        if time.monotonic() - self.read_at > CACHE_SECONDS:
            rows = list(KillSwitch.objects.filter(on_at__isnull=True).values_list("kind", "target"))
            self.targets = {each: frozenset(target for of, target in rows if of == each) for each in SwitchKind.values}
            self.read_at = time.monotonic()
        return self.targets[kind]


_off = _Off()


def forget() -> None:
    """Read the switches and the accounts anew at the next question."""
    _off.read_at = -CACHE_SECONDS
    accounts.forget()


def off(kind: SwitchKind) -> Collection[str]:
    """What of this kind takes no new payments."""
    return _off.of(kind)


def open_switch(kind: str, target: str) -> KillSwitch | None:
    """The switch by which something is off now."""
    return KillSwitch.objects.filter(kind=kind, target=target, on_at__isnull=True).first()


def switch_off(kind: SwitchKind, target: str, *, because: str, by: str) -> KillSwitch:
    """No new payments for it, within 5 seconds everywhere. Payments that it already has go on."""
    with unit.work() as work:
        _one_at_a_time(kind, target)
        if open_switch(kind, target) is not None:
            raise SwitchedAlready(f"{target} is switched off already.")
        row = KillSwitch(kind=kind, target=target, off_by=by, off_because=because, off_at=clock.now())
        work.add(row)
        _account(row, enabled=False)
        _tell(row, "enabled", "disabled", because, by)
        audit.did("kill_switch.switched_off", row.pk, because=because)
    forget()
    return row


def ask_on(switch_id: str, *, because: str, by: str) -> KillSwitch:
    """Wish for it to take payments again: another person has to agree."""
    with unit.work():
        row = _held(switch_id)
        row.change(asked_by=by, asked_because=because, asked_at=clock.now())
        _tell(row, "disabled", "disabled", f"wanted on again: {because}", by)
        audit.did("kill_switch.on_asked", row.pk, because=because)
    return row


def agree(switch_id: str, *, by: str) -> KillSwitch:
    """The second person: it takes payments again, within 5 seconds everywhere."""
    with unit.work():
        row = _held(switch_id)
        if not row.asked_by or row.asked_by == by:
            raise AnotherPersonNeeded("Another person has to agree with the one who asked.")
        row.change(on_by=by, on_at=clock.now())
        _account(row, enabled=True)
        _tell(row, "disabled", "enabled", f"{row.asked_because} (asked by {row.asked_by})", by)
        audit.did("kill_switch.switched_on", row.pk, because=row.asked_because)
    forget()
    return row


def _one_at_a_time(kind: str, target: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"kill switch {kind} {target}"])


def _held(switch_id: str) -> KillSwitch:
    row = KillSwitch.objects.select_for_update().get(pk=switch_id)
    if row.on_at is not None:
        raise SwitchedAlready(f"{row.target} is switched on already.")
    return row


def _account(row: KillSwitch, *, enabled: bool) -> None:
    """An account's own row says so too: it is what lists and reports read."""
    if row.kind == SwitchKind.ACCOUNT:
        ProviderAccount.objects.select_for_update().get(code=row.target).change(enabled=enabled)


def _tell(row: KillSwitch, before: str, after: str, because: str, by: str) -> None:
    """Leave on record who did it and why: with the account, or with the switch itself."""
    about = accounts.account(row.target).pk if row.kind == SwitchKind.ACCOUNT else row.pk
    event = "ask" if before == after else after.removesuffix("d")
    unit.current().add(
        StateChange(object_id=about, from_state=before, to_state=after, event=event, because=because, by=by,
                    at=clock.now())
    )  # fmt: skip
