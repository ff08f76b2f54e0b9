"""Idempotency keys: the first executed answer is kept for a day of simulator time and given again."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from payments.simulator.clock import DAY
from payments.simulator.stripe import errors, objects
from payments.simulator.stripe.shop import Shop
from payments.simulator.tables import packed, unpacked

LONGEST = 255


@dataclass(frozen=True, slots=True)
class Replay:
    """A kept answer."""

    status: int
    body: bytes
    request_id: str


def fingerprint(path: str, params: dict[str, Any]) -> str:
    """What must be equal for two requests to be the same."""
    canonical = repr(sorted(_flat(params)))
    return hashlib.blake2b(f"{path}\n{canonical}".encode(), digest_size=16).hexdigest()


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(item, f"{path}[{name}]")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(item, f"{path}[{index}]")
    else:
        yield path, str(value)


def recall(shop: Shop, key: str, path: str, print_: str) -> Replay | None:
    """The kept answer of this key. Raises StripeError: other parameters, or the first is still running."""
    if len(key) > LONGEST:
        raise errors.InvalidError(f"Idempotency keys may have at most {LONGEST} characters.")
    kept = shop.find(objects.Answer, key)
    if kept is not None and kept.created <= shop.now() - DAY:
        shop.drop(kept)
        kept = None
    if key in shop.executing:
        raise _in_use(key)
    if kept is None:
        return None
    if kept.path != path:
        raise _mismatch(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{kept.path}' vs '{path}'). Try using a key other than '{key}' if you meant to execute a different "
            "request."
        )
    if kept.fingerprint != print_:
        raise _mismatch(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
    return Replay(kept.status, unpacked(kept.body), kept.request_id)


def _in_use(key: str) -> errors.StripeError:
    error = errors.StripeError(
        409,
        "idempotency_error",
        f"There is currently another in-progress request using this Idempotency Key ({key}). Please try again later.",
        code="idempotency_key_in_use",
    )
    error.executed = False
    return error


def _mismatch(message: str) -> errors.StripeError:
    error = errors.StripeError(400, "idempotency_error", message)
    error.executed = False
    return error


def keep(shop: Shop, key: str, path: str, print_: str, answer: Replay) -> None:
    """Keep the answer of an executed request."""
    shop.save(
        objects.Answer(
            id=key,
            created=shop.now(),
            fingerprint=print_,
            status=answer.status,
            body=packed(answer.body),
            request_id=answer.request_id,
            path=path,
        )
    )


def prune(shop: Shop) -> None:
    """Forget keys that are a day old: the same key is then a new request."""
    limit = shop.now() - DAY
    table = shop.tables["answer"]
    for answer in list(table.values()):
        # Kept in order of time: the first young one ends the search.
        if answer.created > limit:
            break
        shop.drop(answer)
