"""What people have to be told: incidents, matters that are new or settled, and what is due again."""

from datetime import timedelta
from typing import Any, Final

from django.db import connection

from payments.kernel import clock, ids, redaction, unit
from payments.kernel.attention import SEVERITIES, AttentionItem, AttentionKind, Severity
from reporting.models import Incident
from reporting.models.alerts import Notice, Source
from reporting.services import alerting, incidents
from reporting.states import IncidentStatus
from reporting.uptime import postmortem
from reporting.uptime.telling import Subject

LOOK_BACK: Final = timedelta(days=2)
"""Matters that were opened before, and that nobody was told of until now, are the queue's."""
MOST: Final = 300
"""So many matters become alerts in one round."""


def look() -> None:
    """Tell of matters that are new, taken or settled since the last round, and have everything sent that is due."""
    new = [_subject(item) for item in _new()]
    if new:
        alerting.tell(*new)
    settled, people = _news()
    if settled:
        alerting.over(Source.ATTENTION, settled)
    if people:
        alerting.taken(Source.ATTENTION, people)
    looked_after = dict(Incident.objects.filter(status="open").exclude(taken_by="").values_list("pk", "taken_by"))
    if looked_after:
        alerting.taken(Source.INCIDENT, looked_after)
    _have_sent()


def tell_of_incident(incident_id: str, happened: str) -> None:
    """Tell how an incident stands by now; where it changed again since it `happened`, the newest is told."""
    incidents.tell(incident_id, happened)
    row = Incident.objects.get(pk=incident_id)
    if row.status == IncidentStatus.OPEN:
        alerting.tell(_of_incident(row))
    else:
        alerting.over(Source.INCIDENT, [row.pk])


def _of_incident(row: Incident) -> Subject:
    cost = {"at risk per minute": row.per_minute_minor, "not approved so far": row.lost_minor}
    return Subject(
        source=Source.INCIDENT, key=row.pk, kind=row.kind, severity=Severity(row.severity), words=row.words,
        scope=row.scope, more={name: postmortem.amounts(minor) for name, minor in cost.items() if minor},
        page=f"/admin/reporting/incident/{row.pk}/change/", opened_at=row.opened_at,
    )  # fmt: skip


_UNTOLD: Final = """
    SELECT i.id FROM payments_attentionitem i
     WHERE closed_at IS NULL AND opened_at >= %s AND (snoozed_until IS NULL OR snoozed_until <= %s)
       AND NOT EXISTS (SELECT FROM reporting_alert WHERE key = 'attn_' || replace(i.id::text, '-', ''))
     ORDER BY id LIMIT %s
"""
"""What rests was seen by somebody."""

_NEWS: Final = """
    SELECT a.key, i.closed_at IS NOT NULL,
           CASE WHEN i.taken_by <> '' THEN i.taken_by WHEN i.snoozed_until > %s THEN i.snoozed_by ELSE '' END AS who
      FROM reporting_alert a JOIN payments_attentionitem i ON i.id = right(a.key, 32)::uuid
     WHERE a.source = 'attention' AND a.closed_at IS NULL
       AND (i.closed_at IS NOT NULL OR (i.taken_by <> '' AND left(i.taken_by, 80) <> a.taken_by)
            OR (i.snoozed_until > %s AND a.taken_by = ''))
"""


def _new() -> list[AttentionItem]:
    now = clock.now()
    keys = [ids.encode("attn", key) for (key,) in _rows(_UNTOLD, [now - LOOK_BACK, now, MOST])]
    return list(AttentionItem.objects.filter(pk__in=keys).order_by("pk"))


def _news() -> tuple[list[str], dict[str, str]]:
    """The keys of matters that are settled, and who has taken which of the others."""
    found = _rows(_NEWS, [clock.now()] * 2)
    return [key for key, closed, _ in found if closed], {key: who for key, closed, who in found if not closed}


def _subject(item: AttentionItem) -> Subject:
    """A matter in words that may leave the house: what kind, how much, and our ids; no names, no secrets."""
    kind = AttentionKind(item.kind)
    money = {"amount": f"{item.amount.amount} {item.amount.currency.code}"} if item.amount is not None else {}
    detail = str(redaction.redact(item.detail))[:200]
    return Subject(
        source=Source.ATTENTION, key=item.pk, kind=kind, severity=SEVERITIES[kind], words=str(kind.label),
        more={"object": item.object_id, **money, "detail": detail},
        page=f"/admin/payments/attentionitem/{item.pk}/change/", opened_at=item.opened_at,
    )  # fmt: skip


def _have_sent() -> None:
    """Whatever is due, and whose job is lost or never was: what is told again, and what a silence has kept."""
    with unit.work() as work:
        work.run(_WOKEN, [clock.now()])
    due = Notice.objects.filter(due_at__lte=clock.now()).values_list("channel_id", flat=True).distinct()
    with unit.work():
        for channel_id in due:
            alerting.call(channel_id, clock.now())


_WOKEN: Final = """
    UPDATE reporting_notice n SET due_at = %s, silence_id = NULL, version = n.version + 1
      FROM reporting_silence s WHERE s.id = n.silence_id AND s.ended_at IS NOT NULL AND n.wish <> ''
"""
"""What waits for a silence that somebody has ended."""


def _rows(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
