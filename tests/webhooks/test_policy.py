"""The rules of delivering: patterns, the schedule, and the addresses that may be called."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from payments.webhooks import policy

PLANNED = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("patterns", "type_", "wanted"),
    [
        (["*"], "order.paid", True),
        (["order.paid"], "order.paid", True),
        (["refund.*", "order.*"], "order.paid", True),
        (["order.*"], "order", False),
        (["order.*"], "orders.paid", False),
        (["order.paid"], "order.paid_later", False),
        ([], "order.paid", False),
    ],
)
def test_an_endpoint_gets_the_types_it_wants(patterns: list[str], type_: str, *, wanted: bool) -> None:
    assert policy.wants(patterns, type_) is wanted


def schedule(chance: float) -> list[timedelta]:
    """When each attempt happens after the delivery was planned, if all fail at once."""
    attempts = [PLANNED]
    while following := policy.next_attempt(first=PLANNED, attempts=len(attempts), now=attempts[-1], chance=chance):
        attempts.append(following)
    return [at - PLANNED for at in attempts]


def test_a_delivery_is_tried_for_three_days_ever_more_seldom() -> None:
    attempts = schedule(chance=0.5)
    waits = [later - sooner for sooner, later in pairwise(attempts)]
    assert [wait.total_seconds() for wait in waits[:8]] == [5, 30, 120, 600, 1800, 3600, 7200, 14400]
    assert attempts[-1] == timedelta(days=3)
    assert len(attempts) == 18


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.99])
def test_whatever_the_jitter_the_last_attempt_is_after_three_days_exactly(chance: float) -> None:
    attempts = schedule(chance)
    assert attempts[-1] == timedelta(days=3)
    assert attempts[1] == timedelta(seconds=5) * (0.8 + 0.4 * chance)


def test_after_a_long_outage_of_ours_there_is_no_further_attempt() -> None:
    assert policy.next_attempt(first=PLANNED, attempts=1, now=PLANNED + timedelta(days=9), chance=0.5) is None


@pytest.mark.parametrize(("silent", "pause"), [(0, 5), (10, 5), (60, 15), (3600, 600), (86400, 600)])
def test_a_silent_endpoint_is_left_alone_the_longer_the_longer(silent: int, pause: int) -> None:
    assert policy.pause(timedelta(seconds=silent)) == timedelta(seconds=pause)


PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "172.32.0.1",
    "192.1.0.1",
    "223.255.255.254",
    "2606:4700::1111",
    "2a00:1450:4001::1",
]

NOT_PUBLIC = [
    # RFC 1918 and what is like it
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    # this host, this network, link-local
    "0.0.0.1",
    "0.1.2.3",
    "169.254.1.1",
    "fe80::1",
    "::",
    # metadata of clouds
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    # protocol assignments, documentation, benchmarks, anycast of AS112, AMT and 6to4 relays
    "192.0.0.8",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "192.88.99.1",
    # multicast, reserved, broadcast
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "ff0e::1",
    # IPv4 inside IPv6: mapped, compatible, NAT64 (both prefixes), 6to4, Teredo, translated
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001::1",
    "2001:0:4136:e378::1",
    "::ffff:0:7f00:1",
    # unique local, site-local, discard, documentation, benchmarks, ORCHID, segment routing, AS112
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "5f00::1",
    "2620:4f:8000::1",
    "4000::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert policy.may_call(address, loopback=False)


@pytest.mark.parametrize("address", NOT_PUBLIC)
@pytest.mark.parametrize("loopback", [False, True])
def test_no_other_address_may_be_called(address: str, *, loopback: bool) -> None:
    assert not policy.may_call(address, loopback=loopback)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.255.255.254", "::1"])
def test_loopback_only_where_it_is_allowed(address: str) -> None:
    assert policy.may_call(address, loopback=True)
    assert not policy.may_call(address, loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hooks",
        "https://shop.example:8443/hooks?a=b",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/hooks",
    ],
)
def test_public_https_addresses_are_accepted(url: str) -> None:
    assert policy.objection(url, loopback=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "//shop.example/",
        "http://shop.example/",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "https://",
        "https:///hooks",
        "https://user@shop.example/",
        "https://user:word@shop.example/",
        "https://shop.example/#part",
        "https://shop.example:99999/",
        "https://shop.example/a b",
        "https://shop.example/\n",
        "https://shop.example\\@10.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://api.localhost/",
        "https://[fe80::1%25eth0]/",
        "https://münchen.example/",
        "gopher://shop.example/",
    ],
)
def test_other_addresses_are_objected_to(url: str) -> None:
    assert policy.objection(url, loopback=False)


def test_where_loopback_is_allowed_http_is_too_and_private_addresses_are_not() -> None:
    assert policy.objection("http://127.0.0.1:8080/hooks", loopback=True) is None
    assert policy.objection("http://localhost:8080/hooks", loopback=True) is None
    assert policy.objection("http://10.0.0.1/hooks", loopback=True)
