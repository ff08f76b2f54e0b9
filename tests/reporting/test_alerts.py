"""How people are told what is wrong: once, together, by the right channels, and also that it is over."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from payments.kernel import attention, clock, unit
from payments.kernel.attention import AttentionKind, Severity
from reporting.models import Alert, AlertMessage, Incident, IncidentKind, Notice, Silence, Told
from reporting.models.alerts import ChannelKind, Source
from reporting.services import alert_rules, alerting, handling, incidents, paging
from reporting.uptime.findings import Finding
from tests.reporting import paged
from tests.reporting.paged import at_once, outage, pagerduty, ruled, send, slack, texts
from tests.webhooks.receiver import Answer, Receiver

receiver, other = paged.receiver, paged.other
pytestmark = pytest.mark.django_db


def test_an_incident_is_told_once_and_its_end_to_the_same_channel(receiver: Receiver) -> None:
    channel = slack(receiver)
    alerting.tell(outage())
    send()
    alerting.tell(outage(words="Still nothing is approved."))
    send()

    [first] = texts(receiver)
    assert "Almost nothing is approved by stripe-1." in first
    assert "account: stripe-1" in first
    alerting.over(Source.INCIDENT, ["inc_1"])
    send()
    assert len(receiver.received) == 2
    assert "Over: Still nothing is approved." in texts(receiver)[1]
    [notice] = Notice.objects.filter(channel=channel)
    assert (notice.told, notice.wish, notice.due_at) == (Told.CLOSED, "", None)
    assert Alert.objects.get().closed_at is not None

    alerting.tell(outage())
    send()
    assert len(receiver.received) == 3, "the next time is another alert"


def test_what_a_rule_does_not_name_is_told_to_nobody_and_is_there_all_the_same(receiver: Receiver) -> None:
    slack(receiver, kinds=["outage"], scope={"account": "stripe-1"})
    alerting.tell(outage(2), outage(3, kind="slow"), outage(4, severity=Severity.SOON, scope={}))
    send()
    assert receiver.received == []
    assert Alert.objects.count() == 3

    alerting.tell(outage(5, scope={}), outage(6, scope={"account": "stripe-1", "country": "NL"}))
    send()
    [text] = texts(receiver)
    assert "stripe-5" in text, "what is wrong everywhere concerns the account too"
    assert "stripe-6" in text


def test_what_becomes_worse_is_told_again_and_to_whom_it_concerns_now(receiver: Receiver, other: Receiver) -> None:
    slack(receiver, "team", least=Severity.SOON)
    slack(other, "everybody")
    alerting.tell(outage(severity=Severity.SOON))
    send()
    assert (len(receiver.received), len(other.received)) == (1, 0)

    alerting.tell(outage())
    send()
    assert "Worse: " in texts(receiver)[1]
    assert "Worse" not in texts(other)[0]


def test_what_passes_while_it_waits_for_company_is_told_to_nobody(receiver: Receiver) -> None:
    slack(receiver, wait_seconds=60)
    alerting.tell(outage())
    send()
    alerting.over(Source.INCIDENT, ["inc_1"])
    at_once()
    assert receiver.received == []


def test_a_flood_is_one_message_and_wakes_the_person_on_call_once(receiver: Receiver, other: Receiver) -> None:
    slack(receiver, wait_seconds=30)
    pagerduty(other, wait_seconds=30)
    for number in range(50):
        alerting.tell(outage(number))
    send()
    assert receiver.received == []
    at_once()

    [text] = texts(receiver)
    assert text.count("Almost nothing") == 20
    assert "And 30 more." in text
    [event] = [one.event for one in other.received]
    assert event["event_action"] == "trigger"
    assert "(and 49 more)" in event["payload"]["summary"]

    alerting.over(Source.INCIDENT, [f"inc_{number}" for number in range(49)])
    at_once()
    assert len(other.received) == 1, "one of them lasts"
    alerting.over(Source.INCIDENT, ["inc_49"])
    at_once()
    assert other.received[1].event == {
        "routing_key": "R0UT1NGKEY", "event_action": "resolve", "dedup_key": event["dedup_key"]
    }  # fmt: skip


def test_events_of_pagerduty_have_what_its_interface_wants(receiver: Receiver) -> None:
    receiver.answer = lambda _: Answer(202, b'{"status":"success"}')
    pagerduty(receiver)
    alerting.tell(outage(more={"at risk": "19.99 EUR a minute"}, page="/admin/x/"))
    send()
    alerting.taken(Source.INCIDENT, {"inc_1": "staff ada"})
    alerting.taken(Source.INCIDENT, {"inc_1": "staff ada"})
    send()
    alerting.over(Source.INCIDENT, ["inc_1"])
    send()

    begun, looked_after, ended = (one.event for one in receiver.received)
    alert = Alert.objects.get()
    assert [one["event_action"] for one in (begun, looked_after, ended)] == ["trigger", "acknowledge", "resolve"]
    assert {one["dedup_key"] for one in (begun, looked_after, ended)} == {alert.pk}
    assert {one["routing_key"] for one in (begun, looked_after, ended)} == {"R0UT1NGKEY"}
    payload = begun["payload"]
    assert (payload["severity"], payload["source"], payload["class"]) == ("critical", "account stripe-1", "outage")
    assert payload["custom_details"]["at risk"] == "19.99 EUR a minute"
    assert begun["links"][0]["href"].endswith("/admin/x/")


def test_a_letter_says_what_is_wrong_and_keeps_its_name_when_it_is_sent_again() -> None:
    way = alert_rules.Way(kind=ChannelKind.EMAIL, to=["ops@example.com", "ada@example.com"])
    channel = ruled(alert_rules.make_channel("letters", way, by="staff engineer"))
    alerting.tell(outage(page="/admin/x/"))
    send()

    [letter] = mail.outbox
    assert letter.to == ["ops@example.com", "ada@example.com"]
    assert letter.subject == "URGENT: Almost nothing is approved by stripe-1."
    assert "/admin/x/" in letter.body
    assert AlertMessage.objects.get().pk in letter.extra_headers["Message-ID"]
    assert channel.shown == "o•••@example.com, a•••@example.com"


def test_a_silence_keeps_what_lies_in_it_until_it_ends(receiver: Receiver) -> None:
    slack(receiver)
    until = clock.now() + timedelta(hours=1)
    alert_rules.silence(
        source=Source.INCIDENT, kinds=["outage"], scope={"account": "stripe-1"}, until=until, because="a migration",
        by="staff engineer",
    )  # fmt: skip
    alerting.tell(outage(1), outage(2))
    send()
    [text] = texts(receiver)
    assert "stripe-2" in text
    assert "stripe-1" not in text

    with clock.at(until + timedelta(seconds=1)):
        paging.look()
        at_once()
    assert "stripe-1" in texts(receiver)[1]


def test_a_silence_that_is_ended_early_lets_go_of_what_lasts(receiver: Receiver) -> None:
    slack(receiver)
    until = clock.now() + timedelta(days=1)
    row = alert_rules.silence(source="", kinds=[], scope={}, until=until, because="a test", by="staff engineer")
    alerting.tell(outage(1), outage(2))
    send()
    alerting.over(Source.INCIDENT, ["inc_2"])
    alert_rules.end_silence(row.pk, by="staff ada")
    paging.look()
    send()

    [text] = texts(receiver)
    assert "stripe-1" in text
    assert "stripe-2" not in text, "nobody knew of it"
    with pytest.raises(alert_rules.SilenceRefused):
        alert_rules.end_silence(row.pk, by="staff ada")


def test_silences_end_within_a_week_and_say_why() -> None:
    about: dict[str, Any] = {"source": "", "kinds": [], "by": "staff ada"}
    week = clock.now() + timedelta(days=7, minutes=1)
    with pytest.raises(alert_rules.SilenceRefused):
        alert_rules.silence(scope={}, until=week, because="holidays", **about)
    with pytest.raises(alert_rules.SilenceRefused):
        alert_rules.silence(scope={}, until=clock.now() + timedelta(hours=1), because="", **about)
    with pytest.raises(alert_rules.SilenceRefused):
        alert_rules.silence(scope={"shop": "x"}, until=clock.now() + timedelta(hours=1), because="x", **about)
    assert not Silence.objects.exists()


def test_what_lasts_is_told_again_until_somebody_takes_it(receiver: Receiver) -> None:
    slack(receiver, repeat_minutes=30)
    alerting.tell(outage())
    send()
    notice = Notice.objects.get()
    assert notice.due_at is not None
    assert notice.due_at - clock.now() > timedelta(minutes=29)
    with clock.at(clock.now() + timedelta(minutes=31)):
        paging.look()
        at_once()
    assert "Still: " in texts(receiver)[1]

    alerting.taken(Source.INCIDENT, {"inc_1": "staff ada"})
    assert Notice.objects.get().due_at is None


def test_new_matters_page_by_their_severity_and_are_over_once_settled(receiver: Receiver) -> None:
    slack(receiver, source=Source.ATTENTION)
    with unit.work():
        attention.open_item(AttentionKind.UNKNOWN_OUTCOME, "att_1", "no answer for card 4111111111111111")
        attention.open_item(AttentionKind.FRAUD_WARNING, "att_2", "a warning")
    paging.look()
    paging.look()
    send()

    [text] = texts(receiver)
    assert "The PSP's answer is not known" in text
    assert "att_1" in text
    assert "4111111111111111" not in text
    assert "att_2" not in text, "that is for today, and nobody is paged"
    with unit.work():
        attention.close_items("att_1", because="it was declined", by="recovery", kind=AttentionKind.UNKNOWN_OUTCOME)
    paging.look()
    send()
    assert "Over: The PSP's answer is not known" in texts(receiver)[1]


def test_what_detection_finds_reaches_people_and_so_does_its_end(receiver: Receiver) -> None:
    slack(receiver)
    found = Finding(
        kind=IncidentKind.OUTAGE, scope={"account": "stripe-eu"}, severity=Severity.URGENT, since=clock.now(),
        per_minute={"EUR": 1999}, words="Almost nothing is approved by stripe-eu.",
    )  # fmt: skip
    at = clock.now()
    incidents.report([found], at=at)
    send()
    [text] = texts(receiver)
    assert "Almost nothing is approved by stripe-eu." in text
    assert "at risk per minute: 19.99 EUR" in text

    row = Incident.objects.get()
    handling.take(row.pk, by="staff ada")
    paging.look()
    assert Alert.objects.get().taken_by == "staff ada"
    handling.close(row.pk, because="The PSP says that it is over.", by="staff ada")
    send()
    assert "Over: Almost nothing is approved by stripe-eu." in texts(receiver)[1]
