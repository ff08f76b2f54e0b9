"""The rules of delivering events: who wants them, when to try again, and which addresses may be called."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import repeat
from typing import Final
from urllib.parse import urlsplit

RETRIES: Final = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400, *repeat(28800, 8)))
"""How long to wait after each failed attempt; the sum is just below `GIVE_UP_AFTER`."""

GIVE_UP_AFTER: Final = timedelta(days=3)
"""A delivery is tried for so long, and once more at the end."""

JITTER: Final = 0.2
"""A wait varies by this share both ways, so that what failed together does not come back together."""

DISABLE_AFTER: Final = timedelta(days=5)
"""An endpoint that fails for so long without one success is disabled."""


def next_attempt(*, first: datetime, attempts: int, now: datetime, chance: float) -> datetime | None:
    """When to try again after the `attempts`-th failure; None when it is time to give up.

    `first` is when the delivery was planned, `chance` a random number from 0 to 1.
    """
    last = first + GIVE_UP_AFTER
    if now >= last:
        return None
    wait = RETRIES[min(attempts, len(RETRIES)) - 1]
    return min(now + wait * (1 - JITTER + 2 * JITTER * chance), last)


def pause(unreachable_for: timedelta) -> timedelta:
    """How long to leave an endpoint alone that gave no answer: the longer, the longer it has been silent."""
    return min(max(unreachable_for / 4, timedelta(seconds=5)), timedelta(minutes=10))


def wants(patterns: Iterable[str], type_: str) -> bool:
    """True when one of an endpoint's patterns (`*`, `order.paid`, `order.*`) covers the type of an event."""
    return any(
        pattern in ("*", type_) or (pattern.endswith(".*") and type_.startswith(pattern[:-1])) for pattern in patterns
    )


_NOT_PUBLIC_4: Final[Sequence[IPv4Network]] = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",  # private
            "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata lives here too
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # metadata of Azure, a public number that leads inside
            "169.254.0.0/16",  # link-local; metadata of most clouds
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",  # documentation
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.175.48.0/24",  # AS112, AMT
            "192.88.99.0/24",  # relays of 6to4
            "198.18.0.0/15",  # benchmarks
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
_PUBLIC_6: Final = IPv6Network("2000::/3")
"""The only global unicast there is: outside lie loopback, mapped and NAT64 addresses, unique and site-local ones."""
_NOT_PUBLIC_6: Final[Sequence[IPv6Network]] = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo
            "2001:db8::/32",
            "3fff::/20",  # documentation
            "2002::/16",  # 6to4: an IPv4 address inside
            "2620:4f:8000::/48",  # AS112
        ),
    )
)


def may_call(address: str, *, loopback: bool) -> bool:
    """True when an IP address may be connected to: global unicast only, and loopback where that is allowed.

    The lists are IANA's special-purpose registries (RFC 6890) and the metadata addresses of clouds that lie
    outside of them.
    """
    ip = ip_address(address)
    if ip.is_loopback:
        return loopback
    return _is_public_4(ip) if isinstance(ip, IPv4Address) else _is_public_6(ip)


def _is_public_4(ip: IPv4Address) -> bool:
    return not any(ip in network for network in _NOT_PUBLIC_4)


def _is_public_6(ip: IPv6Address) -> bool:
    return ip in _PUBLIC_6 and not any(ip in network for network in _NOT_PUBLIC_6)


def objection(url: str, *, loopback: bool) -> str | None:
    """Why an endpoint cannot have this address, as far as its text tells; names are checked when they are called."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is not an address."
    if not host or not url.isascii() or any(char.isspace() or not char.isprintable() for char in url):
        return "This is not an address."
    if parts.scheme != "https" and not (loopback and parts.scheme == "http"):
        return "Only https is called."
    if "@" in parts.netloc or parts.fragment or "\\" in url:
        return "The address carries a user name or a fragment."
    return None if _may_be_called(host, loopback=loopback) else "Only public addresses are called."


def _may_be_called(host: str, *, loopback: bool) -> bool:
    try:
        return may_call(host, loopback=loopback)
    except ValueError:  # a name
        return loopback or not (host == "localhost" or host.endswith(".localhost"))
