"""The Content-Security-Policy of every page, and the one the admin needs instead."""

from csp import constants, middleware
from django.http import HttpRequest, HttpResponseBase

STRICT: dict[str, list[str]] = {
    "default-src": [constants.SELF],
    "base-uri": [constants.NONE],
    "form-action": [constants.SELF],
    "frame-ancestors": [constants.NONE],
    "object-src": [constants.NONE],
}
# Unfold's menus are Alpine, which evaluates its attributes and styles what it shows (docs/decisions/0035).
ADMIN: dict[str, list[str]] = {
    **STRICT,
    "script-src": [constants.SELF, constants.UNSAFE_EVAL],
    "style-src": [constants.SELF, constants.UNSAFE_INLINE],
    "img-src": [constants.SELF, "data:"],
    "connect-src": [constants.SELF],
    "font-src": [constants.SELF],
    "frame-src": [constants.NONE],
    "child-src": [constants.NONE],
    "worker-src": [constants.NONE],
}


class PolicyMiddleware(middleware.CSPMiddleware):
    """django-csp's middleware, which gives the admin its own policy; a view's decorator still wins."""

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,  # noqa: FBT001, FBT002
    ) -> middleware.PolicyParts:
        """The parts of the policy for this response."""
        parts = super().get_policy_parts(request, response, report_only)
        if parts.config is None and not report_only and request.path_info.startswith("/admin/"):
            parts.config = ADMIN
        return parts
