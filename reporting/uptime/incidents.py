"""Reading incidents: what is wrong now, and what was."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Case, IntegerField, QuerySet, Value, When

from payments.kernel import clock
from payments.kernel.attention import Severity
from reporting.models import Incident, IncidentEntry
from reporting.states import IncidentStatus

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


def timeline(incident_id: str) -> Sequence[IncidentEntry]:
    """What happened in an incident, in its order."""
    return list(IncidentEntry.objects.filter(incident_id=incident_id).order_by("at", "pk"))
