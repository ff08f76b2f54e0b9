"""Where Django keeps sessions: hashed keys, an end after 8 hours whatever happens, and one after an hour unused."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import DatabaseError, IntegrityError, router, transaction
from django.utils import timezone

from payments.staff.models import LONGEST_AGENT, StaffSession

LONGEST: Final = timedelta(hours=8)
UNUSED: Final = timedelta(hours=1)
"""ASVS 7.3.1 and 7.3.2: both ends; NIST SP 800-63B asks for an hour at most where money is at stake."""
TOUCHED: Final = timedelta(minutes=1)
STARTED, FROM, WITH = "started", "from", "with"
"""What a session says of itself: when it began, from which address, with which browser."""


class SessionStore(SessionBase):
    """Sessions in `StaffSession`. Whoever reads the table has hashes of keys, which open nothing."""

    def load(self) -> dict[str, Any]:
        """What the session holds; nothing when it has ended."""
        row = self._row()
        if row is None:
            self._session_key = None
            return {}
        found: dict[str, Any] = self.decode(row.data)
        return found

    def exists(self, session_key: str) -> bool:
        """Whether there is one of this key."""
        return StaffSession.objects.filter(key=hashed(session_key)).exists()

    def create(self) -> None:
        """Begin a session under a key of its own."""
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]  # django-stubs lacks it
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002  Django's signature
        """Keep it; `UpdateError` when it was ended meanwhile, so that what is ended stays ended."""
        if self.session_key is None:
            self.create()
            return
        values = self._values(self._get_session(no_load=must_create))  # type: ignore[attr-defined]  # likewise
        rows = StaffSession.objects.filter(key=hashed(self.session_key))
        try:
            with transaction.atomic(using=router.db_for_write(StaffSession)):
                if must_create:
                    StaffSession.objects.create(key=hashed(self.session_key), **values)
                elif not rows.update(**values):
                    raise UpdateError
        except IntegrityError:
            if must_create:
                raise CreateError from None
            raise
        except DatabaseError:
            if not must_create:
                raise UpdateError from None
            raise

    def delete(self, session_key: str | None = None) -> None:
        """End it."""
        key = session_key or self.session_key
        if key is not None:
            StaffSession.objects.filter(key=hashed(key)).delete()

    @classmethod
    def clear_expired(cls) -> None:
        """Delete what has ended."""
        StaffSession.objects.filter(expires_at__lt=timezone.now()).delete()

    def _row(self) -> StaffSession | None:
        now = timezone.now()
        row = StaffSession.objects.filter(
            key=hashed(self.session_key or ""), expires_at__gt=now, seen_at__gt=now - UNUSED
        ).first()
        if row is not None and row.seen_at < now - TOUCHED:
            StaffSession.objects.filter(pk=row.pk).update(seen_at=now)
        return row

    def _values(self, data: dict[str, Any]) -> dict[str, Any]:
        now = timezone.now()
        started = _moment(data.setdefault(STARTED, now.timestamp()))
        user = data.get(SESSION_KEY)
        return {
            "data": self.encode(data),
            "user_id": int(user) if user else None,
            "address": str(data.get(FROM, ""))[:45],
            "agent": str(data.get(WITH, ""))[:LONGEST_AGENT],
            "started_at": started,
            "seen_at": now,
            "expires_at": started + LONGEST,
        }


def begin(session: SessionBase, facts: Mapping[str, str]) -> None:
    """The 8 hours begin now: somebody has signed in. `facts` are FROM and WITH."""
    session[STARTED] = timezone.now().timestamp()
    for name, value in facts.items():
        session[name] = value


def end_all(user_id: int, *, but: str = "") -> int:
    """End the sessions of a person, all or all but the one of this key; how many there were."""
    rows = StaffSession.objects.filter(user_id=user_id)
    return (rows.exclude(key=hashed(but)) if but else rows).delete()[0]


def hashed(key: str) -> str:
    """As the table has a key."""
    return hashlib.sha256(f"session\0{key}".encode()).hexdigest()


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, timezone.get_default_timezone())
