"""Where customers may be sent back to: only to addresses that the client put on its list (no open redirect)."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from payments.kernel.errors import Refusal

_SCRIPTS: Final = frozenset({"javascript", "data", "vbscript", "file", "blob", "about"})
_UNFIT = re.compile(r"[\s\x00-\x1f\x7f\\]")
_WEB: Final = frozenset({"http", "https"})


class ReturnUrlRefused(Refusal):
    """The address does not begin with one of the client's allowed return addresses."""

    code, status = "return_url_refused", 400


def require_allowed(url: str, allowed: Iterable[str], *, param: str) -> None:
    """Raise `ReturnUrlRefused` unless `url` lies under one of the `allowed` addresses.

    Scheme, host and port must be the same, and the path must continue the allowed one at a slash: the rule is
    not a comparison of text, so that `https://shop.example` never allows `https://shop.example.evil`.
    """
    target = _split(url)
    if target is None or not any(_under(target, base) for base in map(_split, allowed) if base is not None):
        raise ReturnUrlRefused("The address is not on the client's list of return addresses.", param=param)


def is_address(text: str) -> bool:
    """True for an address that may stand on the list: a scheme that runs no script, and a host for http(s)."""
    return _split(text) is not None


def _split(url: str) -> SplitResult | None:
    if _UNFIT.search(url):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises for a port that is none
    except ValueError:
        return None
    if not parts.scheme or parts.scheme in _SCRIPTS or "@" in parts.netloc:
        return None
    if parts.scheme in _WEB and not parts.hostname:
        return None
    return parts


def _under(target: SplitResult, base: SplitResult) -> bool:
    if target.scheme != base.scheme:
        return False
    if base.scheme not in _WEB and not base.netloc and not base.path:
        return True  # `shopapp://` allows the whole of the client's own scheme
    if (target.hostname, target.port) != (base.hostname, base.port):
        return False
    path, steps = base.path.rstrip("/"), target.path.lower().replace("%2e", ".").split("/")
    return ".." not in steps and (target.path == path or target.path.startswith(f"{path}/"))
