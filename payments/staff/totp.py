"""One-time codes by the clock (RFC 6238, on RFC 4226): six digits of HMAC-SHA-1, a new one every 30 seconds."""

import base64
import hmac
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

STEP: Final = 30
"""Seconds; with six digits and SHA-1 it is what every authenticator app takes (ASVS 6.5.5)."""
DIGITS: Final = 6
SECRET_BYTES: Final = 20
"""RFC 4226 section 4, R6: as long as the hash."""


def step_of(moment: datetime) -> int:
    """The number of the 30 seconds in which it is `moment`."""
    return int(moment.timestamp()) // STEP


def code(secret: bytes, step: int) -> str:
    """The code of a step (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching(secret: bytes, given: str, steps: range) -> int | None:
    """The step among `steps` whose code was given; every one is compared, so that time tells nothing."""
    found = None
    for step in steps:
        if hmac.compare_digest(code(secret, step).encode(), given.encode()):
            found = step
    return found


def written(secret: bytes) -> str:
    """The secret as people type it: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address(secret: bytes, *, issuer: str, account: str) -> str:
    """What the QR code says: the otpauth:// address that authenticator apps read."""
    label = quote(f"{issuer}:{account}", safe="")
    query = urlencode({"secret": base64.b32encode(secret).decode().rstrip("="), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"
