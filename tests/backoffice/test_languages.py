"""The back office in the language that somebody has chosen; everything else, and what is kept, in English."""

from typing import Any

import polib
import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from reporting import texts, translations
from tests import factories
from tests.backoffice import pages

CHOOSE = "/admin/language/"
TELLING = {
    "de": ("Wo das Geld jetzt ist", "Was Sie dem Kunden sagen", "Erstattung", "eingezogen von", "Was geschehen ist"),
    "es": ("Dónde está el dinero ahora", "Qué decir al cliente", "Reembolso", "capturados por", "Qué ha pasado"),
}
ENGLISH = ("Where the money is", "What to tell the customer", "What happened", "On its way", "Refundable now")


def speaks(browser: Client, language: str) -> Client:
    """The browser, once its reader has chosen."""
    answer = browser.post(CHOOSE, {"language": language, "next": "/admin/account/"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/account/")
    return browser


def test_catalogues_have_every_text_and_the_same_placeholders() -> None:
    said = texts.collect()
    assert len(said) > 2500
    catalogues = translations.catalogues(settings.LOCALE_PATHS[0])
    assert set(catalogues) == {"de", "es"}
    assert [fault for path in catalogues.values() for fault in translations.faults(path, said)] == []


def test_the_check_sees_what_is_missing_left_over_or_differs(tmp_path: Any) -> None:
    path = tmp_path / "xx" / "LC_MESSAGES" / "django.po"
    said = {texts.Text("Paid %(amount)s."): ["a.py"], texts.Text("one", "%(count)s"): ["a.py"]}
    assert translations.update(path, said) == 2
    catalogue = polib.pofile(str(path))
    catalogue[0].msgstr = "Bezahlt %(betrag)s."
    catalogue.append(polib.POEntry(msgid="Gone", msgstr="Weg"))
    catalogue.save()
    found = list(translations.faults(path, {**said, texts.Text("New"): []}))
    assert [fault.split(": ")[1] for fault in found] == [
        "not there", "other placeholders", "not translated", "said nowhere",
    ]  # fmt: skip


def test_texts_are_found_where_the_shim_or_django_looks_them_up() -> None:
    source = """
class Page:
    called = ("thing", "things")
    columns = (text_of("account_id"), time_of("made_at"), Column("Who", x), flag_of("on", title="Is on"))
def f(): return _("Hello %(name)s") % {}, ngettext("one", "many", 2), table("T", r, c, v, empty="None."), "not this"
"""
    found = {text.one for text in texts.in_code(source, of_admin=True)}
    assert found == {
        "thing", "things", "Account", "Made (UTC)", "Who", "Is on", "Hello %(name)s", "one", "T", "None.",
    }  # fmt: skip
    assert {text.one for text in texts.in_template('{% load i18n %}{% if x %}{% translate "Yes" %}{% endif %}')} == {
        "Yes"
    }


@pytest.mark.parametrize("language", ["de", "es"])
def test_pages_that_support_reads_say_nothing_in_english(staff: Any, paid: dict[str, Any], language: str) -> None:
    lead = speaks(staff("support_lead"), language)
    html = lead.get(pages.payment(paid["id"])).content.decode()
    assert f'<html lang="{language}"' in html
    said = pages.plain(html)
    assert all(words in said for words in TELLING[language]), said
    assert not [words for words in ENGLISH if words in said]
    assert "19.99 USD" in said  # amounts have one form
    form = pages.text(lead, pages.payment(paid["id"], "refund"))
    assert {"de": "Geld zurückgeben", "es": "Devolver dinero"}[language] in form
    assert not [words for words in ("Give money back", "All that is left", "In the books") if words in form]
    for address in ("/admin/", pages.list_of("payments", "paymentintent"), "/admin/search/?q=4242", "/admin/account/"):
        page = lead.get(address)
        assert f'<html lang="{language}"' in page.content.decode(), address
    switch = pages.text(speaks(staff("engineer"), language), "/admin/payments/killswitch/new/")
    assert {"de": "Grund", "es": "Motivo"}[language] in switch, "labels that Django makes of names too"
    attempts = lead.get(pages.list_of("payments", "paymentattempt")).content.decode()
    assert {"de": "Referenz des PSP oder eine ID", "es": "Referencia del PSP o un id"}[language] in attempts


def test_the_choice_is_there_at_the_sign_in_and_stays_after_signing_out(staff: Any) -> None:
    browser = Client(headers={"accept-language": "es"})
    assert '<html lang="en"' in browser.get("/admin/login/").content.decode()  # what the browser says decides nothing
    browser.post(CHOOSE, {"language": "de", "next": "/admin/login/"})
    assert "Passwort" in pages.text(browser, "/admin/login/")
    user = User.objects.create_user("lena", password="correct horse battery staple", is_staff=True)
    browser.force_login(user)
    browser.post("/admin/logout/")
    assert '<html lang="de"' in browser.get("/admin/login/").content.decode()
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "tlh"
    assert '<html lang="en"' in browser.get("/admin/login/").content.decode()


def test_the_api_and_what_is_kept_stay_english(staff: Any, shop: factories.Shop, paid: dict[str, Any]) -> None:
    lead = speaks(staff("support_lead"), "de")
    address = pages.payment(paid["id"], "refund")
    form = pages.hidden(lead.get(address).content.decode())
    lead.post(address, {**form, "by": "amount", "amount": "5.00", "reason": "damaged", "note": "Henkel ab."})
    refund = shop.get(f"refunds?payment_intent={paid['id']}")["data"][0]
    assert (refund["status"], refund["reason"]) == ("held", "damaged")
    undone = lead.post(pages.page_of("refunds", "refund", refund["id"], "cancel"), {}, follow=True)
    assert "Zurückgenommen: 5.00 USD" in pages.plain(undone.content.decode())
    assert LogEntry.objects.latest("pk").change_message == "Take back"
    german = lead.get("/v1/refunds")
    assert german.json()["title"] == "Api key missing"
    assert german.headers["content-type"] == "application/problem+json"
