"""What a load balancer hears."""

import pytest
from django import test
from pytest_django.fixtures import Settings


def test_a_live_process_says_so_without_asking_anyone(client: test.Client) -> None:
    response = client.get("/livez")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_a_process_with_its_database_and_redis_is_ready(client: test.Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}


@pytest.mark.django_db
def test_without_redis_it_is_degraded_and_still_ready(client: test.Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    response = client.get("/readyz")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
