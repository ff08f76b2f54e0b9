"""Exactly one handler serves each kind of notification."""

import pytest

from payments.connectors.base import EventKind, PspEvent
from payments.kernel.errors import Bug
from payments.webhooks import dispatch


def do_nothing(account_id: str, event: PspEvent) -> None:
    """A handler."""


def test_every_kind_has_its_handler_once_the_apps_are_loaded() -> None:
    assert set(dispatch.HANDLERS) == set(EventKind) - {EventKind.UNUSED}
    assert len(set(dispatch.HANDLERS.values())) == len(dispatch.HANDLERS)


def test_a_second_handler_for_a_kind_is_refused() -> None:
    with pytest.raises(Bug, match="two handlers"):
        dispatch.handles(EventKind.PAYMENT_UPDATED)(do_nothing)


def test_what_nothing_acts_on_has_no_handler() -> None:
    assert dispatch.handler_of(EventKind.UNUSED) is None
    with pytest.raises(Bug):
        dispatch.handles(EventKind.UNUSED)(do_nothing)


def test_a_kind_without_its_handler_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(dispatch.HANDLERS, EventKind.REFUND_UPDATED)
    with pytest.raises(Bug, match="no handler"):
        dispatch.handler_of(EventKind.REFUND_UPDATED)
