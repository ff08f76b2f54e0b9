"""What engineers set up: channels, rules, silences. Each change is in the audit log; addresses are never shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from payments.kernel import audit, clock, ids, unit
from payments.kernel.attention import AttentionKind, Severity
from payments.kernel.errors import Refusal
from payments.webhooks import policy
from payments.webhooks.services import targets
from reporting.models.alerts import AlertChannel, AlertMessage, AlertRule, ChannelKind, Silence, Source
from reporting.services import notifying
from reporting.uptime import alerts

SILENT_AT_MOST: Final = timedelta(days=7)
SCOPE: Final = ("account", "method", "country", "currency", "channel", "issuer")
"""The dimensions in which an incident may lie."""


class ChannelRefused(Refusal):
    """An alert channel needs a name of its own, and an address that can be called or written to."""

    code, status = "alert_channel_refused", 422


class AlertRuleRefused(Refusal):
    """An alert rule needs a name of its own, at least one channel, and kinds and a scope that exist."""

    code, status = "alert_rule_refused", 422


class SilenceRefused(Refusal):
    """A silence says why, and ends within seven days."""

    code, status = "silence_refused", 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where a channel leads: `to` for e-mail, `url` of a webhook, `routing_key` for PagerDuty, whose `url` is known."""

    kind: str
    to: Sequence[str] = ()
    url: str = ""
    routing_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rule as somebody wants it; `channels` are ids."""

    name: str
    source: str
    channels: Sequence[str]
    kinds: Sequence[str] = ()
    least: str = Severity.URGENT
    scope: Mapping[str, str] = field(default_factory=dict)
    wait_seconds: int = 20
    repeat_minutes: int = 60


def make_channel(name: str, way: Way, *, by: str) -> AlertChannel:
    """A new channel; nothing is sent to it until a rule or a test says so."""
    address, said = _address(way)
    if AlertChannel.objects.filter(name=name).exists():
        raise ChannelRefused("There is a channel of this name.", param="name")
    row = AlertChannel(id=ids.new("ach"), name=name, kind=way.kind, address=address, shown=said, made_by=by)
    with unit.work() as work:
        work.add(row)
        audit.record("alert_channel.made", row.pk, after={"name": name, "kind": way.kind, "shown": said})
    return row


def switch_channel(channel_id: str, *, on: bool) -> None:
    """Let a channel be told nothing from now on, or again. What it was not told meanwhile it never is."""
    with unit.work():
        row = AlertChannel.objects.select_for_update().get(pk=channel_id)
        row.change(enabled=on, failures=0, broken_at=None, paused_until=None)
        audit.record(f"alert_channel.switched_{'on' if on else 'off'}", row.pk, after={"enabled": on})
    if not on:
        notifying.drop(row)


def test_channel(channel_id: str, *, by: str) -> AlertMessage:
    """Send a test, and wait for what comes of it: a few seconds at most."""
    with unit.work():
        audit.record("alert_channel.tested", channel_id)
    return notifying.test(channel_id, by=by)


def make_rule(draft: Draft, *, by: str) -> AlertRule:
    """A new rule, which holds at once for what begins from now on."""
    _check(draft)
    row = AlertRule(
        id=ids.new("alr"), name=draft.name, source=draft.source, kinds=list(draft.kinds), least=draft.least,
        scope=dict(draft.scope), wait_seconds=draft.wait_seconds, repeat_minutes=draft.repeat_minutes, made_by=by,
        live_since=clock.now(),
    )  # fmt: skip
    with unit.work() as work:
        work.add(row)
        audit.record("alert_rule.made", row.pk, after={**_said(draft), "name": draft.name})
        work.write_so_far()
        row.channels.set(AlertChannel.objects.filter(pk__in=draft.channels))
    return row


def switch_rule(rule_id: str, *, on: bool) -> None:
    """Let a rule hold no longer, or again from now on."""
    with unit.work():
        row = AlertRule.objects.select_for_update().get(pk=rule_id)
        row.change(enabled=on, **({"live_since": clock.now()} if on else {}))
        audit.record(f"alert_rule.switched_{'on' if on else 'off'}", row.pk, after={"enabled": on})


def silence(
    *, source: str, kinds: Sequence[str], scope: Mapping[str, str], until: datetime, because: str, by: str
) -> Silence:
    """Nobody is told of what lies in it until then. The alerts are there all the same, and told then if they last."""
    now = clock.now()
    if not because:
        raise SilenceRefused("Say why.", param="because")
    if not now < until <= now + SILENT_AT_MOST:
        raise SilenceRefused("It ends within the next seven days.", param="until")
    if strange := _strange(scope):
        raise SilenceRefused(strange, param="scope")
    row = Silence(
        id=ids.new("sil"), source=source, kinds=list(kinds), scope=dict(scope), because=because, until=until, made_by=by
    )
    with unit.work() as work:
        work.add(row)
        after = {"source": source, "kinds": list(kinds), "scope": dict(scope), "until": until.isoformat()}
        audit.record("silence.made", row.pk, because=because, after=after)
    return row


def end_silence(silence_id: str, *, by: str) -> None:
    """End it before its time: what lasts is told within half a minute."""
    with unit.work():
        row = Silence.objects.select_for_update().get(pk=silence_id)
        if row.ended_at is not None or row.until <= clock.now():
            raise SilenceRefused("It has ended.")
        row.change(ended_at=clock.now(), ended_by=by)
        audit.record("silence.ended", row.pk)


def _address(way: Way) -> tuple[dict[str, Any], str]:
    """What is kept, encrypted, and what of it is shown."""
    if way.kind == ChannelKind.EMAIL:
        if not way.to or any("@" not in one or any(char.isspace() for char in one) for one in way.to):
            raise ChannelRefused("Say at least one e-mail address.", param="to")
        shown = ", ".join(f"{one[0]}•••@{one.rpartition('@')[2]}" for one in way.to)
        return {"to": list(way.to)}, shown[:80]
    url = way.url or (alerts.PAGERDUTY if way.kind == ChannelKind.PAGERDUTY else "")
    objection = policy.objection(url, loopback=targets.loopback_allowed())
    if objection is not None:
        raise ChannelRefused(objection, param="url")
    host = urlsplit(url).netloc
    if way.kind == ChannelKind.SLACK:
        return {"url": url}, f"{host}/…"[:80]
    if not way.routing_key:
        raise ChannelRefused("Say the integration's routing key.", param="routing_key")
    return {"url": url, "routing_key": way.routing_key}, f"{host}, key …{way.routing_key[-4:]}"[:80]


def _check(draft: Draft) -> None:
    if AlertRule.objects.filter(name=draft.name).exists():
        raise AlertRuleRefused("There is a rule of this name.", param="name")
    if not draft.channels:
        raise AlertRuleRefused("Say at least one channel.", param="channels")
    if draft.wait_seconds > 600:
        raise AlertRuleRefused("It waits for company for ten minutes at most.", param="wait_seconds")
    if draft.source == Source.ATTENTION and (unknown := set(draft.kinds) - set(AttentionKind.values)):
        raise AlertRuleRefused(f"No matter is of the kind {min(unknown)}.", param="kinds")
    if strange := _strange(draft.scope):
        raise AlertRuleRefused(strange, param="scope")


def _strange(scope: Mapping[str, str]) -> str:
    unknown = sorted(set(scope) - set(SCOPE))
    return f"{unknown[0]} is none of {', '.join(SCOPE)}." if unknown else ""


def _said(draft: Draft) -> dict[str, object]:
    return {
        "source": draft.source, "kinds": list(draft.kinds), "least": draft.least, "scope": dict(draft.scope),
        "channels": list(draft.channels),
    }  # fmt: skip
