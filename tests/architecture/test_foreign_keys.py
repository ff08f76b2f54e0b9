"""Foreign keys point downwards, also those named by a string, which import contracts cannot see."""

from collections.abc import Iterator

from django.apps import apps
from django.db import models

APPS = ["payments", "refunds", "reporting"]
STOREYS = [
    "kernel",
    "staff",
    "rest",
    "connectors",
    "ledger",
    "gateway",
    "webhooks",
    "orders",
    "methods",
    "intents",
    "checkout",
]
BESIDE = {"rest", "connectors", "ledger", "staff"}  # share a storey and do not know one another


def height(model: type[models.Model]) -> int:
    """How high up in the house a model lives; Django's own are its ground."""
    app, _, rest = model.__module__.partition(".")
    if app not in APPS:
        return -1
    storey = rest.partition(".")[0]
    return APPS.index(app) * 100 + (STOREYS.index(storey) if app == "payments" else 0)


def upward(ours: list[type[models.Model]]) -> Iterator[str]:
    """Every relation from a model to one that lives higher, or beside it in another package."""
    for model in ours:
        for field in model._meta.get_fields(include_hidden=True):
            if not isinstance(field, models.ForeignKey | models.ManyToManyField | models.OneToOneField):
                continue
            target = field.related_model
            packages = {each.__module__.split(".")[1] for each in (model, target)}
            if height(target) > height(model) or (len(packages) > 1 and packages <= BESIDE):
                yield f"{model._meta.label}.{field.name} -> {target._meta.label}"


def test_foreign_keys_point_downwards() -> None:
    ours = [model for model in apps.get_models(include_auto_created=True) if height(model) >= 0]

    assert ours
    assert list(upward(ours)) == []


def test_every_package_with_tables_has_its_storey() -> None:
    packages = {
        model.__module__.split(".")[1] for model in apps.get_models() if model.__module__.startswith("payments.")
    }

    assert packages <= set(STOREYS)
