"""Where tables and rows have their pages."""

import re
from functools import cache
from typing import Final

from django.db import models
from django.urls import reverse

_PLAIN: Final = re.compile(r"[0-9A-Za-z_-]+")
_HERE: Final = "HERE"


def address(model: type[models.Model], pk: object) -> str:
    """The address of one row's page; the routes are asked once a table, where the key needs no quoting."""
    key = str(pk)
    return _address(model).replace(_HERE, key) if _PLAIN.fullmatch(key) else _reversed(model, key)


@cache
def _address(model: type[models.Model]) -> str:
    return _reversed(model, _HERE)


def _reversed(model: type[models.Model], key: str) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[key])


def list_address(model: type[models.Model]) -> str:
    """The address of a table's list."""
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
