"""Messages to channels: written, sent, recorded. A channel that hangs or fails holds up nobody but itself."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet

from payments.kernel import clock, crashpoints, ids, unit
from payments.kernel.attention import Severity
from payments.kernel.jobs import Retry
from reporting.models.alerts import AlertChannel, AlertMessage, ChannelKind, Notice, Silence, Source, Told
from reporting.services import alerting
from reporting.uptime import alerts, telling
from reporting.uptime.telling import Line

log = structlog.get_logger(__name__)

PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300))
"""How long a channel is left alone after each failure in a row; the last one for all that follow."""
BROKEN: Final = 3
"""After so many failures in a row the other channels are told."""
GIVEN_UP_AFTER: Final = timedelta(hours=1)
"""Then what is wrong by that time is told anew, instead of what was wrong when it was written."""
MOST: Final = 300
"""Alerts in one message; what is beyond follows in the next."""
NOISY: Final = (Told.OPENED, Told.WORSE, Told.REPEATED)
_BODIES: Final[Mapping[str, Callable[..., list[dict[str, Any]]]]] = {
    ChannelKind.EMAIL: telling.email,
    ChannelKind.SLACK: telling.slack,
    ChannelKind.PAGERDUTY: telling.pagerduty,
}


def send(channel_id: str) -> None:
    """Tell one channel what it is to be told by now, in one message.

    A message that was begun and whose answer nobody has recorded is sent again as it was. Raises `Retry` while the
    channel is left alone, and after a failure.
    """
    channel = AlertChannel.objects.get(pk=channel_id)
    if not channel.enabled:
        drop(channel)
        return
    if channel.paused_until is not None and channel.paused_until > clock.now():
        raise Retry(channel.paused_until - clock.now(), channel.problem)
    message = _on_its_way(channel)
    if message is None:
        return
    crashpoints.reach("alert.committed")
    answer = alerts.send(channel.kind, channel.address, message.requests, message=message.pk)
    crashpoints.reach("alert.sent")
    _record(channel.pk, message.pk, answer)
    if not answer.taken:
        raise Retry(PAUSES[min(channel.failures, len(PAUSES) - 1)], answer.problem)
    if _due_now(channel).exists():
        raise Retry(timedelta(0), "there is more to tell")


def test(channel_id: str, *, by: str) -> AlertMessage:
    """Send a message that says that it is a test; the row says what came of it. It counts as no failure."""
    channel = AlertChannel.objects.get(pk=channel_id)
    now, message_id = clock.now(), ids.new("amg")
    words = f"This is a test of the alert channel {channel.name}, asked for by {by}. Nothing is wrong."
    page = f"{settings.PUBLIC_URL}/admin/reporting/alertchannel/{channel.pk}/change/"
    line = Line(
        told=Told.OPENED, key=message_id, severity=Severity.CALM, kind="test", words=words, scope={}, more={},
        link=page, at=now,
    )  # fmt: skip
    requests = _BODIES[channel.kind]([line], message=message_id)
    if channel.kind == ChannelKind.PAGERDUTY:  # nobody has to end it by hand
        requests.append({"event_action": "resolve", "dedup_key": message_id})
    message = AlertMessage(id=message_id, channel=channel, test=True, lines=[words], requests=requests, attempts=1)
    with unit.work() as work:
        work.add(message)
    answer = alerts.send(channel.kind, channel.address, requests, message=message_id)
    with unit.work():
        message.change(**_said(answer), **{"sent_at" if answer.taken else "gave_up_at": clock.now()})
    return message


def _on_its_way(channel: AlertChannel) -> AlertMessage | None:
    """The message that is to be sent now, committed: the one that was begun, or a new one; None when none is."""
    with unit.work() as work:
        AlertChannel.objects.select_for_update().get(pk=channel.pk)
        message = AlertMessage.objects.filter(channel=channel, sent_at=None, gave_up_at=None, test=False).first()
        if message is not None:
            message.change(attempts=message.attempts + 1)
            return message
        silences = list(Silence.objects.filter(until__gt=clock.now(), ended_at=None).order_by("-until"))
        found = [notice for notice in _due(channel)[:MOST] if not _silenced(notice, silences)]
        lines = _carried(channel, found)
        if not lines:
            return None
        message = AlertMessage(id=ids.new("amg"), channel=channel, attempts=1)
        flood = sum(notice.wish in NOISY for notice, _ in lines) > telling.FLOOD
        told = [_line(notice, message.pk if flood else "") for notice, _ in lines]
        message.lines = [line.said for line in told]
        message.requests = _BODIES[channel.kind](told, message=message.pk)
        work.add(message)
        for (notice, wish), line in zip(lines, told, strict=True):
            notice.change(message_id=message.pk, carries=wish, wish="", due_at=None, bundle=line.key, silence=None)
        return message


def _due(channel: AlertChannel) -> QuerySet[Notice]:
    """What the channel is to be told now, the oldest first, and what waits for company, once something is due."""
    rows = Notice.objects.filter(channel=channel).exclude(due_at=None)
    if not _due_now(channel).exists():
        return rows.none()
    waits = Q(wish=Told.OPENED, silence=None) | Q(due_at__lte=clock.now())
    return rows.filter(waits).select_related("alert").select_for_update(of=("self",)).order_by("pk")


def _due_now(channel: AlertChannel) -> QuerySet[Notice]:
    return Notice.objects.filter(channel=channel, due_at__lte=clock.now())


def _silenced(notice: Notice, silences: Sequence[Silence]) -> bool:
    """Whether it is not told for now; then it waits for the silence's end. What is over is told all the same."""
    if notice.wish not in NOISY:
        return False
    row = _silence_of(notice, silences)
    if row is None:
        return False
    notice.change(silence=row, due_at=row.until)
    return True


def _silence_of(notice: Notice, silences: Sequence[Silence]) -> Silence | None:
    """The silence in which its alert lies: of `silences`, the longest first, the one that lasts longest."""
    alert = notice.alert
    for row in silences:
        about = row.source in ("", alert.source) and (not row.kinds or alert.kind in row.kinds)
        if about and telling.lies_in(alert.scope, row.scope) and alert.source != Source.CHANNEL:
            return row
    return None


def _carried(channel: AlertChannel, found: Sequence[Notice]) -> list[tuple[Notice, str]]:
    """The notices that a message is made of, with what each says.

    That one of many alerts under one key is over says nothing of the others: the last one ends the key.
    """
    kept, ending = [], {notice.pk for notice in found if notice.wish == Told.CLOSED}
    for notice in found:
        shared = channel.kind == ChannelKind.PAGERDUTY and notice.bundle.startswith("amg_")
        if shared and notice.wish == Told.CLOSED and _others_last(notice, ending):
            notice.change(wish="", due_at=None, told=Told.CLOSED, told_at=clock.now())
        else:
            kept.append((notice, notice.wish))
    return kept


def _others_last(notice: Notice, ending: set[str]) -> bool:
    rows = Notice.objects.filter(bundle=notice.bundle, channel_id=notice.channel_id).exclude(told=Told.CLOSED)
    return rows.exclude(pk__in=ending).exists()


def _line(notice: Notice, flood: str) -> Line:
    alert = notice.alert
    key = (flood if notice.wish in NOISY else "") if not notice.bundle else notice.bundle
    return Line(
        told=notice.wish, key=key or alert.pk, severity=Severity(alert.severity), kind=alert.kind, words=alert.words,
        scope=alert.scope, more=alert.more, link=f"{settings.PUBLIC_URL}{alert.page}" if alert.page else "",
        at=alert.opened_at,
    )  # fmt: skip


def _record(channel_id: str, message_id: str, answer: alerts.Answer) -> None:
    """Write down what the channel said, and what follows from it."""
    now = clock.now()
    with unit.work():
        channel = AlertChannel.objects.select_for_update().get(pk=channel_id)
        message = AlertMessage.objects.get(pk=message_id)
        message.change(**_said(answer))
        if answer.taken:
            message.change(sent_at=now)
            _told(message)
            if channel.broken_at is not None:
                alerting.end(Source.CHANNEL, [channel.pk])
            channel.change(failures=0, broken_at=None, paused_until=None, told_at=now, problem="")
            return
        log.warning("alert_not_sent", channel=channel.name, status=answer.status, problem=answer.problem)
        if now - message.created_at >= GIVEN_UP_AFTER:
            message.change(gave_up_at=now)
            _free(message)
        pause = PAUSES[min(channel.failures, len(PAUSES) - 1)]
        channel.change(failures=channel.failures + 1, paused_until=now + pause, problem=answer.problem)
        if channel.failures >= BROKEN and channel.broken_at is None:
            channel.change(broken_at=now)
            alerting.note([alerting.of_channel(channel)])


def _said(answer: alerts.Answer) -> dict[str, Any]:
    return {"status": answer.status, "problem": answer.problem, "milliseconds": answer.milliseconds}


def _told(message: AlertMessage) -> None:
    now = clock.now()
    for notice in message.notices.exclude(carries="").select_for_update(of=("self",)).select_related("alert"):
        lasts = notice.alert.closed_at is None and not notice.alert.taken_by
        again = notice.repeat_minutes and lasts and not notice.wish and notice.carries != Told.CLOSED
        wish = {"wish": Told.REPEATED, "due_at": now + timedelta(minutes=notice.repeat_minutes)} if again else {}
        notice.change(told=notice.carries, told_at=now, carries="", **wish)


def _free(message: AlertMessage) -> None:
    """What a message that was given up was to tell is told by the next, unless something newer is."""
    now = clock.now()
    for notice in message.notices.exclude(carries="").select_for_update():
        wish = {} if notice.wish else {"wish": notice.carries, "due_at": now}
        notice.change(carries="", **wish)


def drop(channel: AlertChannel) -> None:
    """A channel that is switched off is told nothing, also not later."""
    now = clock.now()
    with unit.work():
        for message in AlertMessage.objects.filter(channel=channel, sent_at=None, gave_up_at=None, test=False):
            message.change(gave_up_at=now, problem="the channel is switched off")
        for notice in Notice.objects.filter(channel=channel).exclude(wish="", carries="").select_for_update():
            notice.change(wish="", due_at=None, carries="")
