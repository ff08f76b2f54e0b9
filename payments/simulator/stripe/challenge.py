"""The page where the customer confirms: 3-D Secure of a card, or the page of another payment method."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from payments.simulator import pages
from payments.simulator.stripe import confirming, objects
from payments.simulator.stripe.render import shown_amount
from payments.simulator.stripe.shop import Shop


class Challenge:
    """GET shows the page; POST result=success|fail answers it and sends the customer back."""

    def __init__(self, shops: dict[str, Shop]) -> None:
        self._shops = shops

    def _find(self, request: Request) -> tuple[Shop, objects.PaymentIntent] | None:
        for shop in self._shops.values():
            intent = shop.find(objects.PaymentIntent, request.path_params["intent"])
            if intent is not None:
                return shop, intent
        return None

    async def show(self, request: Request) -> Response:
        """The page with its two buttons."""
        found = self._find(request)
        if found is None:
            return PlainTextResponse("No such payment.", 404)
        shop, intent = found
        method = shop.find(objects.PaymentMethod, intent.payment_method)
        title, question = "3-D Secure", "Your bank asks you to confirm this payment."
        if method is not None and method.type != "card":
            title, question = f"Pay with {method.type}", "Do you want to pay?"
        amount = shown_amount(intent.amount, intent.currency)
        return HTMLResponse(pages.question(title, question, amount, intent.id))

    async def answer(self, request: Request) -> Response:
        """The customer pressed a button; a second answer changes nothing."""
        found = self._find(request)
        result = dict(parse_qsl((await request.body()).decode())).get("result")
        if found is None:
            return PlainTextResponse("No such payment.", 404)
        if result not in {"success", "fail"}:
            return PlainTextResponse("result must be success or fail", 400)
        shop, intent = found
        if intent.status == "requires_action":
            confirming.finish_challenge(shop, intent, passed=result == "success")
            shop.world.journal.flush()
        if not intent.return_url:
            return PlainTextResponse(f"{intent.status}\n")
        return RedirectResponse(_back(intent), 303)


def _back(intent: objects.PaymentIntent) -> str:
    """The return_url with the parameters that Stripe adds."""
    ok = intent.status in {"succeeded", "requires_capture", "processing", "requires_confirmation"}
    added = {
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.client_secret,
        "redirect_status": "succeeded" if ok else "failed",
    }
    return pages.extended(str(intent.return_url), added)
