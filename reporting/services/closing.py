"""The daily and monthly close: periods begin by themselves, are checked, locked in their order, and proven."""

import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import structlog

from payments.gateway import books
from payments.gateway.models import LegalEntity
from payments.kernel import attention, audit, clock, jobs, unit
from payments.kernel.attention import AttentionKind
from payments.kernel.errors import Refusal
from reporting import selectors
from reporting.models import CheckState, Close, CloseCheck, CloseKind, Item
from reporting.services import checklist, closing_reports, revaluing
from reporting.services import closing_notes as notes
from reporting.services.checklist import Found
from reporting.states import CloseStatus

log = structlog.get_logger(__name__)

LATE: Final[Mapping[str, timedelta]] = {CloseKind.DAY: timedelta(hours=36), CloseKind.MONTH: timedelta(days=5)}
"""A close that takes longer than this after its end needs a person."""

TRIES: Final = 5
"""How often a person's wish to lock tries to get hold of the books at once; the timetable comes again by itself."""

SOON: Final = timedelta(seconds=10)


class CloseUnexpectedState(Refusal):
    """The period is not in a state in which this can be done; its `status` says which it is in."""

    code, status = "close_unexpected_state", 409


class CloseNotOver(Refusal):
    """The period is not over yet: nothing of it can be checked."""

    code, status = "close_not_over", 409


class BooksBusy(Refusal):
    """Somebody is writing into the books for longer than a close may make payments wait: try again in a minute."""

    code, status = "books_busy", 409


class CheckNotAcceptable(Refusal):
    """This item is done, or one that nobody can accept: it is put right."""

    code, status = "check_not_acceptable", 422


def run_all() -> None:
    """Have every entity's periods begun, checked and closed, as far as that is possible now."""
    with unit.work():
        for entity_id in LegalEntity.objects.values_list("pk", flat=True):
            jobs.enqueue("close_entity", unique=f"close:{entity_id}", entity_id=entity_id)


def run(entity_id: str) -> None:
    """Close what can be closed of one entity. Raises `Retry` while reports are being written."""
    begin(entity_id)
    waits = [_close_in_order(entity_id, kind) for kind in CloseKind.values]
    waits += [prove(close.pk) for close in selectors.unproven(entity_id)]
    if any(waits):
        raise jobs.Retry(SOON, "reports are being written")


def begin(entity_id: str) -> None:
    """Write a row for each day and month that has begun, beginning with the first day that has anything in it."""
    entity = LegalEntity.objects.get(pk=entity_id)
    last = selectors.last_begun(entity_id)
    day = last.day + timedelta(days=1) if last else selectors.first_day(entity)
    starts = last.ends_at if last else None
    with unit.work() as work:
        while day is not None and midnight(day, entity.time_zone) <= clock.now():
            begins = starts or midnight(day, entity.time_zone)
            starts = midnight(day + timedelta(days=1), entity.time_zone)
            if starts > begins:
                work.add(_period(entity, CloseKind.DAY, day, begins, starts), once=True)
                first = day.replace(day=1)
                ends = midnight((first + timedelta(days=31)).replace(day=1), entity.time_zone)
                work.add(_period(entity, CloseKind.MONTH, first, begins, ends), once=True)
            day += timedelta(days=1)


def _period(entity: LegalEntity, kind: str, day: date, starts: datetime, ends: datetime) -> Close:
    return Close(entity=entity, kind=kind, day=day, time_zone=entity.time_zone, starts_at=starts, ends_at=ends)


def midnight(day: date, zone: str) -> datetime:
    """When a day begins in a time zone, in UTC: where the clocks skip midnight, with the skip."""
    return datetime.combine(day, time.min, zoneinfo.ZoneInfo(zone)).astimezone(UTC)


def _close_in_order(entity_id: str, kind: str) -> bool:
    """Check and lock one after the other, until one is not ready; whether that one waits for its reports."""
    while (close := selectors.next_close(entity_id, kind)) is not None:
        close = check(close.pk, by=closing_reports.BY)
        if close.status != CloseStatus.READY:
            _say_that_it_is_late(close)
            return _waits(close)
        try:
            lock(close.pk, by=closing_reports.BY)
        except books.Busy:
            log.info("books_busy", close=close.pk)
            return True
        except CloseUnexpectedState:
            log.info("closed_by_somebody_else", close=close.pk)
    return False


def _waits(close: Close) -> bool:
    """Whether only the reports are not there yet."""
    states = {check.item: check.state for check in close.checks.all()}
    return states.pop(Item.REPORTS, None) == CheckState.WAITING and set(states.values()) <= set(checklist.PASSED)


def check(close_id: str, *, by: str, anew: bool = False) -> Close:
    """Look at every item of a period that is over, and say whether it is ready to be locked.

    What is laborious and was right a moment ago is not looked at again, unless `anew`. A locked period is left alone.
    Refuses before its end.
    """
    close = selectors.close(close_id)
    if close.ends_at > clock.now():
        raise CloseNotOver(f"{close} ends at {close.ends_at:%Y-%m-%d %H:%M} UTC.")
    if close.status == CloseStatus.LOCKED:
        return close
    found = list(checklist.look(close, {Item(one.item): one for one in close.checks.all()}, anew=anew))
    with unit.work():
        held = selectors.hold_close(close_id)
        if held.status != CloseStatus.LOCKED:
            _write(held, found, by)
    return selectors.close(close_id)


def _write(close: Close, found: Sequence[tuple[Item, Found]], by: str) -> None:
    """What was found, and the state that follows from it, with the open unit."""
    passed = all(one.state in checklist.PASSED for one in notes.keep(close, found))
    if close.status in (CloseStatus.OPEN, CloseStatus.REOPENED) or (close.status == CloseStatus.READY and not passed):
        close.advance("check", because="checked" if passed else "not everything is there", by=by)
    if passed and close.status == CloseStatus.CHECKING:
        close.advance("pass", because="nothing is missing", by=by)
    close.change(checked_at=clock.now())


def accept(check_id: str, *, because: str, by: str) -> CloseCheck:
    """A person accepts what is missing, with the reason: it holds while it is this that is missing."""
    with unit.work():
        row = selectors.hold_check(check_id)
        if row.close.status == CloseStatus.LOCKED:
            raise CloseUnexpectedState(f"{row.close} is locked.")
        if row.state != CheckState.MISSING or row.item not in checklist.ACCEPTABLE:
            raise CheckNotAcceptable(f"{row}: {row.get_state_display().lower()}.")
        notes.accept(row, because=because, by=by)
        audit.did("close.missing_accepted", row.close.pk, because=because)
    return row


def lock_now(close_id: str, *, by: str) -> Close:
    """Check and lock on a person's wish. Refuses while something is missing, and says what."""
    close = check(close_id, by=by)
    if close.status != CloseStatus.READY:
        raise CloseUnexpectedState(f"{close} is {close.status}. Not there yet: {missing(close) or 'nothing'}.")
    close = patiently(lambda: lock(close_id, by=by))
    with unit.work():
        jobs.enqueue("close_entity", unique=f"close:{close.entity_id}", entity_id=close.entity_id)
    return close


def lock(close_id: str, *, by: str) -> Close:
    """Let the books of a period that is ready take nothing more.

    Raises `books.Busy` when somebody is writing for longer than payments may be made to wait.
    """
    entity_id = selectors.close(close_id).entity_id
    with unit.work():
        entity = books.hold(entity_id)
        close = selectors.hold_close(close_id)
        if not close.may("lock"):
            raise CloseUnexpectedState(f"{close} is {close.status}.")
        edition = close.edition + 1
        words = f"edition {edition}" if edition > 1 else "locked"
        close.advance("lock", because=words, by=by, edition=edition, locked_at=clock.now(), locked_by=by,
                      proven_at=None, reopen_asked_by="", reopen_because="", reopen_asked_at=None, reopened_by="",
                      reopened_at=None)  # fmt: skip
        if close.kind == CloseKind.DAY:
            books.close(entity, close.ends_at)
        else:
            revaluing.revalue(close)
        attention.close_items(close.pk, because="It is locked.", by=by, kind=AttentionKind.CLOSE_LATE)
        audit.did("close.locked", close.pk)
    log.info("books_closed", entity=entity_id, period=close.words, kind=close.kind, edition=close.edition)
    return close


def at_once(close_id: str, *, by: str) -> Close:
    """Check a period, have its reports written here and now, lock it when it is ready, and prove it."""
    close = check(close_id, by=by, anew=True)
    if _waits(close):
        closing_reports.write(close, by=by)
        close = check(close_id, by=by)
    if close.status == CloseStatus.READY:
        close = patiently(lambda: lock(close_id, by=by))
    if close.status == CloseStatus.LOCKED and close.proven_at is None and prove(close_id):
        closing_reports.write(selectors.close(close_id), by=by)
        prove(close_id)
    return selectors.close(close_id)


def patiently(act: Callable[[], Close]) -> Close:
    """Do what holds the books, a few times if it must be; `BooksBusy` when somebody writes all the while."""
    for _ in range(TRIES):
        try:
            return act()
        except books.Busy:
            continue
    raise BooksBusy("The books are being written into by something that takes long. Nothing was changed.")


def prove(close_id: str) -> bool:
    """See that the reports of a locked period hold all that it will ever hold; whether they are still being written.

    What was booked between the reports and the lock has them written again: now nothing can come in between.
    """
    close = selectors.close(close_id)
    state, _, figures = closing_reports.stand(close)
    if state == CheckState.DONE and not closing_reports.hold_everything(close):
        closing_reports.ask(close, closing_reports.WANTED)
        return True
    if state == CheckState.DONE:
        with unit.work():
            held = selectors.hold_close(close_id)
            if held.status != CloseStatus.LOCKED or held.edition != close.edition:
                return False
            held.change(proven_at=clock.now())
            attention.close_items(
                close.pk, because="Its reports are right.", by=closing_reports.BY, kind=AttentionKind.CLOSE_LATE
            )
            _say_what_changed(held)
    elif state == CheckState.MISSING:
        _call_a_person(close, f"{close} is locked, and its reports are not right: {_words(figures)}")
    return state == CheckState.WAITING


def _say_what_changed(close: Close) -> None:
    names = closing_reports.changed(close)
    if names:
        notes.note(close, "changed", f"edition {close.edition} differs: {', '.join(names)}", closing_reports.BY)


def _words(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {one['run']}" for name, one in figures.items())


def _say_that_it_is_late(close: Close) -> None:
    """Ask for a person once, and say what is missing now."""
    if clock.now() > close.ends_at + LATE[close.kind]:
        _call_a_person(close, f"{close.entity}, {close}: {missing(close)}")


def missing(close: Close) -> str:
    """What is not there yet, in words; "" when all is."""
    return "; ".join(str(one) for one in close.checklist() if one.state not in checklist.PASSED)


def _call_a_person(close: Close, detail: str) -> None:
    with unit.work():
        attention.open_anew(AttentionKind.CLOSE_LATE, close.pk, detail)
