"""Who is calling, and may they: bearer keys and scopes, as DRF's authentication and permission."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from payments.kernel.errors import Refusal
from payments.rest import keys, operations
from payments.rest.models import ApiClient


class ScopeMissing(Refusal):
    """The API key lacks the scope that the operation needs; `scope` names it."""

    code, status = "scope_missing", 403


class SecretKeyRequired(Refusal):
    """The operation is not for publishable keys: call it from a server, with a secret key."""

    code, status = "secret_key_required", 403


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer sk_…`: the request's user is the client, its auth the caller."""

    def authenticate(self, request: Request) -> tuple[ApiClient, keys.Caller]:
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            raise keys.ApiKeyMissing("Send the API key as `Authorization: Bearer …`.")
        caller = keys.identify(text.strip())
        return caller.client, caller

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  DRF's signature
        return 'Bearer realm="countinghouse"'


class Scoped(BasePermission):
    """The key carries the operation's scope; a publishable one is for the operations that declare it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        operation = operations.of(view, request.method or "")
        caller: Any = request.auth
        if operation is None:
            return True  # no such method here: the door says so next
        if caller.publishable:
            if not operation.publishable:
                raise SecretKeyRequired("This operation needs a secret key.")
        elif not caller.may(operation.scope):
            raise ScopeMissing(f"The API key lacks the scope {operation.scope}.", scope=operation.scope)
        return True
