"""Keeping what customers may pay with again, and letting PSPs forget it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import structlog

from payments.connectors.base import SavedMethod, Verdict
from payments.gateway import accounts
from payments.kernel import clock, ids, jobs, unit
from payments.kernel.errors import Bug, Refusal
from payments.methods import selectors, shapes
from payments.methods.models import MethodSuccess, Payer, PaymentMethod, PaymentMethodToken
from payments.orders.models import Customer
from payments.webhooks.services import outbox

log = structlog.get_logger(__name__)

REPLACED_FOR: Final = timedelta(hours=1)
"""How long a token that another one replaces stays at its PSP: a payment with it may be under way."""

TOLD: Final = ("brand", "last4", "exp_month", "exp_year", "wallet", "fingerprint")
"""What a PSP says of a saved method."""


class SavedMethodUnknown(Refusal):
    """The payment intent's customer has no such saved payment method."""

    code, status = "saved_payment_method_unknown", 422


class SavedMethodDeleted(Refusal):
    """The saved payment method was deleted: it cannot be paid with any more."""

    code, status = "saved_payment_method_deleted", 422


def usable(method_id: str, *, customer_id: str | None) -> PaymentMethod:
    """A customer's saved method, locked in the caller's unit so that nobody deletes it meanwhile; else a refusal."""
    row = PaymentMethod.objects.select_for_update(no_key=True).filter(pk=method_id, customer_id=customer_id).first()
    if row is None:
        raise SavedMethodUnknown(f"The customer has no saved method {method_id}.", param="saved_payment_method")
    if row.deleted_at is not None:
        raise SavedMethodDeleted(f"{method_id} was deleted.", param="saved_payment_method")
    return row


def remember_payer(customer_id: str, account_id: str, reference: str) -> None:
    """Note, with the open unit, as whom a PSP knows a customer; what is known already stays."""
    unit.current().add(Payer(customer_id=customer_id, account_id=account_id, reference=reference), once=True)


def keep(customer_id: str, account_id: str, method: str, saved: SavedMethod, *, payer: str) -> PaymentMethod | None:
    """Keep, with the open unit, what a PSP has saved for a customer; None when it is not to be kept.

    The same card of the same customer is one method, however often and wherever it is saved. What is saved for
    somebody who was erased meanwhile is deleted at once. The customer is locked, so that two payments save one method.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    known = selectors.token(account_id, saved.token)
    if known is not None:
        return _told(known, saved, customer_id)
    row = selectors.same(customer_id, saved.fingerprint)
    fresh = row is None
    if row is None:
        facts = {name: getattr(saved, name) for name in TOLD}
        row = PaymentMethod(id=ids.new("pm"), client_id=customer.client_id, customer=customer, method=method, **facts)
        unit.current().add(row)
    else:
        _replace(row, account_id)
        row.change(**_changed(row, saved))
    token = PaymentMethodToken(payment_method=row, account_id=account_id, token=saved.token, payer=payer or customer_id)
    unit.current().add(token)
    if customer.erased_at is not None:
        row.change(deleted_at=clock.now(), **NOTHING)
        _retire(token, row.deleted_at)
        return None
    announce(row, "payment_method.saved" if fresh else "payment_method.updated")
    return row


def _told(known: PaymentMethodToken, saved: SavedMethod, customer_id: str) -> PaymentMethod | None:
    """What is said of a token that is known: news, or none."""
    row = known.payment_method
    if row.customer_id != customer_id:
        log.error("token_of_another_customer", token=known.pk, customer=customer_id)
        return None
    if known.retired_at is not None:
        return None
    _update(row, saved)
    return row


def _update(row: PaymentMethod, saved: SavedMethod) -> None:
    changed = _changed(row, saved)
    if changed:
        row.change(**changed)
        announce(row, "payment_method.updated")


def _changed(row: PaymentMethod, saved: SavedMethod) -> dict[str, Any]:
    """What a PSP says otherwise than we know it; what it does not say stays. A fingerprint is given once."""
    said = {name: getattr(saved, name) for name in TOLD if getattr(saved, name)}
    if row.fingerprint:
        said.pop("fingerprint", None)
    return {name: value for name, value in said.items() if getattr(row, name) != value}


def _replace(row: PaymentMethod, account_id: str) -> None:
    """The same card has another token at this account now."""
    old = PaymentMethodToken.objects.filter(payment_method=row, account_id=account_id, retired_at__isnull=True).first()
    if old is not None:
        _retire(old, clock.now() + REPLACED_FOR)


def _retire(token: PaymentMethodToken, forget_at: Any) -> None:
    token.change(retired_at=clock.now())
    jobs.enqueue("forget_token", run_at=forget_at, unique=f"forget_token:{token.pk}", token_id=token.pk)


def accept(account_id: str, saved: SavedMethod, *, gone: bool, ask: bool = False) -> bool:
    """A PSP says how a saved method is now (`gone`: it keeps it no longer); False when the token is not known here.

    One that only says that there is news is to be asked for it (`ask`), soon.
    """
    known = selectors.token(account_id, saved.token)
    if known is None:
        return False
    with unit.work():
        row = PaymentMethod.objects.select_for_update(no_key=True).get(pk=known.payment_method_id)
        known.refresh_from_db()
        if known.retired_at is not None or row.deleted_at is not None:
            return True
        if ask and not gone:
            jobs.enqueue("refresh_saved_method", unique=f"refresh_saved_method:{known.pk}", token_id=known.pk)
        if not gone:
            _update(row, saved)
            return True
        known.change(retired_at=clock.now(), forgotten_at=clock.now())
        if not selectors.live_tokens(row.pk).exclude(pk=known.pk).exists():
            row.change(deleted_at=clock.now())
            announce(row, "payment_method.deleted")
    return True


def refresh(token_id: str) -> None:
    """Ask the PSP how a saved method is now. `Retry` while it does not say."""
    token = PaymentMethodToken.objects.get(pk=token_id)
    connector = accounts.connector(accounts.account(token.account_id), interactive=False)
    found = connector.look_up_method(token.payer, token.token)
    if found.verdict in (Verdict.UNAVAILABLE, Verdict.UNKNOWN):
        raise jobs.Retry(timedelta(minutes=1), found.detail)
    accept(token.account_id, found.saved or SavedMethod(token=token.token), gone=found.saved is None)


def delete(method_id: str, *, client_id: str) -> PaymentMethod:
    """Pay with it no more, at once; the PSPs are asked to forget it as soon as they can be reached. Twice is once."""
    with unit.work() as work:
        row = selectors.method(method_id, client_id=client_id, lock=True)
        if row.deleted_at is None:
            _delete(row)
        work.returns(row)
    return row


NOTHING: Final[dict[str, Any]] = {
    "brand": "", "last4": "", "exp_month": None, "exp_year": None, "wallet": "", "fingerprint": "",
}  # fmt: skip
"""What stays of a saved method of somebody who was erased."""


def _delete(row: PaymentMethod, **facts: Any) -> None:
    row.change(deleted_at=clock.now(), **facts)
    for token in selectors.live_tokens(row.pk):
        _retire(token, clock.now())
    announce(row, "payment_method.deleted")


def forget_customer(customer_id: str) -> None:
    """A customer was erased: nothing is paid with their methods, nothing is known of them, and PSPs keep none."""
    with unit.work():
        Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
        for row in PaymentMethod.objects.select_for_update(no_key=True).filter(customer_id=customer_id).order_by("pk"):
            if row.deleted_at is None:
                _delete(row, **NOTHING)
            else:
                row.change(**NOTHING)


def forget_token(token_id: str) -> None:
    """Ask the PSP to keep a token no longer. `Retry` while it cannot be reached or does not say."""
    token = PaymentMethodToken.objects.get(pk=token_id)
    if token.retired_at is None or token.forgotten_at is not None:
        return
    account = accounts.account(token.account_id)
    outcome = accounts.connector(account, interactive=False).forget_method(token.payer, token.token)
    if outcome.verdict in (Verdict.UNAVAILABLE, Verdict.UNKNOWN):
        raise jobs.Retry(timedelta(minutes=1), outcome.detail)
    if outcome.verdict is not Verdict.APPROVED:
        raise Bug(f"{account.code} does not forget {token_id}: {outcome.detail}")
    with unit.work():
        token.change(forgotten_at=clock.now())


def announce(row: PaymentMethod, type_: str) -> None:
    """Tell the client, with the next number of this method's events."""
    row.change(event_sequence=row.event_sequence + 1)
    outbox.emit(row.pk, row.client_id, type_, shapes.saved(row), row.event_sequence)


def measured(counted: Iterable[tuple[str, str, int, int]]) -> None:
    """Write how methods have done: (method, country or "" for all, tried, paid). What was not tried any more is 0."""
    now = clock.now()
    rows = [
        MethodSuccess(method=method, country=country, tried=tried, paid=paid, measured_at=now)
        for method, country, tried, paid in counted
    ]
    with unit.work():
        MethodSuccess.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["method", "country"],
            update_fields=["tried", "paid", "measured_at"],
        )
        MethodSuccess.objects.exclude(measured_at=now).filter(tried__gt=0).update(tried=0, paid=0, measured_at=now)
    selectors.forget()
