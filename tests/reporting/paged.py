"""Channels with their rules, what is wrong, and what people have read of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from payments.kernel import clock
from payments.kernel.attention import Severity
from payments.kernel.jobs import Job, Queue
from reporting.models import AlertChannel, Notice
from reporting.models.alerts import ChannelKind, Source
from reporting.services import alert_rules
from reporting.uptime.telling import Subject
from tests import factories
from tests.webhooks.receiver import Answer, Receiver

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where the alerts arrive."""
    found = Receiver()
    found.answer = lambda _: Answer(200, b"ok")
    yield found
    found.stop()


@pytest.fixture
def other() -> Iterator[Receiver]:
    """Where another channel's alerts arrive."""
    found = Receiver()
    yield found
    found.stop()


def slack(receiver: Receiver, name: str = "ops", **rule: Any) -> AlertChannel:
    """A channel that is told of urgent incidents at once, unless its rule says otherwise."""
    way = alert_rules.Way(kind=ChannelKind.SLACK, url=receiver.url)
    return ruled(alert_rules.make_channel(name, way, by="staff engineer"), **rule)


def pagerduty(receiver: Receiver, **rule: Any) -> AlertChannel:
    """The same for whoever is on call."""
    way = alert_rules.Way(kind=ChannelKind.PAGERDUTY, url=receiver.url, routing_key="R0UT1NGKEY")
    return ruled(alert_rules.make_channel("on call", way, by="staff engineer"), **rule)


def ruled(channel: AlertChannel, **facts: Any) -> AlertChannel:
    """A rule for a channel: what is urgent, at once, and never again."""
    about = {"source": Source.INCIDENT, "wait_seconds": 0, "repeat_minutes": 0, **facts}
    draft = alert_rules.Draft(name=f"for {channel.name}", channels=[channel.pk], **about)
    alert_rules.make_rule(draft, by="staff engineer")
    return channel


def outage(number: int = 1, **facts: Any) -> Subject:
    """Something that is wrong."""
    about: dict[str, Any] = {
        "source": Source.INCIDENT,
        "key": f"inc_{number}",
        "kind": "outage",
        "severity": Severity.URGENT,
        "scope": {"account": f"stripe-{number}"},
        "words": f"Almost nothing is approved by stripe-{number}.",
        "opened_at": clock.now(),
    }
    return Subject(**{**about, **facts})


def send() -> None:
    """What the workers of alerts do now."""
    factories.work(Queue.ALERTS)


def at_once() -> None:
    """The time comes of everything that waits; jobs go by the database's clock."""
    Job.objects.filter(name="send_alerts").update(due_at=LONG_AGO)
    AlertChannel.objects.update(paused_until=None)
    Notice.objects.exclude(due_at=None).update(due_at=LONG_AGO)
    send()


def texts(receiver: Receiver) -> list[str]:
    """What Slack has read."""
    return [one.event["text"] for one in receiver.received]
