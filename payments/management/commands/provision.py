"""manage.py provision: the provider accounts of development, which point at the simulator."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from payments.gateway.models import LegalEntity, ProviderAccount

ENTITIES = {
    "stripe-us": ("Countinghouse Inc.", "USD", "America/New_York"),
    "stripe-eu": ("Countinghouse B.V.", "EUR", "Europe/Amsterdam"),
}


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
            account, created = ProviderAccount.objects.update_or_create(
                code=code,
                defaults={"psp": code.partition("-")[0], "base_url": settings.SIMULATOR_URL},
                create_defaults={
                    "psp": code.partition("-")[0],
                    "base_url": settings.SIMULATOR_URL,
                    "legal_entity": entity,
                },
            )
            if options["verbosity"] and created:
                self.stdout.write(f"{account.code} at {account.base_url}")
