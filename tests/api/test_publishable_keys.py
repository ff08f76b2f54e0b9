"""Publishable keys: everybody can read them in the app, so they open one intent only, with that intent's own secret."""

import pytest

from payments.intents.documents import IntentObject
from payments.rest.models import KeyKind
from tests import factories
from tests.api.conftest import refused, shaped, with_key


@pytest.fixture
def app(shop: factories.Shop) -> factories.Shop:
    """The shop's own app, with a publishable key."""
    return with_key(kind=KeyKind.PUBLISHABLE, scopes=())


def test_an_app_sees_and_pays_an_intent_with_its_secret(shop: factories.Shop, app: factories.Shop) -> None:
    intent = shop.intent()
    secret = intent["client_secret"]
    path = f"payment_intents/{intent['id']}"
    assert shaped(IntentObject, app.call("GET", f"{path}?client_secret={secret}"))["id"] == intent["id"]
    paid = app.post(f"{path}/confirm", {**factories.card(), "client_secret": secret})
    assert paid["status"] == "succeeded"
    factories.assert_books_close()


@pytest.mark.parametrize("secret", [None, "wrong", "another's"])
def test_without_the_secret_it_is_refused(shop: factories.Shop, app: factories.Shop, secret: str | None) -> None:
    intent, other = shop.intent(), shop.intent()
    given = other["client_secret"] if secret == "another's" else secret
    path = f"payment_intents/{intent['id']}"
    body = factories.card() | ({"client_secret": given} if given else {})
    query = f"?client_secret={given}" if given else ""
    assert refused(app, f"POST {path}/confirm", body, "client_secret_wrong", param="client_secret")["status"] == 403
    assert refused(app, f"GET {path}{query}", None, "client_secret_wrong", param="client_secret")["status"] == 403


def test_an_app_cannot_say_that_the_customer_is_away(shop: factories.Shop, app: factories.Shop) -> None:
    intent = shop.intent()
    body = {**factories.card(), "client_secret": intent["client_secret"], "off_session": True}
    refused(app, f"POST payment_intents/{intent['id']}/confirm", body, "off_session_refused", param="off_session")


def test_another_clients_app_does_not_even_find_it(shop: factories.Shop, stranger: factories.Shop) -> None:
    intent = shop.intent()
    theirs = with_key("another shop", kind=KeyKind.PUBLISHABLE, scopes=())
    path = f"payment_intents/{intent['id']}"
    refused(theirs, f"GET {path}?client_secret={intent['client_secret']}", None, "not_found")
    body = {**factories.card(), "client_secret": intent["client_secret"]}
    refused(theirs, f"POST {path}/confirm", body, "not_found")


def test_a_server_needs_no_secret(shop: factories.Shop) -> None:
    assert shop.confirm(shop.intent())["status"] == "succeeded"


def test_a_secret_in_the_wrong_place_is_refused(shop: factories.Shop, app: factories.Shop) -> None:
    intent = shop.intent()
    query = f"?client_secret={intent['client_secret']}"
    path = f"POST payment_intents/{intent['id']}/confirm{query}"
    refused(app, path, factories.card(), "parameter_unknown", param="client_secret")
