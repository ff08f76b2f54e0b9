"""Reading incidents: what is wrong now, and what was."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.db.models import Case, IntegerField, QuerySet, Value, When

from payments.intents.models import PaymentAttempt
from payments.kernel import clock
from payments.kernel.attention import Severity
from reporting.models import Incident, IncidentEntry
from reporting.states import IncidentStatus
from reporting.uptime.findings import within
from reporting.uptime.grouping import PAYING

MOST: Final = 50
"""Incidents at one time that are looked through for a payment."""

_GRAVITY = Case(
    *(When(severity=severity, then=Value(rank)) for rank, severity in enumerate(Severity)),
    output_field=IntegerField(),
)


def open_incidents() -> QuerySet[Incident]:
    """What is wrong now, the gravest first, then the oldest."""
    return Incident.objects.filter(status=IncidentStatus.OPEN).order_by(_GRAVITY, "opened_at")


def of_days(days: int) -> QuerySet[Incident]:
    """What was wrong at any time of the last days, the newest first; not what became part of another incident.

    One that is open has no `closed_at`.
    """
    since = clock.now() - timedelta(days=days)
    told = Incident.objects.filter(merged_into__isnull=True).exclude(closed_at__lt=since)
    return told.order_by("-opened_at")


def touching(attempts: Sequence[PaymentAttempt], country: str) -> list[Incident]:
    """What was wrong with paying where and while some of a payment's attempts were made, the oldest first; one query.

    `country` is the payment's. What became part of another incident is told by that one.
    """
    if not attempts:
        return []
    first, last = (pick(one.created_at for one in attempts) for pick in (min, max))
    rows = Incident.objects.filter(kind__in=PAYING, merged_into__isnull=True, since__lte=last)
    places = [(one.created_at, _place(one, country)) for one in attempts]
    return [
        row
        for row in rows.exclude(closed_at__lt=first).order_by("since", "pk")[:MOST]
        if any(
            row.since <= at and (row.closed_at is None or at <= row.closed_at) and within(there, row.scope)
            for at, there in places
        )
    ]


def _place(attempt: PaymentAttempt, country: str) -> dict[str, str]:
    return {"account": attempt.account.code, "method": attempt.method, "country": country,
            "currency": attempt.currency, "channel": attempt.channel, "issuer": attempt.issuer}  # fmt: skip


def timeline(incident_id: str) -> Sequence[IncidentEntry]:
    """What happened in an incident, in its order."""
    return list(IncidentEntry.objects.filter(incident_id=incident_id).order_by("at", "pk"))
