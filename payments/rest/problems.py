"""Problems (RFC 9457): everything the doors themselves refuse, and how any refusal looks on the wire."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from django.core import exceptions as django_errors
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions as drf_errors

from payments.kernel import ids, redaction
from payments.kernel.errors import Refusal
from payments.kernel.unit import Stale

CONTENT_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BodyMalformed(Refusal):
    """The body is not one JSON object in UTF-8, or repeats a key, or nests too deep, or holds what JSON text cannot."""

    code, status = "body_malformed", 400


class BodyTooLarge(Refusal):
    """The body is larger than one megabyte."""

    code, status = "body_too_large", 413


class BodyTimeout(Refusal):
    """The body was announced and did not arrive in time; nothing was done. Send it again."""

    code, status = "body_timeout", 408


class LengthRequired(Refusal):
    """The body came in chunks through a server that does not put them together: send a `Content-Length`."""

    code, status = "length_required", 411


class MediaTypeUnsupported(Refusal):
    """The body is not `application/json` in UTF-8, or is compressed."""

    code, status = "media_type_unsupported", 415


class NotAcceptable(Refusal):
    """The `Accept` header leaves no room for the JSON that is answered here."""

    code, status = "not_acceptable", 406


class MethodNotAllowed(Refusal):
    """There is something at this address, but not for this method."""

    code, status = "method_not_allowed", 405


class NotFound(Refusal):
    """There is no such object, or it belongs to another client."""

    code, status = "not_found", 404


class RequestMalformed(Refusal):
    """The request breaks the rules of HTTP or of its query string."""

    code, status = "request_malformed", 400


class ParameterUnknown(Refusal):
    """A parameter is not one of those that the operation knows."""

    code, status = "parameter_unknown", 400


class ParameterMissing(Refusal):
    """A parameter that the operation needs is not there."""

    code, status = "parameter_missing", 400


class ParameterInvalid(Refusal):
    """A parameter has the wrong type, form or size."""

    code, status = "parameter_invalid", 400


class CardNumberRefused(Refusal):
    """A free text looks like a card number; card numbers are never sent to us."""

    code, status = "card_number_refused", 400


class SecretRefused(Refusal):
    """A free text holds a secret key; nothing of it was kept, and the key should be replaced."""

    code, status = "secret_refused", 400


class ObjectChanged(Refusal):
    """Another request changed the object at the same time; nothing of this one remains. Try again."""

    code, status = "object_changed", 409


class TemporarilyUnavailable(Refusal):
    """We cannot work for a moment, and whether it was done may be unknown: repeat it with the same idempotency key."""

    code, status = "temporarily_unavailable", 503


class InternalError(Refusal):
    """Something of ours is broken; it was recorded under the request's id and somebody was told."""

    code, status = "internal_error", 500


def request_id(given: str | None) -> str:
    """The caller's own id for the request when it is a harmless word of at most 64 characters, else a new one."""
    harmless = given and _REQUEST_ID.fullmatch(given) and redaction.text(given) == given
    return given if given and harmless else ids.new("req")


def current_request_id() -> str:
    """The id of the request that is being served in this context."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def refusal_for(error: Exception) -> Refusal | None:
    """What an exception means to the caller; None when it is a fault of ours."""
    match error:
        case Refusal():
            return error
        case Stale():
            return ObjectChanged("The object was changed by another request at the same time.")
        case OperationalError() | InterfaceError():
            return TemporarilyUnavailable("The database is not available at the moment.")
        case drf_errors.MethodNotAllowed():
            return MethodNotAllowed("This method is not allowed here.")
        case _:
            return _bad_request_for(error)


def _bad_request_for(error: Exception) -> Refusal | None:
    """What Django and DRF themselves find wrong with a request."""
    match error:
        case Http404() | django_errors.ValidationError() | django_errors.ObjectDoesNotExist():
            return NotFound("There is nothing here.")  # a malformed id names no object
        case django_errors.RequestDataTooBig():
            return BodyTooLarge("The body is too large.")
        case django_errors.BadRequest() | django_errors.SuspiciousOperation() | UnreadablePostError():
            return RequestMalformed("The request cannot be read.")
        case drf_errors.APIException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return RequestMalformed("The request cannot be served.")
        case _:
            return None


def document(refusal: Refusal, request_id: str) -> bytes:
    """The problem document of a refusal."""
    fields: dict[str, Any] = {
        "type": f"urn:countinghouse:problem:{refusal.code}",
        "title": refusal.code.replace("_", " ").capitalize(),
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
        "request_id": request_id,
    }
    if refusal.param is not None:
        fields["param"] = refusal.param
    return orjson.dumps({**fields, **refusal.more})


def headers(refusal: Refusal) -> Mapping[str, str]:
    """The headers that go with a refusal: how to authenticate, when to come back."""
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="countinghouse"'}
    after = refusal.more.get("retry_after")
    if after is None and refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        after = RETRY_AFTER_SECONDS
    return {} if after is None else {"Retry-After": str(after)}


def response(refusal: Refusal, request_id: str) -> HttpResponse:
    """The whole answer for a refusal."""
    return HttpResponse(
        document(refusal, request_id), status=refusal.status, content_type=CONTENT_TYPE, headers=dict(headers(refusal))
    )
