"""Requests of staff: each has an id, and says who asks and from where, for whatever it leaves in the audit log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render

from payments.kernel import audit, ids, redaction, tracing
from payments.rest import peers

PLACES: Final = ("/admin/", "/reports/")
"""The back office, and links to its files, which anybody follows who holds one."""
NOBODY: Final = "nobody"
SIGN_IN: Final = "/admin/login/"
SIGN_OUT: Final = "/admin/logout/"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
UNSAID: Final = ("csrfmiddlewaretoken", "code", "offer")
"""Fields that prove who somebody is: tokens, codes of a second factor, its secret."""
UNTOLD: Final = (SIGN_IN, "/admin/confirm/", "/admin/account/", "/admin/password_change/")
"""Pages whose forms are not written down: they hold passwords, also in the name's field, and unused codes."""

log = structlog.get_logger(__name__)

Answer = Callable[[HttpRequest], HttpResponse]


class StaffMiddleware:
    """Stands behind Django's authentication. The id is always ours: who sends one could pass for another request."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve a request of the back office under its id; others pass."""
        if not request.path_info.startswith(PLACES):
            return self._answer(request)
        came = who(request)
        asker = audit.Asker(
            who=lambda: who(request) if came == NOBODY else came,
            address=peers.address_of(request.META),
            request_id=ids.new("req"),
        )
        refused = _refused(request)
        if refused is not None:
            return refused
        with (
            _planned_anew(),
            audit.asked_by(asker),
            tracing.about(request_id=asker.request_id),
        ):
            response = self._answer(request)
            if request.method not in SAFE or response.has_header("Content-Disposition"):
                _catch(request, response, asker)
        response["Request-Id"] = asker.request_id
        return response


def _refused(request: HttpRequest) -> HttpResponse | None:
    """An answer to an address that no database can be asked about, and to a form in which somebody has pasted a secret
    key: none of it is kept.

    Card numbers are refused by the forms themselves, beside the field, and so is what forms cannot hold.
    """
    said = {name: texts for name, texts in request.GET.lists() if name != "q"}  # a search says that it finds nothing
    unfit = [name for name, texts in said.items() if any("\x00" in one for one in (name, *texts))]
    if unfit:
        return render(request, "admin/unreadable.html", {"names": unfit}, status=400)
    if request.method in SAFE or request.path_info.startswith(UNTOLD):
        return None
    try:
        sent = [text for _, texts in request.POST.lists() for text in texts]
    except (SuspiciousOperation, UnreadablePostError, MultiPartParserError):
        return None  # whoever reads it next says so
    if not any(map(redaction.holds_key, sent)):
        return None
    return render(request, "admin/refused.html", status=400)


@contextmanager
def _planned_anew() -> Iterator[None]:
    """Queries of the back office are planned for the values that are asked for.

    A prepared statement ends up with one plan for all values. Few rows are in one state and millions in another, and
    an index of rare states is none for a state that is not known when it is planned: lists would read whole tables.
    """
    known: list[Any] = []

    def unprepared(execute: Callable[..., Any], *of: Any) -> Any:
        held = connection.connection
        if held is not None and held.prepare_threshold is not None:
            known.append((held, held.prepare_threshold))
            held.prepare_threshold = None
        return execute(*of)

    try:
        with connection.execute_wrapper(unprepared):
            yield
    finally:
        for held, threshold in known:
            held.prepare_threshold = threshold


def _catch(request: HttpRequest, response: HttpResponse, asker: audit.Asker) -> None:
    """The net: what staff sent or took away leaves an event, also where no use case has recorded one.

    Whatever became of it: an answer that refuses is on record too. Of others only who failed to sign in is.
    """
    match = request.resolver_match
    page = "" if match is None else match.view_name or match.route
    try:
        if (asker.who() == NOBODY and request.path_info != SIGN_IN) or audit.left(asker.request_id):
            return
        about = {} if match is None else match.kwargs
        facts: dict[str, object] = {"page": page, "answer": response.status_code}
        if request.method in SAFE:
            facts["file"] = response["Content-Disposition"]
        elif not request.path_info.startswith(UNTOLD):
            facts["form"] = _form(request)
        audit.record(_said(request, asker), str(about.get("object_id", about.get("id", ""))), after=facts)
    except DatabaseError:
        log.exception("audit_event_lost", path=request.path, by=asker.who(), answer=response.status_code)


def _said(request: HttpRequest, asker: audit.Asker) -> str:
    """What the request was, as far as can be told from outside."""
    if request.method in SAFE:
        return "file.downloaded"
    if request.path_info == SIGN_IN:
        return "user.sign_in_failed" if asker.who() == NOBODY else "user.signed_in"
    return "user.signed_out" if request.path_info == SIGN_OUT else "page.submitted"


def _form(request: HttpRequest) -> dict[str, object]:
    """What was sent, by the names of its fields; of files their names and sizes."""
    try:
        fields = {name: request.POST.getlist(name) for name in request.POST if name not in UNSAID}
        files = {name: [f"{file.name}, {file.size} bytes" for file in request.FILES.getlist(name)]
                 for name in request.FILES}  # fmt: skip
    except (SuspiciousOperation, UnreadablePostError, MultiPartParserError):
        return {}  # too large, broken off, or no form
    return {name: said[0] if len(said) == 1 else said for name, said in (*fields.items(), *files.items())}


def who(request: HttpRequest) -> str:
    """Who asks, as use cases write it down; people sign in and out while their request is served."""
    return f"staff {request.user.get_username()}"[:80] if request.user.is_authenticated else NOBODY
