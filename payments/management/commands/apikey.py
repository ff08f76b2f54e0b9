"""manage.py apikey: makes, rotates and revokes API keys."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments.kernel.errors import Refusal
from payments.rest import addresses, keys
from payments.rest.models import ApiKey, KeyKind


class Command(BaseCommand):
    """`create` and `rotate` print only the new key, which is shown this once."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key; a new client is made with it")
        create.add_argument("--client", required=True, metavar="NAME")
        create.add_argument("--brand", default="")
        create.add_argument("--scope", action="append", default=[], choices=keys.SCOPES, metavar="SCOPE", dest="scopes")
        create.add_argument(
            "--all", action="store_true", help="all scopes, also finance:read, which is about everybody's money"
        )
        create.add_argument("--publishable", action="store_true", help="a pk_ key, for an app or a page")
        create.add_argument("--return-url", action="append", default=[], metavar="PREFIX", dest="return_urls")
        rotate = actions.add_parser("rotate", help="make a successor; the old key works on for a while")
        rotate.add_argument("prefix", help="the 8 public characters")
        rotate.add_argument("--overlap-hours", type=float, default=24.0)
        revoke = actions.add_parser("revoke", help="end a key everywhere within five seconds")
        revoke.add_argument("prefix", help="the 8 public characters")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        match options["action"]:
            case "create":
                self.stdout.write(_create(options))
            case "rotate":
                overlap = timedelta(hours=options["overlap_hours"])
                self.stdout.write(keys.rotate(_key(options["prefix"]), overlap=overlap))
            case "revoke":
                keys.revoke(_key(options["prefix"]))


def _create(options: dict[str, Any]) -> str:
    refused = [url for url in options["return_urls"] if not addresses.is_address(url)]
    if refused:
        raise CommandError(f"not an address that customers may be sent to: {refused[0]}")
    kind = KeyKind.PUBLISHABLE if options["publishable"] else KeyKind.SECRET
    scopes = keys.SCOPES if options["all"] else options["scopes"]
    if kind is KeyKind.SECRET and not scopes:
        raise CommandError("a secret key needs --scope SCOPE … or --all")
    try:
        return keys.create_for(
            options["client"], kind=kind, scopes=scopes, brand=options["brand"], return_urls=options["return_urls"]
        )
    except Refusal as refusal:
        raise CommandError(refusal.detail) from refusal


def _key(prefix: str) -> ApiKey:
    try:
        return ApiKey.objects.select_related("client").get(prefix=prefix)
    except ApiKey.DoesNotExist:
        raise CommandError(f"there is no key {prefix}") from None
