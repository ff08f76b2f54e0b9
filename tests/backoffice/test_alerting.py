"""Engineers say who is told what: channels with their secrets, rules and silences, by pages that everybody may read."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from payments.kernel import clock
from payments.kernel.attention import Severity
from payments.kernel.audit import AuditEvent
from payments.kernel.jobs import Queue
from reporting.models import Alert, AlertChannel, AlertMessage, AlertRule, Silence
from reporting.services import alerting
from reporting.uptime.telling import Subject
from tests import factories
from tests.backoffice import pages
from tests.webhooks.receiver import Answer, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A chat."""
    found = Receiver()
    yield found
    found.stop()


@pytest.fixture
def engineer(staff: Any) -> Client:
    """The engineer's browser."""
    browser: Client = staff("engineer")
    return browser


def new(what: str) -> str:
    """Where one is made."""
    return f"/admin/reporting/{what}/new/"


def channel(engineer: Client, receiver: Receiver, **facts: str) -> AlertChannel:
    """A channel that leads to the chat."""
    form = {"name": "ops", "kind": "slack", "url": f"{receiver.url}/s3cr3t", **facts}
    assert engineer.post(new("alertchannel"), form).status_code == 302
    return AlertChannel.objects.get(name=form["name"])


def test_a_channel_a_rule_and_what_came_of_them(engineer: Client, receiver: Receiver) -> None:
    made = channel(engineer, receiver)
    page = pages.page_of("reporting", "alertchannel", made.pk)
    assert "No rule names it" in pages.text(engineer, page)
    rule = {"name": "urgent", "source": "incident", "least": "urgent", "channels": [made.pk], "kinds": "outage",
            "scope": "account stripe-eu", "wait_seconds": "0", "repeat_minutes": "60"}  # fmt: skip
    assert engineer.post(new("alertrule"), rule).status_code == 302
    row = AlertRule.objects.get()
    assert (row.kinds, row.scope, list(row.channels.all())) == (["outage"], {"account": "stripe-eu"}, [made])

    alerting.tell(
        Subject(source="incident", key="inc_1", kind="outage", severity=Severity.URGENT, opened_at=clock.now(),
                words="Almost nothing is approved.", scope={"account": "stripe-eu"})
    )  # fmt: skip
    factories.work(Queue.ALERTS)
    assert len(receiver.received) == 1
    alert, message = Alert.objects.get(), AlertMessage.objects.get()
    assert "It is wrong" in pages.text(engineer, pages.page_of("reporting", "alert", alert.pk))
    assert "Almost nothing is approved." in pages.text(engineer, pages.page_of("reporting", "alertmessage", message.pk))
    assert "urgent" in pages.text(engineer, page)

    assert engineer.post(pages.page_of("reporting", "alertrule", row.pk, "off")).status_code == 302
    row.refresh_from_db()
    assert not row.enabled
    assert "Switch on" in pages.text(engineer, pages.page_of("reporting", "alertrule", row.pk))


def test_a_test_is_sent_and_says_what_came_of_it(engineer: Client, receiver: Receiver) -> None:
    made = channel(engineer, receiver)
    test = pages.page_of("reporting", "alertchannel", made.pk, "test")
    assert "nothing is wrong" in pages.text(engineer, test)
    assert receiver.received == []
    assert "The channel took it" in pages.plain(engineer.post(test, follow=True).content.decode())
    receiver.answer = lambda _: Answer(403, b"invalid_token")
    refused = pages.plain(engineer.post(test, follow=True).content.decode())
    assert "The channel did not take it: HTTP 403: invalid_token" in refused
    assert len(receiver.received) == 2


def test_the_address_is_shown_nowhere_and_not_in_the_audit_log(
    engineer: Client, receiver: Receiver, boss: Client
) -> None:
    made = channel(engineer, receiver)
    for browser in (engineer, boss):
        for address in (
            pages.list_of("reporting", "alertchannel"),
            pages.page_of("reporting", "alertchannel", made.pk),
        ):
            assert "s3cr3t" not in browser.get(f"/admin/reporting/{address}").content.decode()
    [event] = AuditEvent.objects.filter(action="alert_channel.made")
    assert event.by == "staff engineer"
    assert "s3cr3t" not in str((event.before, event.after))
    wrong = engineer.post(new("alertchannel"), {"name": "x", "kind": "slack", "url": "ftp://s3cr3t.example"})
    assert wrong.status_code == 200
    assert "Only https is called." in wrong.content.decode()
    assert "s3cr3t" not in wrong.content.decode()


def test_a_silence_says_why_and_is_ended_by_a_click(engineer: Client) -> None:
    form = {"source": "", "kinds": "", "scope": "", "hours": "4", "because": "The provider's maintenance"}
    assert engineer.post(new("silence"), {**form, "because": ""}).status_code == 200
    assert engineer.post(new("silence"), {**form, "scope": "country"}).status_code == 200
    assert not Silence.objects.exists()
    assert engineer.post(new("silence"), form).status_code == 302
    row = Silence.objects.get()
    assert "Silent" in pages.text(engineer, pages.page_of("reporting", "silence", row.pk))
    assert engineer.post(pages.page_of("reporting", "silence", row.pk, "end")).status_code == 302
    row.refresh_from_db()
    assert row.ended_by == "staff engineer"
    assert AuditEvent.objects.filter(action="silence.ended", object_id=row.pk).exists()


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_others_read_and_change_nothing(engineer: Client, receiver: Receiver, staff: Any, role: str) -> None:
    made, browser = channel(engineer, receiver), staff(role)
    assert "ops" in pages.text(browser, pages.page_of("reporting", "alertchannel", made.pk))
    for what in ("alertchannel", "alertrule", "silence"):
        assert browser.post(new(what), {}).status_code == 403
    assert browser.post(pages.page_of("reporting", "alertchannel", made.pk, "test")).status_code == 403
    assert receiver.received == []
