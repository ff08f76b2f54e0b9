"""Rules for Prometheus and boards for Grafana: Prometheus' grammar reads them, and they ask for what there is."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.kernel import attention, clock, meters, unit
from payments.kernel.attention import AttentionKind
from reporting.models import TieOut
from reporting.models.rollups import AtRest, RollupMark
from reporting.uptime import figures
from tests import factories
from tests.conftest import ROOT

OPS = ROOT / "ops"
RULES = sorted((OPS / "prometheus").glob("*.yml"))
PROVISIONED = OPS / "grafana" / "provisioning"
BOARDS = sorted((OPS / "grafana").glob("*.json"))
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
ADDED = {"instance", "job"}
"""Labels that Prometheus adds to whatever it scrapes."""
DURATION = re.compile(r"[0-9]+(ms|s|m|h|d|w)")
PANELS = {"timeseries", "stat"}


def groups() -> Iterator[dict[str, Any]]:
    for path in RULES:
        yield from (yaml.safe_load(path.read_text()) or {}).get("groups", [])


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"]]


def boards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in BOARDS}


def asked() -> list[tuple[str, str]]:
    """Every query, with where it stands."""
    found = [(rule.get("record") or rule["alert"], rule["expr"]) for rule in rules()]
    for name, board in boards().items():
        found += [(f"{name}: {panel['title']}", one["expr"]) for panel in board["panels"] for one in panel["targets"]]
    return found


def selectors(node: Any) -> Iterator[Any]:
    """Every vector that a query selects."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for name in ("expr", "lhs", "rhs", "args", "vector_selector", "vs", "param"):
        inside = getattr(node, name, None)
        for each in inside if isinstance(inside, list) else [inside]:
            if each is not None and not isinstance(each, str | int | float):
                yield from selectors(each)


def shaped(node: Any) -> Iterator[tuple[set[str], list[Any]]]:
    """What queries group or match by, and the vectors that it is asked of."""
    modifier = getattr(node, "modifier", None)
    for found in (modifier, getattr(modifier, "matching", None)):
        labels = getattr(found, "labels", None)
        if labels:
            yield set(labels), list(selectors(node))
    for name in ("expr", "lhs", "rhs", "args", "param"):
        inside = getattr(node, name, None)
        for each in inside if isinstance(inside, list) else [inside]:
            if each is not None and not isinstance(each, str | int | float):
                yield from shaped(each)


def some_of_it() -> None:
    """What the figures of the database tell once there is some: a matter, money at rest, a tie-out, sums by minute."""
    factories.shop()
    with unit.work():
        attention.open_item(AttentionKind.OVERPAYMENT, "pi_1", "twice")
    now = clock.now()
    AtRest.objects.create(what="authorized", currency="EUR", age=0, count=1, amount_minor=100, oldest_at=now)
    TieOut.objects.create(account=ProviderAccount.objects.order_by("code")[0], currency="EUR", ledger_minor=100,
                          timing_minor=0, psp_minor=90, open_minor=0, unexplained_minor=-10)  # fmt: skip
    RollupMark.objects.create(id=1, until=now, counted_at=now)


def emitted() -> dict[str, set[str]]:
    """What /metrics can tell: the name of each sample, and its labels."""
    some_of_it()
    found: dict[str, set[str]] = {}
    every: Any = meters.REGISTRY._collector_to_names
    for collector in every:
        for suffix in SUFFIXES[collector._type]:
            labels = {*collector._labelnames, *({"le"} if suffix == "_bucket" else set())}
            found[collector._name + suffix] = labels
    figures.forget()
    for family in text_string_to_metric_families(Client().get("/metrics").content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found | {"up": set()}


@pytest.mark.parametrize(("where", "query"), asked())
def test_a_query_is_one_of_prometheus(where: str, query: str) -> None:
    promql_parser.parse(query)


def test_the_parser_would_notice_a_mistake() -> None:
    with pytest.raises(ValueError, match="duration syntax"):
        promql_parser.parse("sum by (account) (rate(countinghouse_attempts_total[5x]))")


@pytest.mark.django_db
def test_every_query_asks_for_what_there_is() -> None:
    there = emitted() | recorded()
    seen = 0
    for where, query in asked():
        for selector in selectors(promql_parser.parse(query)):
            assert selector.name in there, f"{where} asks for {selector.name}, which nobody tells"
            known = there[selector.name] | ADDED
            wanted = {matcher.name for matcher in selector.matchers.matchers}
            assert wanted <= known, f"{where}: {selector.name} has no {wanted - known}"
            seen += 1
    assert seen >= len(asked())


def recorded() -> dict[str, set[str]]:
    """What is recorded, with the labels that it is grouped by."""
    found = {}
    for rule in rules():
        if "record" in rule:
            by = [labels for labels, _ in shaped(promql_parser.parse(rule["expr"]))]
            found[rule["record"]] = set.intersection(*by) if by else set()
    return found


@pytest.mark.django_db
def test_what_queries_group_by_are_labels_of_what_they_group() -> None:
    there, seen = emitted() | recorded(), 0
    for where, query in asked():
        for labels, vectors in shaped(promql_parser.parse(query)):
            for vector in vectors:
                known = there[vector.name] | ADDED
                assert labels <= known, f"{where}: {vector.name} has no {labels - known}"
                seen += 1
    assert seen > len(asked()) / 2


@pytest.mark.django_db
def test_what_seldom_happens_is_told_before_it_does() -> None:
    factories.shop()
    codes = {row.code for row in accounts.enabled()}
    figures.forget()
    told = Client().get("/metrics").content.decode()
    assert len(codes) > 1
    assert all(f'countinghouse_disputes_total{{account="{code}",outcome="opened"}} ' in told for code in codes)
    assert 'countinghouse_deliveries_total{outcome="given_up"} ' in told


def test_prometheus_itself_reads_the_rules_and_sounds_its_alarms_when_it_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool: Debian has it in its package prometheus")
    written = [str(path) for path in RULES if path.name != "prometheus.yml"]
    for ask in (["check", "rules", *written], ["test", "rules", str(OPS / "prometheus/tests/alerts.yml")]):
        ended = subprocess.run([promtool, *ask], capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_rules_have_the_form_that_prometheus_reads() -> None:
    names = [rule.get("record") or rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 10
    assert len({group["name"] for group in groups()}) == len(list(groups()))
    for rule in rules():
        assert ("record" in rule) != ("alert" in rule)
        assert rule.keys() <= {"record", "alert", "expr", "for", "labels", "annotations"}
        assert DURATION.fullmatch(rule.get("for", "1m"))
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("urgent", "soon", "calm")
            assert rule["annotations"]["summary"].endswith(".")


def test_boards_have_the_form_that_grafana_loads() -> None:
    every = boards()
    assert set(every) == {"payments", "providers", "api", "jobs"}
    assert len({board["uid"] for board in every.values()}) == len(every)
    for name, board in every.items():
        assert board["id"] is None
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", board["uid"])
        assert isinstance(board["schemaVersion"], int)
        assert [each["name"] for each in board["templating"]["list"]] == ["source"]
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids)), name
        places = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            assert panel["type"] in PANELS
            assert 0 <= at["x"] <= 24 - at["w"]
            assert (at["x"], at["y"]) not in places
            places.add((at["x"], at["y"]))
            assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
            refs = [one["refId"] for one in panel["targets"]]
            assert len(refs) == len(set(refs)) > 0


def test_compose_hands_over_what_prometheus_and_grafana_read() -> None:
    described = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    prometheus, grafana = (described["services"][name] for name in ("prometheus", "grafana"))
    places = {}
    for one in (prometheus, grafana):
        assert one["profiles"] == ["observe"]
        assert re.fullmatch(r"[a-z/]+:v?[0-9]+\.[0-9]+\.[0-9]+", one["image"]), "one version, and no other"
        for volume in one["volumes"]:
            here, there, *_ = volume.split(":")
            places[there] = here
            assert not here.startswith("./") or (ROOT / here).exists()
    scraping = yaml.safe_load((ROOT / places["/etc/prometheus/prometheus.yml"]).read_text())
    read = [place for place in places if place.startswith("/etc/prometheus/rules/")]
    assert scraping["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    assert {path.name for path in RULES} - {"prometheus.yml"} == {place.rpartition("/")[2] for place in read}
    [job] = scraping["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    assert target.partition(":")[0] in described["services"]
    assert f"> {job['authorization']['credentials_file']} " in prometheus["command"][0]
    [source] = yaml.safe_load((PROVISIONED / "datasources/prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    [provider] = yaml.safe_load((PROVISIONED / "dashboards/countinghouse.yml").read_text())["providers"]
    assert places[provider["options"]["path"]] == "./ops/grafana"
    assert places["/etc/grafana/provisioning"] == "./ops/grafana/provisioning"
