"""The page on which a shopper answers: the same look for every PSP."""

import html
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

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
{buttons}
</form>
</body>
</html>
"""
BUTTONS = {"success": "Complete", "fail": "Fail"}


def question(title: str, words: str, amount: str, payment: str, buttons: Mapping[str, str] = BUTTONS) -> str:
    """The page; the button pressed is posted to its own address as `result`."""
    shown = [f'<button name="result" value="{name}">{label}</button>' for name, label in buttons.items()]
    shown[0] = shown[0].replace("<button", '<button class="go"', 1)
    return PAGE.format(
        title=html.escape(title),
        question=html.escape(words),
        amount=html.escape(amount),
        payment=html.escape(payment),
        buttons="\n".join(shown),
    )


def extended(url: str, added: Mapping[str, str]) -> str:
    """The address with more parameters."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return urlunsplit(parts._replace(query=query))
