"""Changing what goes back on one's own word: less at once, more only when a second person agrees."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db import connection

from payments.gateway.switches import AnotherPersonNeeded
from payments.kernel import audit, clock, ids, money, unit
from payments.kernel.errors import Refusal
from payments.rest.models import ApiClient
from refunds import policy
from refunds.models import EVERY_CLIENT, RefundLimit
from refunds.states import LimitStatus


class LimitInvalid(Refusal):
    """The refund limit does not say clearly whose it is, of what currency, or how much."""

    code, status = "refund_limit_invalid", 422


class LimitUnexpectedState(Refusal):
    """The refund limit is in a state in which this cannot be done."""

    code, status = "refund_limit_unexpected_state", 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A limit as somebody wants it: of a role, of `api` (every client without its own), or of a client by its name.

    Amounts are minor units, None for any amount.
    """

    whose: str
    currency: str
    each: int | None
    daily: int | None


def propose(wanted: Wanted, *, by: str) -> RefundLimit:
    """Write a limit down: in force at once when it allows no more than the one before it, else when another agrees."""
    role, client = _owner(wanted.whose.strip())
    _refuse_unless_clear(wanted)
    with unit.work() as work:
        rows = _locked(role, client, wanted.currency)
        row = RefundLimit(
            id=ids.new("lim"),
            role=role,
            client=client,
            currency=wanted.currency,
            each_minor=wanted.each,
            daily_minor=wanted.daily,
            proposed_by=by,
        )
        work.add(row)
        audit.did("refund_limit.proposed", row.pk)
        active = next((one for one in rows if one.status == LimitStatus.ACTIVE), None)
        before = policy.Limit(active.each_minor, active.daily_minor) if active is not None else None
        if not policy.rises(before, policy.Limit(wanted.each, wanted.daily)):
            _succeed(rows, by)
            row.advance("activate", because="it allows no more than the one before it", by=by)
    return row


def agree(limit_id: str, *, by: str) -> RefundLimit:
    """A second person puts a limit in force; other proposals for the same are withdrawn."""
    proposed = RefundLimit.objects.get(pk=limit_id)
    with unit.work():
        rows = _locked(proposed.role, proposed.client, proposed.currency)
        row = next((one for one in rows if one.pk == limit_id), None)
        if row is None or not row.may("activate"):
            raise LimitUnexpectedState("The limit is not proposed any more.")
        if row.proposed_by == by:
            raise AnotherPersonNeeded("Who proposed a limit does not agree to it as well.")
        _succeed([one for one in rows if one is not row], by)
        row.advance("activate", because="a second person agrees", by=by, approved_by=by)
        audit.did("refund_limit.agreed", row.pk)
    return row


def withdraw(limit_id: str, *, by: str) -> RefundLimit:
    """Nobody wants the proposal any more; one person is enough."""
    with unit.work():
        row = RefundLimit.objects.select_for_update().get(pk=limit_id)
        if not row.may("withdraw"):
            raise LimitUnexpectedState(f"The limit is {row.status}.")
        row.advance("withdraw", because="withdrawn", by=by)
        audit.did("refund_limit.withdrawn", row.pk)
    return row


def _owner(whose: str) -> tuple[str, ApiClient | None]:
    if whose == EVERY_CLIENT or Group.objects.filter(name=whose).exists():
        return whose, None
    client = ApiClient.objects.filter(name=whose).first()
    if client is None:
        raise LimitInvalid(f"There is no role and no API client {whose}.", param="whose")
    return "", client


def _refuse_unless_clear(wanted: Wanted) -> None:
    if wanted.currency not in money.IN_USE:
        raise LimitInvalid(f"{wanted.currency} is no currency that anybody pays in.", param="currency")
    if wanted.each is not None and not 0 <= wanted.each < money.LIMIT:
        raise LimitInvalid("A limit is an amount, or nothing.", param="each")
    if wanted.daily is not None and not (wanted.each or 0) <= wanted.daily < money.LIMIT:
        raise LimitInvalid("A day has room for one refund at least.", param="daily")


def _locked(role: str, client: ApiClient | None, currency: str) -> list[RefundLimit]:
    """What is in force or proposed for one role or client and currency; nobody else changes that until the commit."""
    key = f"refunds.limits {role} {client.pk if client is not None else ''} {currency}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
    open_ = (LimitStatus.ACTIVE, LimitStatus.PROPOSED)
    rows = RefundLimit.objects.select_for_update(of=("self",)).filter(role=role, client=client, currency=currency)
    return list(rows.filter(status__in=open_).order_by("pk"))


def _succeed(rows: Sequence[RefundLimit], by: str) -> None:
    """What was in force is replaced, and what was proposed beside is withdrawn: it was meant for what was before."""
    for row in rows:
        if row.status == LimitStatus.ACTIVE:
            row.advance("replace", because="another limit replaces it", by=by, replaced_at=clock.now())
        else:
            row.advance("withdraw", because="another limit came into force meanwhile", by=by)
