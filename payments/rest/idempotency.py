"""Idempotency keys: the same key never has its effect twice, and its answer is stored in the commit that makes it true.

The claim asks nothing beforehand. It writes its row with the first unit of work of the use case, so a second
request with the same key runs into the unique constraint, or into a refusal of the rules, and only then the row
is read: stored answer, other body, still running, or crashed in between.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError

from payments.kernel import clock, personal, redaction, unit
from payments.kernel.errors import Bug, Refusal
from payments.rest import problems
from payments.rest.models import ApiClient, IdempotencyKey

HEADER: Final = "Idempotency-Key"
MAX_LENGTH: Final = 255
CRASHED_AFTER: Final = timedelta(seconds=60)
"""A request without an answer for so long is over: its answer is made from what is recorded."""


class IdempotencyKeyRequired(Refusal):
    """An operation that moves money needs an `Idempotency-Key` header."""

    code, status = "idempotency_key_required", 400


class IdempotencyKeyInvalid(Refusal):
    """An idempotency key is 1 to 255 visible ASCII characters."""

    code, status = "idempotency_key_invalid", 400


class IdempotencyKeyReused(Refusal):
    """The idempotency key was used with another body or address."""

    code, status = "idempotency_key_reused", 422


class IdempotencyKeyInUse(Refusal):
    """The first request with this idempotency key is still running; ask again in a moment."""

    code, status = "idempotency_key_in_use", 409


def forget_answers(object_ids: Sequence[str]) -> None:
    """Forget, with the open unit, what was answered about objects: a repeated key answers from the record.

    Refusals stay: they say nothing of anybody, and no record repeats them.
    """
    unit.current().run(
        "UPDATE payments_idempotencykey SET status = NULL, body = NULL, body_cipher = NULL"
        " WHERE object_id = ANY(%s) AND status < 400",
        [list(object_ids)],
    )


@dataclasses.dataclass(frozen=True)
class Answer:
    """What goes over the wire: about which object, if it is about one; `replayed` when it was given before."""

    status: int
    body: bytes
    about: str | None = None
    replayed: bool = False


@dataclasses.dataclass(frozen=True)
class Request:
    """What a claim knows of the request it stands for; `object_id` is None when the request creates its object."""

    client: ApiClient
    operation: str
    key: str
    body_hash: str
    object_id: str | None


def key_from(given: str | None, *, required: bool) -> str | None:
    """The caller's key, a digest of one that must not be kept; None when there is none and none is needed."""
    if given is None:
        if required:
            raise IdempotencyKeyRequired(f"This operation moves money: send an {HEADER} header.")
        return None
    if not 1 <= len(given) <= MAX_LENGTH or not all("!" <= char <= "~" for char in given):
        raise IdempotencyKeyInvalid(f"An {HEADER} is 1 to {MAX_LENGTH} visible ASCII characters.")
    return given if redaction.text(given) == given else f"sha256:{hashlib.sha256(given.encode()).hexdigest()}"


def hash_of(path: str, parsed: Mapping[str, Any]) -> str:
    """SHA-256 of the address and of the body's meaning: spelling, blanks and the order of keys do not count."""
    canonical = json.dumps([path, parsed], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class IdempotencyClaim:
    """One request's hold on its key; a contributor to the units of work of its use case."""

    def __init__(
        self,
        request: Request,
        *,
        render: Callable[[object], Answer],
        recorded: Callable[[ApiClient, str], object],
        said_once: Callable[[object], Answer] | None = None,
    ) -> None:
        """`render` makes the answer that is stored; the first caller gets what `said_once` makes, if it is given."""
        self._request = request
        self._render = render
        self._recorded = recorded
        self._said_once = said_once
        self._answer: Answer | None = None
        self._row = IdempotencyKey(
            client=request.client,
            operation=request.operation,
            key=request.key,
            body_hash=request.body_hash,
            created_at=clock.now(),
        )

    def answer(self, use_case: Callable[[], object]) -> Answer:
        """Run the use case under this key, and answer: for the first time, or again.

        Raises what the use case raised when there is no earlier answer, and the refusals of this module.
        """
        try:
            with unit.joined_by(self):
                result = use_case()
        except (Refusal, IntegrityError, ObjectDoesNotExist, unit.Stale) as error:
            return self._after(error)
        if self._unwritten:  # nothing was to be done: perhaps because it was done under this key before
            earlier = self._read()
            return self._render(result) if earlier is None else self._repeat(earlier)
        if self._answer is None:
            self._answer = _store(self._row, self._render(result))
        if self._said_once is not None and not self._answer.replayed:
            return self._said_once(result)
        return self._answer

    def contribute(self, work: unit.Unit, result: object) -> None:
        """Claim the key with the first unit; store the answer with the unit that makes it true.

        A 503 proves that there was no effect: with it the key is free again.
        """
        if _is_unavailable(result):
            work.run("DELETE FROM payments_idempotencykey WHERE id = %s", [self._row.pk])
            return
        said = None if result is None else self._said(result)
        self._answer = said or self._answer
        if self._unwritten:
            object_id = self._request.object_id or (said and said.about)
            if not object_id:
                raise Bug(f"{self._request.operation}: the first unit of a creation returns the new object")
            self._row.object_id = object_id
            self._row.status, self._row.body = (said.status, said.body) if said else (None, None)
            work.add(self._row)
        elif said is not None:
            # Not guarded: what really happened is recorded even if a retry has answered meanwhile.
            work.run(
                "UPDATE payments_idempotencykey SET status = %s, body_cipher = %s WHERE id = %s",
                [said.status, personal.prepared(IdempotencyKey, "body", said.body), self._row.pk],
            )

    @property
    def _unwritten(self) -> bool:
        """True until a unit with our row was written."""
        return self._row._state.adding

    def _read(self) -> IdempotencyKey | None:
        request = self._request
        return IdempotencyKey.objects.filter(
            client=request.client, operation=request.operation, key=request.key
        ).first()

    def _said(self, result: object) -> Answer:
        if isinstance(result, Refusal):
            return Answer(result.status, problems.document(result, problems.current_request_id()))
        return self._render(result)

    def _after(self, error: Exception) -> Answer:
        """The use case gave up: before it wrote anything an earlier answer may stand, afterwards this is the answer."""
        if self._unwritten:
            forbidden = isinstance(error, Refusal) and error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            earlier = None if forbidden else self._read()
            if earlier is not None:
                return self._repeat(earlier)
            raise IdempotencyKeyInUse("Try again.", retry_after=1) if _is_ours(error) else error
        if not isinstance(error, Refusal) or _is_unavailable(error):
            raise error
        if self._answer is None or self._answer.status != error.status:
            raise Bug(f"{self._request.operation}: a refusal after a commit is said in that commit") from error
        return self._answer

    def _repeat(self, earlier: IdempotencyKey) -> Answer:
        """What an earlier request with this key was answered, or would have been had it not died."""
        if earlier.body_hash != self._request.body_hash:
            raise IdempotencyKeyReused("This key was used for another request.")
        if earlier.body is not None:
            return _again(earlier)
        if clock.now() - earlier.created_at < CRASHED_AFTER:
            raise IdempotencyKeyInUse("The first request with this key is still running.", retry_after=1)
        result = self._recorded(self._request.client, earlier.object_id)
        return dataclasses.replace(_store(earlier, self._render(result)), replayed=True)


def _store(row: IdempotencyKey, answer: Answer) -> Answer:
    """Keep an answer after the fact; the one that was stored first wins and is returned."""
    rows = IdempotencyKey.objects.filter(pk=row.pk)
    if rows.filter(body__isnull=True, plain_body=None).update(status=answer.status, body=answer.body):
        return answer
    stored = rows.exclude(status=None).first()
    return answer if stored is None else _again(stored)


def _again(row: IdempotencyKey) -> Answer:
    if row.status is None or row.body is None:
        raise Bug("a stored answer has a status and a body")
    return Answer(row.status, bytes(row.body), replayed=True)


def _is_ours(error: Exception) -> bool:
    """True when the database refused the key itself a second time."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) == "idempotency_key_once"


def _is_unavailable(result: object) -> bool:
    return isinstance(result, Refusal) and result.status == HTTPStatus.SERVICE_UNAVAILABLE
