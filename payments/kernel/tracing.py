"""Where the time of a request, a job or a call to a PSP goes: told as spans to whoever collects them, if anybody does.

Who collects is set by the program around (`config.tracing`). Until then a span is a comparison with None.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Final, Protocol

import structlog

from payments.kernel.errors import Refusal

Facts = Mapping[str, str | int | bool]
"""Ids, codes and counts, by name; whoever collects takes out what looks like a secret."""


class Kind(StrEnum):
    """What a span is to the others, in OpenTelemetry's words."""

    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"


class Tracer(Protocol):
    """Who takes spans. None of it may wait for a network, or raise."""

    def span(
        self, name: str, kind: Kind, facts: Facts, *, parent: str, came_from: str
    ) -> AbstractContextManager[object]:
        """A span for as long as the context is open: within the one around, or, when given, within `parent`."""
        ...

    def rename(self, name: str) -> None:
        """The open span is called so."""
        ...

    def tell(self, facts: Facts) -> None:
        """The open span has these as well."""
        ...

    def failed(self, why: str) -> None:
        """What the open span stands for did not go well."""
        ...

    def here(self) -> str:
        """The open span in W3C's words (`traceparent`, 55 characters); "" when there is none."""
        ...


_tracer: Tracer | None = None


def tell_to(tracer: Tracer | None) -> None:
    """From now on spans are told to this one, or to nobody."""
    global _tracer
    _tracer = tracer


NOTHING: Final[Facts] = {}


@contextmanager
def span(name: str, kind: Kind, facts: Facts = NOTHING, *, parent: str = "", came_from: str = "") -> Iterator[None]:
    """What happens inside is a span, with what the log's lines say in it as well: request, job, payment, attempt.

    `parent` is a `traceparent` that we have written; `came_from` one that a stranger has shown, and leads no further
    than a link: strangers do not decide what we keep, nor under whose trace. What is raised through it and is nobody's
    refusal marks it as failed.
    """
    if _tracer is None:
        yield
        return
    context = {key: str(value) for key, value in structlog.contextvars.get_contextvars().items()}
    with _tracer.span(name, kind, {**context, **facts}, parent=parent, came_from=came_from):
        try:
            yield
        except Refusal:
            raise
        except Exception as error:
            broke(error)
            raise


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """What happens inside is about these: in every line of the log, and in the span that is open."""
    tell(ids)
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def rename(name: str) -> None:
    """Call the open span so."""
    if _tracer is not None:
        _tracer.rename(name)


def tell(facts: Facts) -> None:
    """Add to the open span."""
    if _tracer is not None:
        _tracer.tell(facts)


def failed(why: str) -> None:
    """Say that what the open span stands for did not go well; `why` is a word of ours."""
    if _tracer is not None:
        _tracer.failed(why)


def broke(error: Exception) -> None:
    """Say that the open span ended with what nobody has foreseen: which type of exception it was, in OpenTelemetry's
    own word for it. What it says and holds stays in our log: it may name people."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    tell({"error.type": name})
    failed(name)


def here() -> str:
    """What a job keeps so that its span belongs to whoever has wished for it; "" when nobody collects."""
    return _tracer.here() if _tracer is not None else ""
