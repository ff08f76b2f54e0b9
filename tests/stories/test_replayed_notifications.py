"""A notification is acted upon once more: beforehand it is seen what that would change, afterwards what it did."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from payments.connectors.base import EventKind
from payments.intents.services import confirm
from payments.kernel import crashpoints, unit
from payments.kernel.jobs import Job
from payments.kernel.records import StateChange
from payments.ledger import selectors as ledger
from payments.webhooks import dispatch
from payments.webhooks.models import Event, InboundEvent, InboundReplay
from payments.webhooks.services import replaying
from tests import factories
from tests.backoffice import pages


@pytest.fixture
def engineer(shop: factories.Shop) -> Client:
    """An engineer's browser."""
    call_command("roles", verbosity=0)
    user = User.objects.create_user("lena", is_staff=True)
    user.groups.set(Group.objects.filter(name="engineer"))
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def told(shop: factories.Shop) -> InboundEvent:
    """A process has died in the middle of a payment; the PSP has said how it went, and nobody has acted on it yet."""
    intent = shop.intent()
    method = confirm.Method(type="card", token="pm_card_visa", provider_account="stripe-us")
    with crashpoints.armed("confirm.answered"), pytest.raises(crashpoints.Crash):
        confirm.confirm(intent["id"], method, client_id=shop.client.pk, by="test")
    found = InboundEvent.objects.filter(type="payment_intent.succeeded")
    factories.until(found.exists)
    return found.get()


def state_of_the_world() -> tuple[Any, ...]:
    """What a rehearsal must leave as it is."""
    return (
        StateChange.objects.count(),
        Event.objects.count(),
        Job.objects.count(),
        dict(ledger.trial_balance()),
        list(InboundEvent.objects.order_by("pk").values_list("state", "attempts", "effects")),
    )


def test_what_a_replay_would_change_is_seen_without_changing_it(
    shop: factories.Shop, told: InboundEvent, engineer: Client
) -> None:
    before = state_of_the_world()
    page = pages.page_of("payments", "inboundevent", told.pk, "replay")

    said = pages.text(engineer, page)
    assert "It would be processed." in said
    assert "processing → succeeded" in said
    assert "Tells the client" in said
    assert "order.paid" in said
    assert re.search(r"Books .{10,200}stripe-us -?19.99 USD", said), "the posting, line by line"
    assert "payments_entry: " in said, "the database has counted too"
    assert state_of_the_world() == before, "looking does nothing"
    factories.work()
    assert shop.get(f"payment_intents/{Event.objects.order_by('pk')[1].object_id}")["status"] == "succeeded"


def test_a_replay_does_what_was_rehearsed_once(shop: factories.Shop, told: InboundEvent, engineer: Client) -> None:
    Job.objects.filter(name="process_inbound").delete()  # what nobody has acted on: its job is lost
    rehearsed = {one["says"].partition(":")[2] for one in replaying.rehearse(told.pk).effects if one["new"]}
    page = pages.page_of("payments", "inboundevent", told.pk, "replay")

    engineer.post(page, {"reason": "bad"})
    assert not InboundReplay.objects.exists(), "without a reason nothing is replayed"
    answer = engineer.post(page, {"reason": "Its job was lost."}, follow=True)
    assert "acted upon once more" in pages.plain(answer.content.decode())
    factories.work()
    row, told = InboundReplay.objects.get(), InboundEvent.objects.get(pk=told.pk)
    assert (row.state, told.state, row.by) == ("processed", "processed", "staff lena")
    done = {one["says"].partition(":")[2] for one in row.effects if one["new"]}
    assert {one for one in rehearsed if "→" in one} == {one for one in done if "→" in one} != set()
    factories.assert_books_close()

    assert not replaying.rehearse(told.pk).effects, "what it tells is known now"
    engineer.post(page, {"reason": "Once more, to be sure."})
    factories.work()
    assert InboundReplay.objects.order_by("-pk")[0].effects == []
    said = pages.text(engineer, pages.page_of("payments", "inboundevent", told.pk))
    assert "Nothing: it was known" in said
    assert "By its signature" in said
    factories.assert_books_close()


def test_what_processing_has_changed_stands_on_the_notification(told: InboundEvent, engineer: Client) -> None:
    factories.work()

    said = pages.text(engineer, pages.page_of("payments", "inboundevent", told.pk))
    assert "processing → succeeded" in said
    assert "Books" in said


def test_a_filtered_selection_is_replayed_once_its_number_is_confirmed(told: InboundEvent, engineer: Client) -> None:
    factories.work()
    address = pages.list_of("payments", "inboundevent") + "?state__exact=processed"
    chosen = {"action": "replay_selected", "_selected_action": [told.pk], "select_across": "1"}
    count = InboundEvent.objects.filter(state="processed").count()

    asked = pages.plain(engineer.post(address, chosen).content.decode())
    assert f"Replay notifications: {count}" in asked
    assert not InboundReplay.objects.exists()
    late = engineer.post(address, {**chosen, "confirmed": str(count + 1), "reason": "A deploy has mended it."})
    assert "Meanwhile the number has changed" in pages.plain(late.content.decode())
    assert not InboundReplay.objects.exists()
    engineer.post(address, {**chosen, "confirmed": str(count), "reason": "A deploy has mended it."})
    factories.work()
    assert InboundReplay.objects.filter(state="processed").count() == count
    factories.assert_books_close()


def test_a_rehearsal_asks_no_psp(told: InboundEvent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dispatch.HANDLERS, EventKind.PAYMENT_UPDATED, lambda *_: unit.refuse_open_transaction("a call"))
    assert replaying.rehearse(told.pk).says == "It would make a call; what follows hangs on the answer."
