"""Addresses and forms of the back office, as its tests use them."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from payments.admin import fresh


def signed_in(user: User) -> Client:
    """The browser of somebody who has just signed in."""
    browser = Client()
    browser.force_login(user)
    session = browser.session
    fresh.mark(session)
    session.save()
    return browser


def list_of(app: str, model: str) -> str:
    """The address of a list."""
    return reverse(f"admin:{app}_{model}_changelist")


def page_of(app: str, model: str, pk: object, page: str = "change") -> str:
    """The address of a row's page."""
    return reverse(f"admin:{app}_{model}_{page}", args=[pk])


def payment(pk: str, page: str = "change") -> str:
    """The address of a payment's page."""
    return page_of("payments", "paymentintent", pk, page)


def text(client: Client, address: str, **query: Any) -> str:
    """A page that must be there, as its visitors read it: without markup."""
    answer = client.get(address, query)
    assert answer.status_code == 200, (address, answer.status_code)
    return plain(answer.content.decode())


def plain(html: str) -> str:
    """HTML without scripts and tags, with single spaces."""
    html = re.sub(r"(?s)<(script|style).*?</\1>", " ", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def hidden(html: str) -> dict[str, str]:
    """The hidden fields of the page's forms, as a browser sends them back."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))


def reveal(client: Client, app: str, model: str, pk: object) -> str:
    """Have a page's personal data shown; the page, as its visitor reads it."""
    asked = client.post(page_of(app, model, pk, "reveal"), {"reason": "The customer is on the phone."})
    assert (asked.status_code, asked["Location"]) == (302, page_of(app, model, pk))
    return text(client, page_of(app, model, pk))
