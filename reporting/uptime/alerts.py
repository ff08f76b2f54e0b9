"""Sending to alert channels: the only way out of this part of the house, bounded in time, to public addresses only."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import make_msgid
from smtplib import SMTPException
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from payments.kernel import unit
from payments.webhooks.services import targets
from reporting.models.alerts import ChannelKind

PAGERDUTY: Final = "https://events.pagerduty.com/v2/enqueue"
SMTP: Final = "django.core.mail.backends.smtp.EmailBackend"
ANSWER_SECONDS: Final = 5.0
"""For the whole answer: a channel that hangs holds one of two threads of the queue for so long."""
TAKEN: Final = 200
"""What a letter that the mail server has taken is noted as."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a channel said to a message: `taken`, or why not. `status` is that of HTTP, where there was an answer."""

    taken: bool
    status: int | None
    problem: str
    milliseconds: int


def send(kind: str, address: Mapping[str, Any], requests: Sequence[Mapping[str, Any]], *, message: str) -> Answer:
    """Send the requests of one message, one after the other; the first that is not taken ends it.

    No transaction may be open. What goes wrong is an answer too: it never raises what a network can do.
    """
    unit.refuse_open_transaction("an alert")
    began, status, problem = time.monotonic(), None, ""
    for request in requests:
        if kind == ChannelKind.EMAIL:
            status, problem = _mail(address["to"], request)
        else:
            status, problem = _post(address, request, message)
        if problem:
            break
    return Answer(not problem, status, problem[:200], round((time.monotonic() - began) * 1000))


def _post(address: Mapping[str, Any], request: Mapping[str, Any], message: str) -> tuple[int | None, str]:
    """A webhook; a receiver that knows `Idempotency-Key` takes a repetition once."""
    body = {**request, "routing_key": address["routing_key"]} if "routing_key" in address else request
    headers = {
        "content-type": "application/json",
        "user-agent": "Countinghouse-Alerts/1",
        "idempotency-key": f"{message}-{request.get('dedup_key', '')}".rstrip("-"),
    }
    reply = targets.post(address["url"], json.dumps(body).encode(), headers, seconds=ANSWER_SECONDS)
    if reply.accepted:
        return reply.status, ""
    said = " ".join(reply.excerpt.split())[:120]
    return reply.status, reply.error or f"HTTP {reply.status}{': ' if said else ''}{said}"


def _mail(to: Sequence[str], request: Mapping[str, Any]) -> tuple[int | None, str]:
    if settings.EMAIL_BACKEND == SMTP and not settings.EMAIL_HOST:
        return None, "This installation sends no mail: SMTP_URL is not set."
    letter = EmailMessage(
        request["subject"],
        request["text"],
        settings.DEFAULT_FROM_EMAIL,
        list(to),
        headers={"Message-ID": _name_of(request["id"]), "Auto-Submitted": "auto-generated"},
        connection=get_connection(timeout=ANSWER_SECONDS),
    )
    try:
        letter.send()
    except (OSError, SMTPException) as error:
        return None, f"the mail server did not take it: {type(error).__name__}"
    return TAKEN, ""


def _name_of(message: str) -> str:
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return f"<{message}@{host}>" if message else make_msgid(domain=host)
