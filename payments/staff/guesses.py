"""Guessing is made slow where it comes from, and never keeps out who has signed in from there before.

ASVS 6.1.1. A wrong proof is counted for the account *as it was tried from one place*; from places where nobody has
ever signed in to that account also for the account, and for the address. Who comes with a browser that has signed in
before, or from its address, is held by none of the latter two: however much others guess, they get in. All of it is
in the database: a Redis that is empty or away opens no door and closes none.
"""

import hashlib
import hmac
import ipaddress
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from payments.kernel import clock
from payments.staff.models import LONGEST_AGENT, KnownBrowser, SignInGuess

FREE: Final = {"pair": 5, "account": 20, "address": 50}
"""So many wrong in a row cost nothing."""
LONGEST: Final = {
    "pair": timedelta(minutes=15),
    "account": timedelta(hours=1),
    "address": timedelta(hours=1),
}
FIRST: Final = timedelta(seconds=15)
"""The first wait; each one after it is twice as long."""
FORGOTTEN: Final = timedelta(hours=24)
KNOWN: Final = timedelta(days=90)
"""For so long an address or a browser is known after a sign-in."""
TOKEN_BYTES: Final = 32


@dataclass(frozen=True)
class Origin:
    """Where somebody tries from: the address, the token in the browser's cookie, and what the browser says it is."""

    address: str
    token: str = ""
    agent: str = ""

    @property
    def place(self) -> str:
        """The address as guesses are counted by it: of IPv6 what one household has, its first 64 bits."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        return str(ipaddress.ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)


class TooMany(Exception):
    """Wrong too often: nothing is looked at before `wait` is over."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"wait {wait}")
        self.wait = wait


@dataclass(frozen=True)
class Try:
    """A proof that is being looked at. It was counted as wrong already: so no number of tries at once gets round it."""

    keys: Sequence[tuple[str, str]]

    def was_right(self) -> None:
        """It was right: its place begins anew, and elsewhere it is not counted."""
        for scope, key in self.keys:
            rows = SignInGuess.objects.filter(key=key)
            if scope == "pair":
                rows.delete()
            else:
                rows.update(failures=Greatest(F("failures") - 1, 0), waits_until=clock.now())


def begin(what: str, account: str, origin: Origin) -> Try:
    """Begin to look at a proof (`what`: password, code) for an account; raises `TooMany`."""
    name = spelled(account).casefold()
    keys = sorted((scope, _key(what, scope, *parts)) for scope, parts in _scopes(spelled(account), origin))
    now = clock.now()
    with transaction.atomic():
        SignInGuess.objects.bulk_create(
            [SignInGuess(key=key, scope=scope, account="" if scope == "address" else _key("account", name),
                         failures=0, last_at=now, waits_until=now) for scope, key in keys],
            ignore_conflicts=True,
        )  # fmt: skip
        rows = SignInGuess.objects.filter(key__in=[key for _, key in keys]).order_by("key").select_for_update()
        found = list(rows)
        until = max(row.waits_until for row in found)
        if until > now:
            raise TooMany(until - now)
        for row in found:
            row.failures = 1 if row.last_at < now - FORGOTTEN else row.failures + 1
            row.last_at, row.waits_until = now, now + wait_after(row.scope, row.failures)
            row.save(update_fields=["failures", "last_at", "waits_until"])
    return Try(keys)


def spelled(account: str) -> str:
    """A name as the form of the sign-in reads it (Unicode NFKC): other spellings are no new guesses."""
    return unicodedata.normalize("NFKC", account).replace("\x00", "").strip()


def wait_after(scope: str, failures: int) -> timedelta:
    """How long nothing is looked at after so many wrong ones in a row."""
    if failures < FREE[scope]:
        return timedelta(0)
    doubled: int = 2 ** min(failures - FREE[scope], 20)
    return min(FIRST * doubled, LONGEST[scope])


def forgive(account: str) -> int:
    """Forget what was guessed for an account: its person has been helped. How many counts are gone."""
    return SignInGuess.objects.filter(account=_key("account", spelled(account).casefold())).delete()[0]


def sweep() -> int:
    """Delete counts that have run out, and browsers in which nobody has signed in for long."""
    KnownBrowser.objects.filter(last_at__lt=clock.now() - KNOWN).delete()
    return SignInGuess.objects.filter(last_at__lt=clock.now() - FORGOTTEN).delete()[0]


def _scopes(account: str, origin: Origin) -> list[tuple[str, tuple[str, ...]]]:
    name = account.casefold()
    known = KnownBrowser.objects.filter(user__username__iexact=account, last_at__gt=clock.now() - KNOWN)
    if origin.token and known.filter(token=_hashed(origin.token)).exists():
        return [("pair", (name, "browser", origin.token))]
    pair = ("pair", (name, "address", origin.place))
    if known.filter(address=origin.place).exists():
        return [pair]
    return [pair, ("account", (name,)), ("address", (origin.place,))]


def remember(user: User, origin: Origin) -> str:
    """Know this browser from now on; what its cookie is to say."""
    now = clock.now()
    rows = KnownBrowser.objects.filter(user=user, token=_hashed(origin.token)) if origin.token else None
    if rows is not None and rows.update(last_at=now, address=origin.place, agent=origin.agent[:LONGEST_AGENT]):
        return origin.token
    token = secrets.token_urlsafe(TOKEN_BYTES)
    KnownBrowser.objects.create(
        user=user, token=_hashed(token), address=origin.place, agent=origin.agent[:LONGEST_AGENT], first_at=now,
        last_at=now,
    )  # fmt: skip
    return token


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(*parts: str) -> str:
    return hmac.digest(settings.KEY_PEPPER.encode(), "\0".join(("guess", *parts)).encode(), "sha256").hex()
