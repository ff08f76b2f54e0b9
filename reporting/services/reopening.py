"""A locked period is opened again: one person asks with a reason, another one does it."""

from payments.gateway import books
from payments.kernel import audit, clock, unit
from payments.kernel.errors import Refusal
from reporting import selectors
from reporting.models import Close, CloseKind
from reporting.services import closing_notes as notes
from reporting.services.closing import CloseUnexpectedState
from reporting.states import CloseStatus


class CloseNotLast(Refusal):
    """Only the last period that is locked can be opened again: those after it come first."""

    code, status = "close_not_last", 409


class CloseSecondPersonNeeded(Refusal):
    """Who wants a period open again does not open it as well: another person does."""

    code, status = "close_second_person_needed", 403


def ask(close_id: str, *, because: str, by: str) -> Close:
    """Say why a locked period has to be opened again. Nothing is opened: another person has to agree."""
    with unit.work():
        close = _held(close_id)
        if close.reopen_asked_by:
            raise CloseUnexpectedState(f"{close.reopen_asked_by} wants it open again already.")
        close.change(reopen_asked_by=by, reopen_because=because, reopen_asked_at=clock.now())
        notes.note(close, "ask", f"wanted open again: {because}", by)
        audit.did("close.reopening_asked", close.pk, because=because)
    return close


def withdraw(close_id: str, *, by: str) -> Close:
    """It stays locked after all."""
    with unit.work():
        close = _wished(_held(close_id))
        notes.note(close, "withdraw", f"stays locked, in spite of: {close.reopen_because}", by)
        close.change(reopen_asked_by="", reopen_because="", reopen_asked_at=None)
        audit.did("close.reopening_withdrawn", close.pk)
    return close


def agree(close_id: str, *, by: str) -> Close:
    """The second person: the books take what belongs to the period again, until it is closed anew.

    What was booked elsewhere because it was locked stays there. Raises `books.Busy` like a close.
    """
    with unit.work():
        entity = books.hold(selectors.close(close_id).entity_id)
        close = _wished(_held(close_id))
        if close.reopen_asked_by == by:
            raise CloseSecondPersonNeeded("Another person has to agree with the one who asked.")
        because = f"{close.reopen_because} (asked by {close.reopen_asked_by})"
        close.advance("reopen", because=because, by=by, reopened_by=by, reopened_at=clock.now(), proven_at=None)
        if close.kind == CloseKind.DAY:
            books.close(entity, close.starts_at)
        audit.did("close.reopened", close.pk, because=because)
    return close


def _held(close_id: str) -> Close:
    """A locked period that nothing locked comes after."""
    close = selectors.hold_close(close_id)
    if close.status != CloseStatus.LOCKED:
        raise CloseUnexpectedState(f"{close} is {close.status}.")
    later = selectors.locked_after(close)
    if later is not None:
        raise CloseNotLast(f"{later} is locked as well: open that first.")
    return close


def _wished(close: Close) -> Close:
    if not close.reopen_asked_by:
        raise CloseUnexpectedState("Nobody wants it open again.")
    return close
