"""What a load balancer hears."""

import socket
import time

import pytest
from django import test
from django.db import OperationalError, connection
from pytest_django.fixtures import Settings

from config import health
from tests import byhand


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


@pytest.mark.django_db
def test_a_redis_that_hangs_is_degraded_at_once(client: test.Client, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        began = time.monotonic()
        response = client.get("/readyz")

    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"] == {"database": "ok", "redis": "unreachable"}
    assert time.monotonic() - began < 10, "half a second, on a machine with nothing else to do"


@pytest.mark.django_db
def test_with_a_migration_missing_it_takes_no_payments_and_once_it_is_there_it_does(
    client: test.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health._Applied, "known", False)
    [(name, applied)] = byhand.sql(
        "SELECT name, applied FROM django_migrations WHERE app = 'payments' ORDER BY id DESC LIMIT 1"
    )
    byhand.sql("DELETE FROM django_migrations WHERE app = 'payments' AND name = %s", name)

    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "unavailable")
    assert response.json()["checks"]["database"] == "migrations missing"
    assert client.get("/livez").status_code == 200

    byhand.sql("INSERT INTO django_migrations (app, name, applied) VALUES ('payments', %s, %s)", name, applied)
    assert client.get("/readyz").status_code == 200


def test_without_a_database_it_takes_no_payments_and_lives(
    client: test.Client, django_db_blocker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("the server has gone")

    monkeypatch.setattr(connection, "cursor", away)
    response = client.get("/readyz")

    assert (response.status_code, response.json()["checks"]["database"]) == (503, "unreachable")
    assert client.get("/livez").status_code == 200
