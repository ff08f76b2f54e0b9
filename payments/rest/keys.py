"""API keys: made once and shown once, known afterwards by a hash, and remembered for five seconds in each process."""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from payments.kernel import clock
from payments.kernel.errors import Refusal, invariant
from payments.rest.models import ApiClient, ApiKey, KeyKind

log = structlog.get_logger(__name__)

SCOPES: Final = (
    "customers:read",
    "customers:write",
    "disputes:read",
    "disputes:write",
    "events:read",
    "finance:read",
    "orders:read",
    "orders:write",
    "payments:read",
    "payments:write",
    "refunds:read",
    "refunds:write",
    "reports:read",
    "reports:write",
    "status:read",
    "webhooks:read",
    "webhooks:write",
)
"""Everything that a key can be allowed to do."""

LIFETIME: Final = timedelta(seconds=5)
"""A process believes what it read about a key for this long: a revoked key stops everywhere within five seconds."""

SAMPLE: Final = timedelta(minutes=1)
"""`last_used_at` is true to within a minute."""

MAX_REMEMBERED: Final = 10_000
_HEADS: Final = {KeyKind.SECRET: "sk", KeyKind.PUBLISHABLE: "pk"}
_FORM = re.compile(r"(sk|pk)_([a-z0-9]{8})_[A-Za-z0-9]{32}")
_ALPHABET: Final = string.ascii_letters + string.digits


class ApiKeyMissing(Refusal):
    """There is no `Authorization: Bearer …` header."""

    code, status = "api_key_missing", 401


class ApiKeyInvalid(Refusal):
    """The API key is none of ours, or it was revoked."""

    code, status = "api_key_invalid", 401


class ApiKeyExpired(Refusal):
    """The API key's time is over; use the one that it was rotated to."""

    code, status = "api_key_expired", 401


class ScopeUnknown(Refusal):
    """There is no such scope."""

    code, status = "scope_unknown", 400


@dataclass(frozen=True)
class Caller:
    """Who is calling: the client, and what its key may do."""

    client: ApiClient
    key: ApiKey

    @property
    def publishable(self) -> bool:
        """True for a `pk_…` key, which everybody can read in the client's app and page."""
        return self.key.kind == KeyKind.PUBLISHABLE

    def may(self, scope: str) -> bool:
        """True when the key carries `scope`."""
        return scope in self.key.scopes


_remembered: dict[str, tuple[Caller, datetime]] = {}


def create(
    client: ApiClient,
    *,
    kind: KeyKind = KeyKind.SECRET,
    scopes: Iterable[str] = (),
    expires_at: datetime | None = None,
    rotated_from: ApiKey | None = None,
) -> str:
    """Make a key and return its text, which is stored nowhere. `ScopeUnknown` for a scope that is none of `SCOPES`."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise ScopeUnknown(f"There is no scope {unknown[0]!r}.", param="scope")
    prefix = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(32))  # 190 bits
    text = f"{_HEADS[kind]}_{prefix}_{secret}"
    ApiKey.objects.create(
        client=client,
        kind=kind,
        prefix=prefix,
        hash=_hash(text),
        scopes=wanted,
        expires_at=expires_at,
        rotated_from=rotated_from,
    )
    return text


def create_for(
    name: str, *, kind: KeyKind, scopes: Iterable[str], brand: str = "", return_urls: Iterable[str] = ()
) -> str:
    """Make a key for the client called `name`, which is made when it is new; return addresses are added to its own."""
    with transaction.atomic():
        client, _ = ApiClient.objects.select_for_update().get_or_create(name=name, defaults={"brand": brand})
        added = [url for url in dict.fromkeys(return_urls) if url not in client.return_urls]
        if added:
            client.return_urls = [*client.return_urls, *added]
            client.save(update_fields=["return_urls"])
        return create(client, kind=kind, scopes=scopes)


def rotate(key: ApiKey, *, overlap: timedelta) -> str:
    """Make a key that may do the same; the old one goes on working for `overlap`, unless it ended sooner."""
    ends = clock.now() + overlap
    with transaction.atomic():
        text = create(key.client, kind=KeyKind(key.kind), scopes=key.scopes, rotated_from=key)
        key.expires_at = min(ends, key.expires_at or ends)
        key.save(update_fields=["expires_at"])
    _remembered.pop(key.prefix, None)
    return text


def revoke(key: ApiKey) -> None:
    """End a key: at once in this process, within five seconds in all others."""
    key.revoked_at = clock.now()
    key.save(update_fields=["revoked_at"])
    _remembered.pop(key.prefix, None)


def identify(text: str) -> Caller:
    """Who this key belongs to. `ApiKeyInvalid` when nobody's or revoked, `ApiKeyExpired` when its time is over."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise ApiKeyInvalid("This is not an API key.")
    caller, fresh = _recall(form[2])
    if caller is None or caller.key.revoked_at is not None or not hmac.compare_digest(caller.key.hash, _hash(text)):
        raise ApiKeyInvalid("This API key is unknown or was revoked.")
    if caller.key.expires_at is not None and caller.key.expires_at <= clock.now():
        raise ApiKeyExpired("This API key has expired.")
    if fresh:
        _note_use(caller.key)
    return caller


def _recall(prefix: str) -> tuple[Caller | None, bool]:
    """The key with this beginning, and whether it was read from the database just now."""
    now = clock.now()
    caller, read_at = _remembered.get(prefix, (None, now))
    if caller is not None and timedelta() <= now - read_at < LIFETIME:
        return caller, False
    row = ApiKey.objects.select_related("client").filter(prefix=prefix).first()
    if row is None:
        return None, False
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
    caller = Caller(row.client, row)
    _remembered[prefix] = caller, now
    return caller, True


def _note_use(key: ApiKey) -> None:
    """Write down, at most once a minute, that the key is in use; no request waits or fails for it."""
    now = clock.now()
    if key.last_used_at is not None and key.last_used_at > now - SAMPLE:
        return
    sql = (
        "UPDATE payments_apikey SET last_used_at = %s WHERE id = (SELECT id FROM payments_apikey"
        " WHERE id = %s AND (last_used_at IS NULL OR last_used_at <= %s) FOR UPDATE SKIP LOCKED)"
    )
    pk = ApiKey._meta.pk.get_db_prep_value(key.pk, connection)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [now, pk, now - SAMPLE])
    except DatabaseError as error:
        log.warning("key_use_not_noted", prefix=key.prefix, error=type(error).__name__)


def _hash(text: str) -> str:
    """HMAC-SHA256 under the pepper: a stolen table alone does not even confirm a guessed key."""
    pepper = settings.KEY_PEPPER
    invariant(pepper, "KEY_PEPPER is set")
    return hmac.new(pepper.encode(), text.encode(), hashlib.sha256).hexdigest()
