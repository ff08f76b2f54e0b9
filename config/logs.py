"""Logs of Django, Celery and the web server in one form, with secrets and card numbers taken out in one place."""

from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from payments.kernel import redaction


def settings(*, level: str, form: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard output, one line a record (JSON) or for eyes (console)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"house": {"()": "config.logs.formatter", "form": form}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "house", "stream": "ext://sys.stdout"}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "_granian": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
            "granian.access": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
            "celery": {"level": level},
            "django": {"level": level},
            "django.server": {"handlers": ["stdout"], "level": level, "propagate": False},
            "celery.app.trace": {"level": "WARNING"},  # two lines for each ring of the doorbell
            "celery.worker.strategy": {"level": "WARNING"},
            "stripe": {"level": "WARNING"},
        },
    }


def formatter(form: str = "json") -> structlog.stdlib.ProcessorFormatter:
    """The one formatter of every handler: the place where secrets are taken out."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_context(), structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _without_request,
            structlog.processors.format_exc_info,
            _redact_event,
            renderer,
        ],
    )


def configure() -> None:
    """Make structlog hand its records to the standard library's logging; settings call it once."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_context(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _context() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _without_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Django adds the request to what it says of its path: with the query, and so with whom somebody searched for."""
    event.pop("request", None)
    return event


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    cleaned: EventDict = redaction.redact(event)
    return cleaned
