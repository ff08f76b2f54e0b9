"""Engineers: a provider is switched off with a reason, a dead job runs again."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client

from payments.gateway import accounts
from payments.gateway.models import KillSwitch, ProviderAccount
from payments.kernel import clock
from payments.kernel.attention import AttentionItem
from payments.kernel.jobs import Job, JobRun
from payments.webhooks.models import Delivery, Endpoint, Event
from refunds.models import Refund
from tests import factories
from tests.backoffice import pages


@pytest.fixture
def engineer(staff: Any) -> Client:
    """An engineer's browser."""
    browser: Client = staff("engineer")
    return browser


@pytest.fixture
def another(staff: Any) -> Client:
    """Another engineer's browser."""
    user = User.objects.create_user("second", is_staff=True)
    user.groups.set(Group.objects.filter(name="engineer"))
    return pages.signed_in(user)


def off(reason: str) -> dict[str, str]:
    """The form that switches something off."""
    return {"reason": reason}


def test_one_switches_a_provider_off_and_two_switch_it_on_again(
    engineer: Client, another: Client, shop: factories.Shop
) -> None:
    account = ProviderAccount.objects.get(code="stripe-us")
    switch = pages.page_of("payments", "provideraccount", account.pk, "switch")
    assert "It takes no new payment" in pages.text(engineer, switch)

    engineer.post(switch, off(""))
    engineer.post(switch, off("bad"))
    account.refresh_from_db()
    assert account.enabled, "without a reason nothing is switched"

    answer = engineer.post(switch, off("Half of all cards are declined there."), follow=True)
    assert "stripe-us is switched off." in pages.plain(answer.content.decode())
    assert "stripe-us" not in [one.code for one in accounts.enabled()], "routing knows it at once"
    page = pages.text(engineer, pages.page_of("payments", "provideraccount", account.pk))
    assert "Enabled → Disabled Half of all cards are declined there. staff engineer" in page
    assert "Half of all cards" in LogEntry.objects.get().change_message

    there = engineer.get(switch)["Location"]
    engineer.post(there, off("The incident is over."))
    for _ in range(2):
        assert "stays off until somebody else agrees" in pages.text(engineer, there)
        engineer.post(there, off("Really, it is over."))
    assert not ProviderAccount.objects.get(code="stripe-us").enabled, "one person is not enough"
    assert "staff engineer wants stripe-us on again: “Really, it is over.”" in pages.text(another, there)
    another.post(there)
    assert ProviderAccount.objects.get(code="stripe-us").enabled
    assert "stripe-us" in [one.code for one in accounts.enabled()]
    late = another.post(there, follow=True)
    assert "Nothing was changed." in pages.plain(late.content.decode())


def test_two_who_switch_off_at_once_leave_it_off(engineer: Client, shop: factories.Shop) -> None:
    account = ProviderAccount.objects.get(code="stripe-us")
    switch = pages.page_of("payments", "provideraccount", account.pk, "switch")
    engineer.post(switch, off("Half of all cards are declined."))
    late = engineer.post(switch, off("Everything times out there."), follow=True)
    said = pages.plain(late.content.decode())
    assert "stripe-us is switched off already by staff engineer at" in said
    assert "Half of all cards are declined." in said
    assert "Nothing was changed." in said
    assert KillSwitch.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "target", "there"),
    [
        ("method", "card", True),
        ("country", "US", True),
        ("account", "stripe-us", True),
        ("method", "gold", False),
        ("country", "us", False),
        ("account", "stripe-mars", False),
    ],
)
def test_a_method_or_a_country_is_switched_off_and_the_door_says_so(
    engineer: Client,
    shop: factories.Shop,
    kind: str,
    target: str,
    there: bool,  # noqa: FBT001
) -> None:
    form = {"kind": kind, "target": target, "reason": "Fraudsters are at it."}
    engineer.post("/admin/payments/killswitch/new/", form)
    assert KillSwitch.objects.exists() is there
    answer = shop.call("POST", f"payment_intents/{shop.intent()['id']}/confirm", factories.card())
    assert answer.status_code == (422 if there else 200)
    if there:
        assert answer.json()["code"] == "payment_method_not_available"
        assert "Fraudsters are at it." in pages.text(engineer, pages.list_of("payments", "killswitch"))


def test_payments_that_a_switched_off_provider_has_go_on(
    engineer: Client, shop: factories.Shop, paid: dict[str, Any]
) -> None:
    account = ProviderAccount.objects.get(code="stripe-us")
    engineer.post(pages.page_of("payments", "provideraccount", account.pk, "switch"), off("An incident."))
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 100, "reason": "goodwill"})
    factories.work()

    assert Refund.objects.get().status == "succeeded"


@pytest.mark.parametrize("way", ["page", "list"])
def test_a_dead_job_runs_again(engineer: Client, shop: factories.Shop, paid: dict[str, Any], way: str) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 100, "reason": "goodwill"})
    job = Job.objects.get(name="send_refund")
    Job.objects.filter(pk=job.pk).update(state="dead", last_error="Traceback: nobody was at home")
    page = pages.page_of("payments", "job", job.pk, "replay")
    assert "nobody was at home" in pages.text(engineer, page)
    assert Job.objects.get(pk=job.pk).state == "dead", "looking does nothing"

    if way == "page":
        answer = engineer.post(page, follow=True)
    else:
        choice = {"action": "replay_selected", "_selected_action": [str(job.pk)]}
        asked = engineer.post(pages.list_of("payments", "job"), choice, follow=True)
        assert "Replay dead jobs: 1" in pages.plain(asked.content.decode())
        assert Job.objects.get(pk=job.pk).state == "dead", "it is asked with the number first"
        choice |= {"confirmed": "1", "reason": "Somebody is at home again."}
        answer = engineer.post(pages.list_of("payments", "job"), choice, follow=True)
    assert "again" in pages.plain(answer.content.decode())
    factories.work()
    assert Refund.objects.get().status == "succeeded"
    run = JobRun.objects.get(job_id=job.pk)
    assert (run.outcome, run.by) == ("replayed", "staff engineer")
    assert "nobody was at home" in pages.text(engineer, pages.list_of("payments", "jobrun"), q="send_refund")


def test_what_nobody_waits_for_is_canceled_with_a_reason(engineer: Client, db: None) -> None:
    needed = Job.objects.create(name="send_refund", queue="money", state="dead")
    idle = Job.objects.create(name="refresh_saved_method", queue="upkeep", arguments={"token_id": "x"})
    pages_of = [pages.page_of("payments", "job", row.pk, "cancel") for row in (needed, idle)]
    for page in pages_of:
        engineer.post(page, {"reason": "It is of no use any more."})
        engineer.post(page, {"reason": ""})

    assert list(Job.objects.all()) == [needed], "something waits for the refund"
    assert JobRun.objects.get().because == "It is of no use any more."


def test_engineers_see_how_far_behind_each_queue_is(engineer: Client, db: None) -> None:
    Job.objects.create(name="deliver", queue="deliveries", due_at=clock.now() - timedelta(minutes=30))
    Job.objects.create(name="deliver", queue="deliveries", due_at=clock.now() + timedelta(minutes=30))
    shown = pages.text(engineer, pages.list_of("payments", "job"))

    assert re.search(r"deliveries [-0-9: ]+ 30\Wmin 1 0 1 0", shown)
    assert "money – – 0 0 0 0" in shown


def test_dead_jobs_stand_first_and_only_they_can_be_replayed(engineer: Client, db: None) -> None:
    address = pages.list_of("payments", "job")
    Job.objects.create(name="deliver", queue="deliveries")
    assert "replay_selected" not in engineer.get(address).content.decode(), "nothing is dead"

    Job.objects.create(name="send_refund", queue="money", state="dead")
    Job.objects.create(name="capture", queue="money")
    html = engineer.get(address).content.decode()
    assert "replay_selected" in html
    listed = pages.plain(html)
    places = [listed.index(f"{name} {state}") for name, state in (("send_refund", "Dead"), ("capture", "Ready"))]
    assert places == sorted(places)


def test_a_delivery_says_what_it_waits_for(engineer: Client, shop: factories.Shop) -> None:
    intent = shop.confirm(shop.intent())
    endpoint = Endpoint.objects.create(client=shop.client, url="https://shop.example/hooks", event_types=["*"])
    for event in Event.objects.filter(object_id=intent["id"]).order_by("sequence")[:2]:
        facts = {"object_id": event.object_id, "sequence": event.sequence}
        Delivery.objects.create(endpoint=endpoint, event=event, **facts)
    address = pages.list_of("payments", "delivery")
    shown = pages.text(engineer, address)
    assert "Pending A worker" in shown
    assert "Pending Event #1 of the same object" in shown
    page = pages.page_of("payments", "delivery", Delivery.objects.get(sequence=2).pk)
    assert "Waits for Event #1 of the same object" in pages.text(engineer, page)

    Delivery.objects.update(next_attempt_at=clock.now() + timedelta(hours=1))
    assert "Its next try at" in pages.text(engineer, address)
    Endpoint.objects.update(paused_until=clock.now() + timedelta(hours=1))
    assert "The endpoint, which rests until" in pages.text(engineer, address)
    Endpoint.objects.update(enabled=False)
    assert "The endpoint, which is switched off" in pages.text(engineer, address)
    Delivery.objects.update(state="failed", next_attempt_at=None)
    assert "Nothing: it was given up" in pages.text(engineer, address)


def test_accounts_show_their_balance(staff: Any, paid: dict[str, Any]) -> None:
    finance: Client = staff("finance")
    listed = pages.text(finance, pages.list_of("payments", "account"))

    assert "order_clearing USD liability 19.99 USD credit" in listed
    assert "psp_receivable/stripe-us USD asset 19.99 USD debit" in listed
    account: Any = apps.get_model("payments", "Account").objects.get(code="order_clearing")
    assert "Balance 19.99 USD credit" in pages.text(finance, pages.page_of("payments", "account", account.pk))


def test_a_job_that_lives_is_not_replayed(engineer: Client, shop: factories.Shop, paid: dict[str, Any]) -> None:
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 100, "reason": "goodwill"})
    job = Job.objects.get(name="send_refund")

    answer = engineer.post(pages.page_of("payments", "job", job.pk, "replay"), follow=True)
    assert "It is not dead: it runs by itself." in pages.plain(answer.content.decode())
    assert not LogEntry.objects.exists()


def test_what_needs_a_person_is_seen_with_its_age(
    engineer: Client, shop: factories.Shop, sim: factories.Simulator
) -> None:
    empty = pages.text(engineer, pages.list_of("payments", "attentionitem"))
    assert "Nothing needs a person. That is how it should be." in empty

    sim.scenario("payment_intents.confirm", "wrong_amount", times=1)
    shop.confirm(shop.intent())
    item = AttentionItem.objects.get()
    assert "0 min" in pages.text(engineer, pages.list_of("payments", "attentionitem"), state="open")
    assert "asked for 19.99 USD" in pages.text(engineer, pages.page_of("payments", "attentionitem", item.pk))
