"""The page where the customer confirms: 3-D Secure of a card, or the page of another payment method."""

import html
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from payments.simulator.stripe import confirming, objects
from payments.simulator.stripe.render import shown_amount
from payments.simulator.stripe.shop import Shop

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem; color: #1a1f36; }}
button {{ font: inherit; padding: .6rem 1.2rem; margin-right: .5rem; border: 1px solid #1a1f36; border-radius: .4rem;
  background: #fff; color: #1a1f36; cursor: pointer; }}
button.go {{ background: #1a1f36; color: #fff; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{question} This is a simulation: no money moves.</p>
<p><strong>{amount}</strong><br>{payment}</p>
<form method="post">
<button class="go" name="result" value="success">Complete</button>
<button name="result" value="fail">Fail</button>
</form>
</body>
</html>
"""


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
        amount = html.escape(shown_amount(intent.amount, intent.currency))
        return HTMLResponse(PAGE.format(title=title, question=question, amount=amount, payment=intent.id))

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
    parts = urlsplit(str(intent.return_url))
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return urlunsplit(parts._replace(query=query))
