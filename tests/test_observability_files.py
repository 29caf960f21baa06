"""The dashboard, the alerts and docs/telemetry.md, compared with what /metrics has."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app.metrics import Metrics
from tests.conftest import ROOT
from tests.promql import Selector, grouped_labels, selectors

DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "copydesk.json"
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules" / "copydesk.yml"
# Prometheus adds these itself.
TARGET_LABELS = {"instance", "job"}


class Exposed:
    """All metrics with their kinds and labels, as one process shows them and as it would with values."""

    def __init__(self) -> None:
        metrics = Metrics()
        self.families: dict[str, Metric] = {
            family.name: family for family in text_string_to_metric_families(metrics.text().decode())
        }
        own = {family.name: family for family in metrics.registry.collect()}
        collectors = set(metrics.registry._names_to_collectors.values())
        self.labels = {one._name: tuple(one._labelnames) for one in collectors}  # type: ignore[attr-defined]
        self.labels |= {
            name: tuple(family.samples[0].labels) for name, family in self.families.items() if name not in own
        }

    def name_of(self, family: Metric) -> str:
        """As a scrape shows a counter: with `_total`."""
        return f"{family.name}_total" if family.type == "counter" else family.name

    @property
    def samples(self) -> Mapping[str, set[str]]:
        """The labels of each time series that may be asked for."""
        found = {"up": set(TARGET_LABELS)}
        for family in self.families.values():
            labels = {*self.labels[family.name], *TARGET_LABELS}
            if family.type == "histogram":
                found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
                found[f"{family.name}_bucket"] = {*labels, "le"}
            else:
                found[self.name_of(family)] = labels
        return found


@pytest.fixture(scope="module")
def exposed() -> Exposed:
    return Exposed()


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_expressions() -> Iterator[tuple[str, str]]:
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], re.sub(r"label_values\((\w+), (\w+)\)", r'\1{\2=""}', variable["definition"])


EXPRESSIONS = [
    *(pytest.param(expression, id=f"panel {title}") for title, expression in dashboard_expressions()),
    *(pytest.param(rule["expr"], id=rule.get("alert") or rule["record"]) for rule in rules()),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_speaks_of_what_there_is(exposed: Exposed, expression: str) -> None:
    recorded = {rule["record"]: set[str]() for rule in rules() if "record" in rule}
    known = {**exposed.samples, **recorded}
    found = list(selectors(expression))
    assert found
    assert {selector.metric for selector in found} - known.keys() == set()
    for selector in found:
        assert selector.labels <= known[selector.metric], selector
    every = set().union(*(known[selector.metric] for selector in found))
    assert grouped_labels(expression) <= every


def test_every_metric_of_ours_is_on_the_dashboard(exposed: Exposed) -> None:
    shown = {selector.metric for _, expression in dashboard_expressions() for selector in selectors(expression)}
    shown |= {selector.metric for rule in rules() for selector in selectors(rule["expr"])}
    unseen = [
        family.name
        for family in exposed.families.values()
        if not shown.intersection(exposed.name_of(family) + part for part in ("", "_bucket", "_sum", "_count"))
    ]
    assert unseen == []


def test_alerts_say_what_is_wrong_and_how_much_it_matters() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 12
    text = (ROOT / "docs" / "telemetry.md").read_text()
    for alert in alerts:
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert alert["annotations"]["summary"].endswith(".")
        assert f"`{alert['alert']}`" in text
        for name in re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"]):
            found = list(selectors(alert["expr"]))
            assert name in TARGET_LABELS | set().union(*(Exposed().samples.get(one.metric, set()) for one in found))


def test_dashboard_and_provisioning_fit_together() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert dashboard["templating"]["list"][0]["current"]["value"] == source["uid"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "copydesk.yml").read_text())["providers"]
    assert provider["type"] == "file"
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in dashboard["panels"])


def test_prometheus_reads_the_rules_with_a_key() -> None:
    loaded = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert [path for pattern in loaded["rule_files"] for path in PROMETHEUS.glob(pattern)] == [RULES]
    (job,) = loaded["scrape_configs"]
    assert job["job_name"] == "copydesk"
    assert job["authorization"]["credentials_file"].startswith("/run/secrets/")


def test_the_page_lists_every_metric_with_its_labels(exposed: Exposed) -> None:
    rows = re.findall(
        r"^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \|", (ROOT / "docs" / "telemetry.md").read_text(), re.MULTILINE
    )
    listed = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    expected = {
        exposed.name_of(family): (family.type, exposed.labels[family.name]) for family in exposed.families.values()
    }
    assert listed == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("a == 1", {"a": ()}, id="a name"),
        pytest.param('sum by (x, le) (rate(a_b{c="by (z)",d!~"e"}[5m]))', {"a_b": ("c", "d")}, id="a rate"),
        pytest.param('a:b:rate5m > 14.4 * 0.005 and c{d=~"$e"} offset 5m', {"a:b:rate5m": (), "c": ("d",)}, id="two"),
    ],
)
def test_the_tests_own_reading_of_expressions(expression: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert set(selectors(expression)) == {Selector(name, frozenset(labels)) for name, labels in expected.items()}


def test_brackets_that_do_not_match_are_found() -> None:
    with pytest.raises(ValueError, match="not closed"):
        list(selectors("sum(rate(a[5m])"))
