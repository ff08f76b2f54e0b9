"""Idempotency-Key: the answer of the first executed request is kept for a week and given again."""

import hashlib

from payments.simulator.adyen import errors, objects
from payments.simulator.adyen.shop import Shop
from payments.simulator.clock import DAY
from payments.simulator.tables import packed, unpacked
from payments.simulator.transit import Reply

LONGEST = 64
KEPT = 7 * DAY
PSP_HEADER = b"pspreference"


def fingerprint(path: str, body: bytes) -> str:
    """What must be equal for two requests to be the same."""
    return hashlib.blake2b(path.encode() + b"\n" + body, digest_size=16).hexdigest()


def recall(shop: Shop, key: str, print_: str) -> Reply | None:
    """The kept answer of this key. Raises AdyenError: too long, other contents, or the first is still running."""
    if len(key) > LONGEST:
        raise errors.InvalidError("703", f"Idempotency-Key may have at most {LONGEST} characters")
    if key in shop.executing:
        raise errors.key_in_use()
    kept = shop.find(objects.Answer, key)
    if kept is not None and kept.created <= shop.now() - KEPT:
        shop.drop(kept)
        kept = None
    if kept is None:
        return None
    if kept.fingerprint != print_:
        raise errors.key_mismatch()
    return Reply(kept.status, unpacked(kept.body), [(PSP_HEADER, kept.psp.encode())])


def keep(shop: Shop, key: str, print_: str, reply: Reply) -> None:
    """Keep the answer of an executed request."""
    psp = next((value.decode() for name, value in reply.headers if name == PSP_HEADER), "")
    shop.save(objects.Answer(key, shop.now(), print_, reply.status, packed(reply.body), psp))


def prune(shop: Shop) -> None:
    """Forget what is a week old."""
    limit = shop.now() - KEPT
    for answer in list(shop.tables["answer"].values()):
        # Kept in order of time: the first young one ends the search.
        if answer.created > limit:
            break
        shop.drop(answer)
