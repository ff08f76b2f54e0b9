"""Who serves which kind of notification: exactly one handler per kind."""

from collections.abc import Callable
from typing import Final

from payments.connectors.base import EventKind, PspEvent
from payments.kernel.errors import Bug

Handler = Callable[[str, PspEvent], None]
"""Called with the id of the provider account and the event, in no unit of work; repeating it must do no harm."""

HANDLERS: Final[dict[EventKind, Handler]] = {}
"""Every handler by its kind; `EventKind.UNUSED` has none."""


class NotYet(Exception):
    """Raised by a handler: the notification is ahead of what we have committed, ask again later."""


def handles(kind: EventKind) -> Callable[[Handler], Handler]:
    """Register a function as the one handler of `kind`."""

    def register(handler: Handler) -> Handler:
        if kind is EventKind.UNUSED:
            raise Bug("nothing acts on unused notifications")
        if kind in HANDLERS:
            raise Bug(f"two handlers for {kind}")
        HANDLERS[kind] = handler
        return handler

    return register


def handler_of(kind: EventKind) -> Handler | None:
    """The handler of this kind; None when nothing acts on it."""
    if kind is EventKind.UNUSED:
        return None
    if kind not in HANDLERS:
        raise Bug(f"no handler is registered for {kind}")
    return HANDLERS[kind]
