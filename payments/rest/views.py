"""The API's own pages: its OpenAPI document, the browsable one, and the answer for addresses that lead nowhere."""

from functools import cache
from typing import Any

import orjson
from csp import constants
from csp.decorators import csp_update
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.views import View, defaults
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView

from payments.kernel.errors import Refusal
from payments.rest import problems

PAGE_POLICY = {"style-src": [constants.SELF, constants.UNSAFE_INLINE], "img-src": [constants.SELF, "data:"]}


@cache
def document(routes: str) -> bytes:
    """The OpenAPI 3.1 document of all doors that `routes`, a module, opens; made once per process."""
    generator = SchemaGenerator(urlconf=routes)  # type: ignore[no-untyped-call]
    return orjson.dumps(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """A problem from outside of the doors, under the request's id."""
    request_id = problems.request_id(request.META.get("HTTP_REQUEST_ID"))
    response = problems.response(refusal, request_id)
    response["Request-Id"] = request_id
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's answer to what it will not even route, as a Host that is none of ours; below /v1 it is a problem."""
    if not request.path_info.startswith("/v1/"):
        return defaults.bad_request(request, exception)
    if isinstance(exception, DisallowedHost):
        return refused(request, problems.RequestMalformed("The Host header names no host of ours."))
    return refused(request, problems.RequestMalformed("The request cannot be read."))


@method_decorator(csrf_exempt, name="dispatch")
class OpenApi(View):
    """GET /v1/openapi.json, for everybody."""

    http_method_names = ["get", "head"]

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ARG002
        response = refused(request, problems.MethodNotAllowed("This method is not allowed here."))
        response["Allow"] = "GET, HEAD"
        return response

    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002  Django's signature
        response = HttpResponse(document(settings.ROOT_URLCONF), content_type="application/vnd.oai.openapi+json")
        patch_cache_control(response, public=True, max_age=60)
        return response


@method_decorator(csp_update(PAGE_POLICY), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    """GET /v1/docs, for everybody; scripts and styles are served by us."""

    authentication_classes = []
    permission_classes = []
    url_name = "openapi"

    def handle_exception(self, exc: Exception) -> Any:
        """What is refused here is a problem like anywhere else."""
        refusal = problems.refusal_for(exc)
        if refusal is None:
            raise exc
        return refused(self.request._request, refusal)


@method_decorator(csrf_exempt, name="dispatch")
class Nowhere(View):
    """Whatever else is asked below /v1: a problem, not a page."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ARG002
        return refused(request, problems.NotFound("There is nothing at this address."))
