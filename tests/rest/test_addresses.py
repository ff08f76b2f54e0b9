"""Return addresses: only those on the client's list, by meaning and not by spelling."""

import pytest

from payments.rest import addresses

LIST = ["https://shop.example", "https://pay.example:8443/back/", "shopapp://", "partner://return/here"]


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example/",
        "https://SHOP.example/cart?paid=1#top",
        "https://pay.example:8443/back",
        "https://pay.example:8443/back/42",
        "shopapp://anything/at/all",
        "shopapp:done",
        "partner://return/here/42",
    ],
)
def test_addresses_under_the_list_are_allowed(url: str) -> None:
    addresses.require_allowed(url, LIST, param="return_url")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "//shop.example",
        "http://shop.example",
        "https://shop.example.evil",
        "https://shop.examplee",
        "https://shop.example@evil.example",
        "https://evil.example/https://shop.example",
        "https://shop.example:444/",
        "https://pay.example/back",
        "https://pay.example:8443/backdoor",
        "https://pay.example:8443/back/../admin",
        "https://pay.example:8443/back/%2e%2E/admin",
        "https://shop.example\\@evil.example",
        "https://shop.example\n.evil",
        "https://shop.example:port/",
        "javascript:alert(1)",
        "data:text/html,x",
        "partner://return",
        "partner://other/here",
        "https://[::1",
        "https:///cart",
        " https://shop.example",
    ],
)
def test_all_others_are_refused(url: str) -> None:
    with pytest.raises(addresses.ReturnUrlRefused) as refusal:
        addresses.require_allowed(url, LIST, param="return_url")
    assert refusal.value.param == "return_url"


def test_an_empty_list_allows_nothing() -> None:
    with pytest.raises(addresses.ReturnUrlRefused):
        addresses.require_allowed("https://shop.example", [], param="return_url")
