"""What is personal leaves for the database encrypted, and is found there by a keyed hash.

AES-256-GCM-SIV (RFC 8452): also after very many rows under one key a repeated nonce gives nothing away but that two
texts are the same. Each value carries the number of its key: keys are changed while rows of old ones are read.
"""

import hashlib
import hmac
import os
import unicodedata
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from django.conf import settings

VERSION: Final = b"\x01"
NUMBER: Final = 4
NONCE: Final = 12
HEAD: Final = len(VERSION) + NUMBER + NONCE
BLIND: Final = 16
"""Bytes of a blind index: two of a billion texts do not share one by chance."""


class CipherError(Exception):
    """What stands in the database cannot be read; the message says which value and why, and shows nothing of it."""


class KeyMissing(CipherError):
    """It was encrypted by a key that PERSONAL_DATA_KEYS does not hold."""


class Tampered(CipherError):
    """It is not what was written, or was written for another column."""


def encrypt(plain: bytes, *, place: str) -> bytes:
    """`plain` under the newest key, for one `place` (`table.column`): it cannot be read as the value of another."""
    number, key = next(iter(_keys().items()))
    nonce = os.urandom(NONCE)
    return b"".join((VERSION, number, nonce, key.encrypt(nonce, plain, place.encode())))


def decrypt(sealed: bytes, *, place: str) -> bytes:
    """What was encrypted for `place`, by any of our keys. Raises `KeyMissing` and `Tampered`."""
    number = sealed[len(VERSION) : len(VERSION) + NUMBER]
    if len(sealed) < HEAD or sealed[: len(VERSION)] != VERSION:
        raise Tampered(f"{place}: this is nothing that was encrypted here")
    key = _keys().get(number)
    if key is None:
        raise KeyMissing(f"{place}: encrypted by the key {number.hex()}, which is not among PERSONAL_DATA_KEYS")
    try:
        return key.decrypt(sealed[HEAD - NONCE : HEAD], sealed[HEAD:], place.encode())
    except InvalidTag:
        raise Tampered(f"{place}: this is not what was encrypted by the key {number.hex()}") from None


def newest() -> bytes:
    """How a value begins that the newest key has encrypted."""
    return VERSION + next(iter(_keys()))


def blind(text: str, *, place: str) -> bytes:
    """The blind index of a text: the same for all spellings of it, and nothing without KEY_PEPPER."""
    return hmac.digest(_blinding(settings.KEY_PEPPER), f"{place}\0{folded(text)}".encode(), hashlib.sha256)[:BLIND]


def folded(text: str) -> str:
    """How a text is compared: without capitals, without blanks around and doubled ones within (Unicode NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _keys() -> dict[bytes, AESGCMSIV]:
    return _ring(settings.PERSONAL_DATA_KEYS)


@lru_cache(maxsize=4)
def _ring(keys: tuple[bytes, ...]) -> dict[bytes, AESGCMSIV]:
    """Number -> key, newest first. The number is a hash of the key: nobody has to keep numbers apart."""
    return {hashlib.sha256(b"number of a key\0" + key).digest()[:NUMBER]: AESGCMSIV(key) for key in keys}


@lru_cache(maxsize=4)
def _blinding(pepper: str) -> bytes:
    return hmac.digest(pepper.encode(), b"blind index", hashlib.sha256)
