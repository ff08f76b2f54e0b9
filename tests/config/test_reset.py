"""Transactional tests leave the database as the migrations left it."""

import pytest
from django.contrib.auth import models
from django.contrib.contenttypes.models import ContentType

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("round_of_two", [1, 2])
def test_rows_of_a_test_are_gone_in_the_next(round_of_two: int) -> None:
    assert not models.Group.objects.filter(name="left behind").exists()

    models.Group.objects.create(name="left behind")


@pytest.mark.parametrize("round_of_two", [1, 2])
def test_rows_of_the_migrations_come_back(round_of_two: int) -> None:
    assert ContentType.objects.filter(app_label="auth", model="user").exists()

    ContentType.objects.filter(app_label="auth").delete()
