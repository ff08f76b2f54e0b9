"""Confirm it is you: what a person decides alone is decided by that person, not by who sits down at the screen."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from payments.gateway import switches
from payments.gateway.models import KillSwitch, SwitchKind
from payments.intents.services import rules
from tests import factories
from tests.backoffice import pages

PASSWORD = "correct horse battery staple"
CONFIRM = "/admin/confirm/"
LATER = timedelta(minutes=11)


@pytest.fixture
def engineer(staff: Any) -> Client:
    """An engineer's browser."""
    browser: Client = staff("engineer")
    return browser


@pytest.fixture
def off(engineer: Client) -> str:
    """The page on which a switch is asked for to be on again."""
    row = switches.switch_off(SwitchKind.COUNTRY, "AQ", because="nobody lives there", by="staff somebody")
    return pages.page_of("payments", "killswitch", row.pk, "on")


def test_for_ten_minutes_after_signing_in_nobody_is_asked(engineer: Client, off: str) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=9)):
        assert engineer.get(off).status_code == 200


def test_what_was_written_is_there_again_after_confirming_and_nothing_was_done(engineer: Client, off: str) -> None:
    with time_machine.travel(timezone.now() + LATER):
        asked = engineer.post(off, {"reason": "The penguins pay now."}, follow=True)
        assert asked.redirect_chain[0][0].startswith(CONFIRM)
        assert "Confirm it is you" in pages.plain(asked.content.decode())

        wrong = engineer.post(CONFIRM, {"password": "guessed", "next": off})
        assert "This is not your password." in pages.plain(wrong.content.decode())
        assert engineer.get(off).status_code == 302, "still asked"

        key = engineer.session.session_key
        back = engineer.post(CONFIRM, {"password": PASSWORD, "next": off}, follow=True)
        assert back.redirect_chain == [(off, 302)]
        assert "Nothing has been done yet" in pages.plain(back.content.decode())
        assert "The penguins pay now." in back.content.decode()
        assert engineer.session.session_key != key, "a stolen session does not become a fresh one"
        assert KillSwitch.objects.get().asked_by == ""

        engineer.post(off, {"reason": "The penguins pay now."})
        assert KillSwitch.objects.get().asked_by == "staff engineer"
        assert "The penguins" not in engineer.get(off).content.decode(), "it was kept once, and for this form"


def test_who_comes_to_look_is_asked_first_and_led_there(engineer: Client, shop: factories.Shop) -> None:
    row = rules.draft(rules.Draft(name="half", split=(("stripe-us", 1), ("stripe-eu", 1))), by="staff somebody")
    page = pages.page_of("payments", "routingrule", row.pk, "approve")
    with time_machine.travel(timezone.now() + LATER):
        asked = engineer.get(page)
        assert asked["Location"] == f"{CONFIRM}?next={page.replace('/', '%2F')}"
        back = engineer.post(asked["Location"], {"password": PASSWORD, "next": page}, follow=True)
        assert "You are not asked again for 10 minutes." in pages.plain(back.content.decode())
        engineer.post(page)
    row.refresh_from_db()
    assert row.status == "approved"


@pytest.mark.parametrize("address", ["https://evil.example/admin/", "//evil.example/admin/", "/v1/docs", ""])
def test_it_leads_nowhere_but_into_the_back_office(engineer: Client, address: str) -> None:
    answer = engineer.post(CONFIRM, {"password": PASSWORD, "next": address})
    assert answer["Location"] == "/admin/"


def test_who_may_not_do_it_is_not_asked_who_they_are(staff: Any, off: str) -> None:
    with time_machine.travel(timezone.now() + LATER):
        assert staff("auditor").get(off).status_code == 403
