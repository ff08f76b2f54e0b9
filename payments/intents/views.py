"""Where PSPs send customers back to: the action is completed, then the customer goes on to the client's page."""

from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.encoding import iri_to_uri
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from payments.intents.services import lifecycle, requests

MOST_FACTS: Final = 20
LONGEST_FACT: Final = 10_000


@method_decorator(csrf_exempt, name="dispatch")
class Return(View):
    """`/return/{signed state}`, by GET or POST."""

    def get(self, request: HttpRequest, state: str) -> HttpResponse:
        """Ask the PSP what came of the action, and send the customer on; a forged state is 404."""
        try:
            attempt_id = requests.attempt_in(state)
        except signing.BadSignature:
            return render(request, "payments/return.html", {"known": False}, status=404)
        held = lifecycle.complete_action(attempt_id, by="return of the customer", details=_brought(request))
        if not held.tried.return_url:
            return render(request, "payments/return.html", {"known": True, "status": held.intent.status})
        facts = urlencode({"payment_intent": held.intent.pk, "status": held.intent.status})
        parts = urlsplit(held.tried.return_url)
        query = f"{parts.query}&{facts}" if parts.query else facts
        # 303: after a POST too the browser asks for the next page by GET; app schemes are allowed, the list decides
        return HttpResponse(status=303, headers={"Location": iri_to_uri(urlunsplit(parts._replace(query=query)))})

    post = get


def _brought(request: HttpRequest) -> dict[str, str]:
    """What the PSP's page gave the customer to bring back, in the address or in a form; no more than makes sense."""
    brought = {**request.GET.dict(), **request.POST.dict()}
    return {name: str(value) for name, value in list(brought.items())[:MOST_FACTS] if len(str(value)) <= LONGEST_FACT}
