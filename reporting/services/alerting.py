"""What is wrong becomes alerts, and each alert what the channels of its rules are to be told: once, and its end too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from payments.kernel import clock, ids, jobs, unit
from payments.kernel.attention import Severity
from reporting.models.alerts import Alert, AlertChannel, AlertRule, ChannelKind, Notice, Source, Told
from reporting.uptime import telling
from reporting.uptime.telling import Subject


def tell(*subjects: Subject) -> None:
    """Something is wrong, or still is: whoever the rules name is told once, and again when it becomes worse."""
    with unit.work():
        note(subjects)


def over(source: Source, keys: Iterable[str]) -> None:
    """It is over: the channels that were told are told so. Where nothing is open under a key, nothing happens."""
    with unit.work():
        end(source, keys)


def taken(source: Source, people: Mapping[str, str]) -> None:
    """Somebody looks after it, by key: PagerDuty calls nobody else, and no channel is told again."""
    with unit.work():
        for row in _open(source, people):
            if row.taken_by != people[row.key]:
                row.change(taken_by=people[row.key][:80])
                _rest(row)


def note(subjects: Sequence[Subject]) -> None:
    """The same as `tell`, with the open unit."""
    open_now = {(row.source, row.key): row for row in _open_of(subjects)}
    rules = list(AlertRule.objects.filter(enabled=True).prefetch_related("channels"))
    for subject in subjects:
        row = open_now.get((subject.source, subject.key))
        if row is None:
            _open_one(subject, rules)
        else:
            _renew(row, subject, rules)


def end(source: Source, keys: Iterable[str]) -> None:
    """The same as `over`, with the open unit. Whom nobody has told that it was wrong, nobody tells that it is over."""
    now = clock.now()
    for row in _open(source, keys):
        row.change(closed_at=now)
        for notice in row.notices.select_for_update():
            known = notice.told or notice.carries
            notice.change(wish=Told.CLOSED if known else "", due_at=now if known else None, silence=None)
            if known:
                call(notice.channel_id, now)


def call(channel_id: str, at: datetime) -> None:
    """Have a channel's message written and sent at a moment, with the open unit; once for all that waits by then."""
    jobs.enqueue(
        "send_alerts", run_at=at if at > clock.now() else None, unique=f"alerts:{channel_id}", channel_id=channel_id
    )


def _open(source: Source, keys: Iterable[str]) -> list[Alert]:
    found = Alert.objects.select_for_update().filter(source=source, key__in=list(keys), closed_at=None)
    return list(found.order_by("pk"))


def _open_of(subjects: Sequence[Subject]) -> list[Alert]:
    by_source: dict[str, list[str]] = {}
    for subject in subjects:
        by_source.setdefault(subject.source, []).append(subject.key)
    return [row for source, keys in by_source.items() for row in _open(Source(source), keys)]


def _open_one(subject: Subject, rules: Sequence[AlertRule]) -> None:
    row = Alert(
        id=ids.new("alt"), source=subject.source, key=subject.key, kind=subject.kind, severity=subject.severity,
        scope=dict(subject.scope), words=subject.words[:500], more=dict(subject.more), page=subject.page,
        opened_at=subject.opened_at,
    )  # fmt: skip
    unit.current().add(row)
    for channel_id, way in _ways(row, rules).items():
        _wish_new(row, channel_id, way)


def _renew(row: Alert, subject: Subject, rules: Sequence[AlertRule]) -> None:
    """It is known: what is new about it is kept, and told only where it has become worse."""
    worse = row.severity != subject.severity and telling.at_least(subject.severity, row.severity)
    new = {"words": subject.words[:500], "scope": dict(subject.scope), "more": dict(subject.more)}
    changed = {name: value for name, value in new.items() if getattr(row, name) != value}
    row.change(**changed, **({"severity": subject.severity} if worse else {}))
    if not worse:
        return
    now, known = clock.now(), {notice.channel_id: notice for notice in row.notices.select_for_update()}
    for channel_id, way in _ways(row, rules).items():
        notice = known.get(channel_id)
        if notice is None:
            _wish_new(row, channel_id, way)
        elif notice.wish != Told.OPENED:
            notice.change(wish=Told.WORSE, due_at=now)
            call(channel_id, now)


def _wish_new(row: Alert, channel_id: str, way: "_Way") -> None:
    due = clock.now() + timedelta(seconds=way.wait_seconds)
    notice = Notice(
        id=ids.new("ntc"), alert_id=row.pk, channel_id=channel_id, wish=Told.OPENED, due_at=due,
        repeat_minutes=way.repeat_minutes,
    )  # fmt: skip
    unit.current().add(notice)
    call(channel_id, due)


@dataclass(frozen=True, slots=True)
class _Way:
    """How soon a channel is told, and how often again: the most eager of the rules that name it."""

    wait_seconds: int
    repeat_minutes: int


def _ways(row: Alert, rules: Sequence[AlertRule]) -> dict[str, _Way]:
    """Where it goes to. That a channel is broken is no matter of rules: all others are told."""
    if row.source == Source.CHANNEL:
        others = AlertChannel.objects.filter(enabled=True, broken_at=None).exclude(pk=row.key).values_list("pk")
        return {channel_id: _Way(0, 0) for (channel_id,) in others}
    found: dict[str, _Way] = {}
    for rule in rules:
        if fits(rule, row):
            for channel in rule.channels.all():
                if channel.enabled:
                    found[channel.pk] = _eager(found.get(channel.pk), rule)
    return found


def _eager(known: _Way | None, rule: AlertRule) -> _Way:
    if known is None:
        return _Way(rule.wait_seconds, rule.repeat_minutes)
    again = [minutes for minutes in (known.repeat_minutes, rule.repeat_minutes) if minutes]
    return _Way(min(known.wait_seconds, rule.wait_seconds), min(again, default=0))


def fits(rule: AlertRule, row: Alert) -> bool:
    """Whether a rule is about an alert."""
    return (
        rule.source == row.source
        and (not rule.kinds or row.kind in rule.kinds)
        and telling.at_least(row.severity, rule.least)
        and telling.concerns(row.scope, rule.scope)
        and row.opened_at >= rule.live_since
    )


def _rest(row: Alert) -> None:
    """It is looked after: a channel that knows people is told, the others are not told again."""
    now = clock.now()
    for notice in row.notices.select_for_update(of=("self",)).select_related("channel"):
        if (notice.told or notice.carries) and notice.channel.kind == ChannelKind.PAGERDUTY:
            notice.change(wish=Told.TAKEN, due_at=now)
            call(notice.channel_id, now)
        elif notice.wish == Told.REPEATED:
            notice.change(wish="", due_at=None)


def of_channel(channel: AlertChannel) -> Subject:
    """That a channel does not take what it is told."""
    return Subject(
        source=Source.CHANNEL, key=channel.pk, kind=channel.kind, severity=Severity.URGENT,
        words=f"The alert channel {channel.name} does not take messages: {channel.problem}",
        page=f"/admin/reporting/alertchannel/{channel.pk}/change/", opened_at=clock.now(),
    )  # fmt: skip
