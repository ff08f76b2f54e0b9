"""The languages of the back office: each person's own choice, for pages under /admin/ and nothing else."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

PLACE: Final = "/admin/"


class LanguageMiddleware:
    """Pages are in the language that somebody has chosen, kept in a cookie; `Accept-Language` decides nothing.

    What is answered elsewhere (API, files behind links, the customers' pages) is not reached by it. What streams is
    made after the language is put back, and so is in English.
    """

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve a page in its reader's language."""
        if not request.path_info.startswith(PLACE):
            return self._answer(request)
        with translation.override(chosen(request)):
            return self._answer(request)


def chosen(request: HttpRequest) -> str:
    """The language that this browser was told; English where none was, or one that we do not speak."""
    wanted = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return wanted if wanted in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
