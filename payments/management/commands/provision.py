"""manage.py provision: the provider accounts of development, which point at the simulator."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from payments.gateway.models import LegalEntity, ProviderAccount

ENTITIES = {
    "stripe-us": ("Countinghouse Inc.", "USD", "America/New_York"),
    "stripe-eu": ("Countinghouse B.V.", "EUR", "Europe/Amsterdam"),
    "adyen-eu": ("Countinghouse B.V.", "EUR", "Europe/Amsterdam"),
    "adyen-apac": ("Countinghouse Pte. Ltd.", "SGD", "Asia/Singapore"),
}
SERVES: Mapping[str, tuple[list[str], list[str]]] = {
    "adyen-eu": (
        ["AT", "BE", "DE", "ES", "FI", "FR", "IE", "IT", "LU", "NL", "PL", "PT"],
        ["EUR", "PLN"],
    ),
    "adyen-apac": (["AU", "HK", "IN", "JP", "MY", "NZ", "SG"], ["AUD", "HKD", "INR", "JPY", "MYR", "NZD", "SGD"]),
}
"""Countries and currencies of the accounts that do not serve every one."""

ADDRESSES = {"adyen": "/adyen/v72", "stripe": ""}
"""Where on the simulator a PSP's API begins."""

UNLIMITED = {"requests_per_second": 100_000, "requests_per_second_each": 100_000}
"""The simulator takes all that comes."""


class Command(BaseCommand):
    """Makes what is missing and points every account at SIMULATOR_URL; running it again changes nothing else."""

    help = "Create the provider accounts of development, pointing at the simulator."

    def handle(self, *_: Any, **options: Any) -> None:
        if not settings.SIMULATOR_URL:
            raise CommandError("SIMULATOR_URL is not set: real provider accounts are made in the admin.")
        for code, (name, currency, zone) in ENTITIES.items():
            entity, _made = LegalEntity.objects.get_or_create(
                name=name, defaults={"functional_currency": currency, "time_zone": zone}
            )
            psp, (countries, currencies) = code.partition("-")[0], SERVES.get(code, ([], []))
            there = {"psp": psp, "base_url": settings.SIMULATOR_URL + ADDRESSES[psp]}
            made = {"legal_entity": entity, "countries": countries, "currencies": currencies, **UNLIMITED}
            account, created = ProviderAccount.objects.update_or_create(
                code=code, defaults=there, create_defaults=there | made
            )
            if options["verbosity"] and created:
                self.stdout.write(f"{account.code} at {account.base_url}")
