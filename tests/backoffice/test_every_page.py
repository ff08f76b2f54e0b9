"""Every list, page and form of the back office in German, as it is read: no sentence of the platform's is English."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils.translation import trans_real

from tests.backoffice import pages, test_pages

full = test_pages.full

SPOKEN: Final = frozenset({"aria-label", "title", "placeholder", "alt", "data-label"})
UNSPOKEN: Final = frozenset({"script", "style", "pre", "code", "svg", "textarea", "template"})
ENGLISH: Final = re.compile(r"\b(the|of|and|is|with|this|that|has|are|it|not|for|to|from|or|nothing|nobody|by)\b")
"""Words that no German sentence has."""
KEPT: Final = re.compile(
    r"Almost nothing is approved at|The PSP's answer is not known$"  # as it was sent to people, and told to clients
    r"|NotificationRefused|has told nothing|was not compared since"  # with facts of the moment in it
    r"|balance of 2026|half and half|[Nn]othing was found|nobody lives|has asked|A data centre|Made with|End-to-End"
)
"""What stays English: what is kept as it was sent, and what the story's people, shops and PSPs have written."""
LEADS_AWAY: Final = re.compile(r"/(logout|file|text|csv|journal|download\w*)/|jsi18n|format=")


class Read(HTMLParser):
    """What of a page is read or read aloud, but for code and for what programs have sent."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.within: list[str] = []
        self.said: set[str] = set()
        self.links: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Names of things are read as well."""
        given = dict(attrs)
        self._say(*(given[name] for name in SPOKEN & given.keys()))
        if tag == "a":
            self.links.add(given.get("href") or "")
        if tag == "input" and given.get("type") == "submit":
            self._say(given.get("value"))
        if tag in UNSPOKEN or "material-symbols" in (given.get("class") or ""):
            self.within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Out of code again."""
        if self.within and self.within[-1] == tag:
            self.within.pop()

    def handle_data(self, data: str) -> None:
        """Text, where it is none of code."""
        if not self.within:
            self._say(data)

    def _say(self, *texts: str | None) -> None:
        self.said |= {" ".join(text.split()) for text in texts if text and text.strip()}


def translated() -> dict[str, str]:
    """Whatever has German words: ours, and Django's."""
    catalogue: Any = trans_real.translation("de")
    known = ((key, said) for key, said in catalogue._catalog.items() if isinstance(said, str))
    return {key.rpartition("\x04")[2]: said for key, said in known if isinstance(key, str)}


def every(browser: Client) -> Iterator[tuple[str, Read]]:
    """Each route of the back office once, by following the links from the newest row of every table on."""
    wanted = ["/admin/"]
    for model in admin.site._registry:
        app, name = model._meta.label_lower.split(".")
        row = model._default_manager.order_by("-pk").first()
        wanted += [pages.list_of(app, name), *([pages.page_of(app, name, row.pk)] if row is not None else [])]
    seen = set()
    while wanted:
        address = wanted.pop(0)
        try:
            route = resolve(urlsplit(address).path).view_name
        except Resolver404:
            continue
        if route in seen or LEADS_AWAY.search(address):
            continue
        seen.add(route)
        answer = browser.get(address, follow=True)
        assert answer.status_code == 200, (address, answer.status_code)
        if "html" not in answer["Content-Type"]:
            continue
        read = Read(answer.content.decode())
        wanted += sorted(urljoin(address, link) for link in read.links if urljoin(address, link).startswith("/admin/"))
        yield address, read


def test_no_page_says_a_sentence_in_english(full: dict[str, Any]) -> None:
    user = User.objects.create_superuser("boss", password="correct horse battery staple")
    user.groups.set(Group.objects.all())
    browser = pages.signed_in(user)
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    known = translated()
    found: dict[str, str] = {}
    count = 0
    for address, read in every(browser):
        count += 1
        for said in read.said:
            english = (" " in said and known.get(said, said) != said) or ENGLISH.search(said)
            if english and not KEPT.search(said):
                found.setdefault(said, address)
    assert count > 180
    assert found == {}
