"""Channels fail, hang, and are switched off: nobody else waits, and what was begun is sent again as it was."""

import time
from datetime import timedelta
from typing import Any

import pytest

from payments.kernel import clock, crashpoints
from payments.kernel.jobs import Job
from reporting.models import AlertChannel, AlertMessage, Notice, Told
from reporting.models.alerts import ChannelKind, Source
from reporting.services import alert_rules, alerting
from tests import factories
from tests.reporting import paged
from tests.reporting.paged import LONG_AGO, at_once, outage, send, slack, texts
from tests.webhooks.receiver import Answer, Received, Receiver

receiver, other = paged.receiver, paged.other
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("point", ["alert.committed", "alert.sent"])
def test_killed_before_or_after_sending_it_sends_the_same_message_again(receiver: Receiver, point: str) -> None:
    slack(receiver)
    alerting.tell(outage())
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        send()
    Job.objects.update(due_at=LONG_AGO)  # the lease has run out
    alerting.tell(outage(2))
    send()

    assert AlertMessage.objects.count() == 2
    bodies = [one.body for one in receiver.received]
    assert len(set(bodies)) == 2
    assert bodies.count(bodies[0]) == (2 if point == "alert.sent" else 1)
    keys = [one.headers["idempotency-key"] for one in receiver.received]
    assert keys[0] == AlertMessage.objects.order_by("pk")[0].pk
    assert set(Notice.objects.values_list("told", flat=True)) == {Told.OPENED}


def test_a_channel_that_fails_is_tried_again_and_the_others_learn_that_it_is_broken(
    receiver: Receiver, other: Receiver
) -> None:
    receiver.answer = lambda _: Answer(500, b"<b>no</b>")
    channel = slack(receiver)
    slack(other, "others", source=Source.SLO)
    alerting.tell(outage())
    send()
    assert len(receiver.received) == 1, "it is left alone for a while"
    at_once()
    assert other.received == []
    at_once()

    channel.refresh_from_db()
    assert (channel.failures, channel.problem) == (3, "HTTP 500: <b>no</b>")
    assert channel.broken_at is not None
    [text] = texts(other)
    assert "The alert channel ops does not take messages" in text

    receiver.answer = lambda _: Answer(200)
    at_once()
    assert len({one.body for one in receiver.received}) == 1, "the same message, until it is taken"
    send()
    assert "Over: The alert channel ops" in texts(other)[1]
    channel.refresh_from_db()
    assert (channel.failures, channel.problem) == (0, "")
    assert channel.broken_at is None


def test_a_channel_that_hangs_holds_up_nobody_else(
    receiver: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.uptime.alerts.ANSWER_SECONDS", 0.3)
    slack(receiver, "hangs")
    slack(other, "works")

    def hang(_: Received) -> Answer:
        factories.until(lambda: other.received)
        time.sleep(0.5)  # longer than anybody waits for it
        return Answer()

    receiver.answer = hang
    alerting.tell(outage())
    send()
    assert len(other.received) == 1
    hanging = AlertChannel.objects.get(name="hangs")
    assert hanging.problem == "no answer within 0 s"


def test_what_could_not_be_told_for_an_hour_is_told_as_it_is_then(receiver: Receiver) -> None:
    receiver.answer = lambda _: Answer(503)
    slack(receiver)
    alerting.tell(outage())
    send()
    alerting.over(Source.INCIDENT, ["inc_1"])
    alerting.tell(outage(2))
    AlertMessage.objects.update(created_at=clock.now() - timedelta(hours=2))
    at_once()
    receiver.answer = lambda _: Answer(200)
    at_once()

    last = texts(receiver)[-1]
    assert "Over: Almost nothing is approved by stripe-1." in last
    assert "stripe-2" in last


def test_a_test_is_really_sent_and_its_result_is_kept(receiver: Receiver) -> None:
    channel = slack(receiver)
    message = alert_rules.test_channel(channel.pk, by="staff ada")
    assert (message.status, message.problem) == (200, "")
    assert message.sent_at is not None
    assert "This is a test" in texts(receiver)[0]

    receiver.answer = lambda _: Answer(404, b"no_team")
    refused = alert_rules.test_channel(channel.pk, by="staff ada")
    assert (refused.sent_at, refused.problem) == (None, "HTTP 404: no_team")


def test_a_channel_that_is_switched_off_is_told_nothing_also_not_later(receiver: Receiver) -> None:
    channel = slack(receiver, wait_seconds=60)
    alerting.tell(outage())
    alert_rules.switch_channel(channel.pk, on=False)
    at_once()
    alert_rules.switch_channel(channel.pk, on=True)
    at_once()
    assert receiver.received == []


def test_addresses_are_secrets_and_lead_to_public_places_only(settings: Any) -> None:
    settings.WEBHOOK_TARGETS_ON_LOOPBACK = False
    way = alert_rules.Way(kind=ChannelKind.SLACK, url="https://hooks.example.com/services/T0/B0/s3cr3t")
    channel = alert_rules.make_channel("ops", way, by="staff ada")
    assert channel.shown == "hooks.example.com/…"
    refused = [
        alert_rules.Way(kind=ChannelKind.SLACK, url="http://169.254.169.254/latest"),
        alert_rules.Way(kind=ChannelKind.SLACK, url="https://10.0.0.1/hook"),
        alert_rules.Way(kind=ChannelKind.PAGERDUTY),
        alert_rules.Way(kind=ChannelKind.EMAIL, to=["nobody"]),
    ]
    for one in refused:
        with pytest.raises(alert_rules.ChannelRefused):
            alert_rules.make_channel("another", one, by="staff ada")
