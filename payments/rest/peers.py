"""Who is at the other end: the IP address of a request, as far as proxies of ours can be believed."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings


def address_of(meta: Mapping[str, Any]) -> str:
    """The IP address of who asks: the other end of the connection, or whom proxies of ours say they speak for.

    A header is believed as far as proxies of ours have written it (`TRUSTED_PROXIES`), from its end.
    """
    found = meta.get("REMOTE_ADDR", "")
    hops = meta.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while hops and _ours(found):
        hop = hops.pop().strip()
        if _parsed(hop) is None:
            break
        found = hop
    return str(found)


def _ours(address: str) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in settings.TRUSTED_PROXIES)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
