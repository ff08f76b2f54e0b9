"""manage.py apikey: prints the key and nothing else."""

import io
import re

import pytest
from django.core.management import CommandError, call_command

from payments.rest import keys
from payments.rest.models import ApiClient, ApiKey

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("apikey", *arguments, stdout=output)
    return output.getvalue()


def test_create_prints_only_the_key_and_makes_the_client() -> None:
    text = run(
        "create", "--client", "shop", "--all", "--return-url", "https://shop.example/back", "--return-url", "shopapp://"
    )
    assert re.fullmatch(r"sk_[a-z0-9]{8}_[A-Za-z0-9]{32}\n", text)
    client = ApiClient.objects.get(name="shop")
    assert client.return_urls == ["https://shop.example/back", "shopapp://"]
    assert set(client.keys.get().scopes) == set(keys.SCOPES)
    assert keys.identify(text.strip()).client == client


def test_a_second_key_is_for_the_same_client_and_adds_addresses() -> None:
    run("create", "--client", "shop", "--scope", "orders:read", "--return-url", "https://a.example")
    run(
        "create",
        "--client",
        "shop",
        "--publishable",
        "--return-url",
        "https://b.example",
        "--return-url",
        "https://a.example",
    )
    client = ApiClient.objects.get(name="shop")
    assert client.return_urls == ["https://a.example", "https://b.example"]
    assert sorted(client.keys.values_list("kind", flat=True)) == ["publishable", "secret"]


def test_scopes_are_those_asked_for() -> None:
    text = run("create", "--client", "shop", "--scope", "orders:read", "--scope", "payments:write")
    assert keys.identify(text.strip()).key.scopes == ["orders:read", "payments:write"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--scope", "orders:everything"),
        (),
        ("--all", "--return-url", "javascript:alert(1)"),
        ("--all", "--return-url", "shop.example"),
    ],
)
def test_nonsense_is_refused_and_leaves_nothing(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run("create", "--client", "shop", *arguments)
    assert not ApiClient.objects.filter(name="shop").exists()


def test_rotate_prints_the_successor_and_revoke_ends_it() -> None:
    first = run("create", "--client", "shop", "--all").strip()
    second = run("rotate", first.split("_")[1], "--overlap-hours", "1").strip()
    assert keys.identify(first).client == keys.identify(second).client
    assert run("revoke", second.split("_")[1]) == ""
    with pytest.raises(keys.ApiKeyInvalid):
        keys.identify(second)
    assert ApiKey.objects.get(prefix=first.split("_")[1]).revoked_at is None


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(CommandError, match="there is no key"):
        run("revoke", "nothing1")
