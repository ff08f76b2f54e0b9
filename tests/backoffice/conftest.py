"""A shop with payments, and the people who look after them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from tests import factories
from tests.backoffice import pages
from tests.services import conftest as services

sim = services.sim
shop = services.shop

Staff = Callable[[str], Client]


@pytest.fixture
def boss(db: None) -> Client:
    """The superuser's browser."""
    return pages.signed_in(User.objects.create_superuser("boss", password="correct horse battery staple"))


@pytest.fixture
def staff(db: None) -> Staff:
    """The browser of somebody with one role; "nobody" works here and has none."""
    call_command("roles", verbosity=0)

    def somebody(role: str) -> Client:
        user = User.objects.create_user(role, password="correct horse battery staple", is_staff=True)
        user.groups.set(Group.objects.filter(name=role))
        return pages.signed_in(user)

    return somebody


@pytest.fixture
def customer(shop: factories.Shop) -> dict[str, Any]:
    """Somebody with a name and an e-mail address."""
    return shop.post("customers", {"reference": "C-77", "email": "Jane.Doe@example.com", "name": "Jane Doe"})


@pytest.fixture
def paid(shop: factories.Shop, customer: dict[str, Any]) -> dict[str, Any]:
    """A payment of 19.99 USD that has succeeded, for Jane's order A-2026-7731."""
    order = shop.order(1999, reference="A-2026-7731", customer=customer["id"])
    intent = shop.confirm(shop.intent(order))
    factories.work()
    return intent
