"""The second factor of a person: enrolled, asked for, replaced by a recovery code, taken away."""

import hashlib
import secrets
from typing import Final

import segno
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.safestring import SafeString, mark_safe

from payments.kernel import audit, cipher, clock
from payments.staff import totp
from payments.staff.models import SecondFactor

ISSUER: Final = "Countinghouse"
AHEAD: Final = 1
"""Steps around the expected one whose codes are taken: a minute and a half in all (RFC 6238 section 5.2)."""
MOST_DRIFT: Final = 6
"""Steps by which an app's clock may come to be off, a step a sign-in (RFC 6238 section 6): three minutes."""
RECOVERY_CODES: Final = 10
GROUPS, GROUP = 5, 5
ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""31 letters and digits that nobody mistakes for one another: 25 of them are 123 bits, so that a plain hash is enough
(ASVS 6.5.2 asks for 112)."""


def offer(user: User) -> str:
    """A new secret for this person, sealed: only they can enrol it, and the server keeps nothing until they do."""
    return cipher.encrypt(secrets.token_bytes(totp.SECRET_BYTES), place=_place(user)).hex()


def offered(user: User, sealed: str) -> bytes:
    """The secret in an offer; raises `ValueError` when it is none that was made for this person."""
    try:
        return cipher.decrypt(bytes.fromhex(sealed), place=_place(user))
    except cipher.CipherError as error:
        raise ValueError("not an offer for this person") from error


def _place(user: User) -> str:
    return f"offer of a second factor to {user.pk}"


def picture(user: User, secret: bytes) -> SafeString:
    """The QR code that an authenticator app reads, as an SVG to stand in the page."""
    code = segno.make(totp.address(secret, issuer=ISSUER, account=user.get_username()), error="m")
    svg = code.svg_inline(scale=5, border=4, dark="#000", light="#fff", svgclass="bo-qr", lineclass=None)
    return mark_safe(svg)  # noqa: S308  made here, of numbers


def enrol(user: User, secret: bytes, given: str) -> list[str] | None:
    """Make it this person's factor when the app shows its code; the new recovery codes, or None when it does not."""
    now = totp.step_of(clock.now())
    step = totp.matching(secret, _digits(given), range(now - AHEAD, now + AHEAD + 1))
    if step is None:
        return None
    codes = _new_codes()
    SecondFactor.objects.update_or_create(
        user=user,
        defaults={"secret": secret, "last_step": step, "drift": step - now, "enrolled_at": clock.now(),
                  "used_at": None, "recovery": [_hashed(code) for code in codes]},
    )  # fmt: skip
    audit.record("second_factor.enrolled", user.get_username())
    return codes


def has(user: User) -> bool:
    """Whether this person has one."""
    return SecondFactor.objects.filter(user=user).exists()


def proves(user: User, given: str) -> bool:
    """Whether this is the code that their app shows now, or one of their recovery codes; each counts once."""
    return _by_app(user, _digits(given)) or _by_recovery(user, given)


def _by_app(user: User, digits: str) -> bool:
    row = SecondFactor.objects.filter(user=user).first()
    if row is None or len(digits) != totp.DIGITS:
        return False
    now = totp.step_of(clock.now())
    expected = now + row.drift
    step = totp.matching(row.secret, digits, range(expected - AHEAD, expected + AHEAD + 1))
    if step is None or abs(step - now) > MOST_DRIFT:
        return False
    # One statement: of two who send the same code at the same time, one is let in (ASVS 6.5.1).
    taken = SecondFactor.objects.filter(pk=row.pk, last_step__lt=step)
    return taken.update(last_step=step, drift=step - now, used_at=clock.now()) == 1


def _by_recovery(user: User, given: str) -> bool:
    code = "".join(letter for letter in given.lower() if letter in ALPHABET)
    if len(code) != GROUPS * GROUP:
        return False
    hashed = _hashed(code)
    used = SecondFactor.objects.filter(user=user, recovery__contains=[hashed]).update(
        recovery=models.Func(
            models.F("recovery"), models.Value(hashed), function="array_remove",
            output_field=ArrayField(models.CharField(max_length=64)),
        ),
        used_at=clock.now(),
    )  # fmt: skip
    if used:
        audit.record("second_factor.recovery_code_used", user.get_username())
    return used == 1


def renew_codes(user: User) -> list[str]:
    """New recovery codes; the old ones are worth nothing any more."""
    codes = _new_codes()
    SecondFactor.objects.filter(user=user).update(recovery=[_hashed(code) for code in codes])
    audit.record("second_factor.recovery_codes_renewed", user.get_username())
    return codes


def remove(user: User, *, because: str) -> bool:
    """Take it away from somebody who has lost it: they enrol anew when they sign in. False when there is none."""
    gone, _ = SecondFactor.objects.filter(user=user).delete()
    if gone:
        audit.record("second_factor.removed", user.get_username(), because=because)
    return bool(gone)


def _new_codes() -> list[str]:
    def one() -> str:
        return "".join(secrets.choice(ALPHABET) for _ in range(GROUP))

    return ["-".join(one() for _ in range(GROUPS)) for _ in range(RECOVERY_CODES)]


def _hashed(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").encode()).hexdigest()


def _digits(given: str) -> str:
    return "".join(given.split()).replace("-", "")
