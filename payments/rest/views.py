"""The API's own pages: its OpenAPI document, the browsable one, and the answer for addresses that lead nowhere."""

from functools import cache
from typing import Any

import orjson
import structlog
from csp import constants
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.decorators import method_decorator
from django.views import View
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView

from payments.rest import problems

PAGE_POLICY = {"style-src": [constants.SELF, constants.UNSAFE_INLINE], "img-src": [constants.SELF, "data:"]}


@cache
def document(routes: str) -> bytes:
    """The OpenAPI 3.1 document of all doors that `routes`, a module, opens; made once per process."""
    generator = SchemaGenerator(urlconf=routes)  # type: ignore[no-untyped-call]
    return orjson.dumps(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


class OpenApi(View):
    """GET /v1/openapi.json, for everybody."""

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


class Nowhere(View):
    """Whatever else is asked below /v1: a problem, not a page."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ARG002
        request_id = problems.request_id(request.META.get("HTTP_REQUEST_ID"))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = problems.response(problems.NotFound("There is nothing at this address."), request_id)
        response["Request-Id"] = request_id
        return response
