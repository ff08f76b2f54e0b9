"""Encrypting anew: what an old key has encrypted, and what a process of before encryption has written."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.apps import apps
from django.db import models, transaction
from django.db.models.lookups import Exact

from payments.kernel import cipher, personal

BATCH: Final = 200
"""So many rows are locked at a time, for some tens of milliseconds."""

Done = Callable[[str, int], None]
"""Told after each batch: `table.column`, and how many rows of it are done so far."""


def columns() -> Iterator[tuple[type[models.Model], personal.Column]]:
    """Every encrypted column there is."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, personal.Column):
                yield model, field


def encrypt_plain(done: Done) -> None:
    """Move into the encrypted columns what stands in the plain ones beside them. Again does no harm.

    To be run when no process of before encryption is left: such a one reads the plain columns only.
    """
    for model, field in columns():
        if plain := _plain(model, field):
            empty = field.get_default()
            _each(model._base_manager.exclude(**{plain: empty}), field, done, **{plain: empty})


def rotate(done: Done, *, everything: bool = False) -> None:
    """Encrypt by the newest key what another one has encrypted; with `everything` also what the newest one has.

    That makes blind indexes anew as well: after KEY_PEPPER was changed, nobody is found by e-mail until it is through.
    """
    for model, field in columns():
        rows = model._base_manager.filter(**{f"{field.name}__isnull": False})
        _each(rows if everything else rows.exclude(_by_newest(field)), field, done)


def stale() -> dict[str, int]:
    """How many rows of each column are not by the newest key, and how many are not encrypted at all."""
    found = {}
    for model, field in columns():
        rows = model._base_manager.filter(**{f"{field.name}__isnull": False})
        found[field.place] = rows.exclude(_by_newest(field)).count()
        if plain := _plain(model, field):
            found[f"{field.place}, plain"] = model._base_manager.exclude(**{plain: field.get_default()}).count()
    return found


def _by_newest(field: personal.Column) -> Exact:
    return Exact(field.key, cipher.newest())


def _plain(model: type[models.Model], field: personal.Column) -> str:
    """The plain column beside an encrypted one; "" where there is none."""
    plain = f"plain_{field.name}"
    return plain if plain in {each.name for each in model._meta.concrete_fields} else ""


def _each(rows: Any, field: personal.Column, done: Done, **also: Any) -> None:
    """Write what is read of this column again, batch after batch, and these columns with it."""
    after, count = None, 0
    while True:
        with transaction.atomic():
            page = rows if after is None else rows.filter(pk__gt=after)
            found = list(page.order_by("pk").select_for_update(no_key=True)[:BATCH])
            for row in found:
                value = getattr(row, field.name)
                rows.model._base_manager.filter(pk=row.pk).update(**{field.name: value}, **also)
        if not found:
            return
        after, count = found[-1].pk, count + len(found)
        done(field.place, count)
