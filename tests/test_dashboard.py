"""The Grafana dashboard and the alerts ask for what /metrics really has: names, labels, and valid PromQL."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql
import pytest
import yaml
from helpers import ROOT

from assistant.answer import Outcome
from assistant.telemetry.metrics import Metrics

DASHBOARD = json.loads((ROOT / "docs" / "grafana.json").read_text())
GUIDE = (ROOT / "docs" / "operations.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.S)]
#: What Prometheus adds to every series of a target.
TARGET = {"job", "instance"}


def queries(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", []))


def selectors(expression: Any) -> Iterator[tuple[promql.VectorSelector, frozenset[str]]]:
    """Each metric that a query reads, with the labels that it is grouped by around it."""

    def inside(node: Any, grouped: frozenset[str]) -> Iterator[tuple[promql.VectorSelector, frozenset[str]]]:
        if isinstance(node, promql.VectorSelector):
            yield node, grouped
        elif isinstance(node, promql.MatrixSelector):
            yield node.vector_selector, grouped
        elif isinstance(node, promql.AggregateExpr):
            # What is grouped by further in is all that is left further out.
            yield from inside(node.expr, grouped | set(node.modifier.labels if node.modifier else ()))
        elif isinstance(node, promql.BinaryExpr):
            yield from inside(node.lhs, grouped)
            yield from inside(node.rhs, grouped)
        elif isinstance(node, promql.Call):
            for argument in node.args:
                yield from inside(argument, grouped)
        elif isinstance(node, promql.ParenExpr):
            yield from inside(node.expr, grouped)
        else:
            assert isinstance(node, promql.NumberLiteral | promql.StringLiteral), type(node)

    yield from inside(expression, frozenset())


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """The labels of every sample that a scrape has once each thing has happened, by its name."""
    from serving import samples

    made = Metrics()
    made.describe("1", "extractive", None)
    for metric in vars(made).values():
        if names := getattr(metric, "_labelnames", ()):
            metric.labels(*names)
    found: dict[str, set[str]] = {}
    for sample in samples(made.scrape("")[0].decode()):
        name, _, labels = sample.partition("{")
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


DASHBOARD_QUERIES = list(queries(DASHBOARD["panels"]))
ALERTS = [rule for block in BLOCKS for group in block.get("groups", []) for rule in group["rules"]]


@pytest.mark.parametrize("query", [*DASHBOARD_QUERIES, *(rule["expr"] for rule in ALERTS)])
def test_a_query_asks_for_what_there_is(query: str, exposed: dict[str, set[str]]) -> None:
    for selector, grouped in selectors(promql.parse(query.replace("$__rate_interval", "1m"))):
        if selector.name == "up":  # Prometheus's own
            continue
        assert selector.name in exposed
        wanted = {matcher.name for matcher in selector.matchers.matchers} | grouped
        assert wanted <= exposed[selector.name] | TARGET


def test_outcomes_are_called_what_they_are_called() -> None:
    known = {*Outcome, "refused", "failed", "stopped"}
    for text in (*DASHBOARD_QUERIES, *(rule["expr"] for rule in ALERTS)):
        for outcomes in re.findall(r'outcome=~?"([^"]*)"', text):
            assert set(outcomes.split("|")) <= known


def test_every_metric_is_explained_and_on_the_dashboard(exposed: dict[str, set[str]]) -> None:
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed if name.startswith("assistant_")}
    explained = set(re.findall(r"`(assistant_\w+)`", GUIDE))
    assert ours == explained
    shown = "".join(DASHBOARD_QUERIES) + json.dumps(DASHBOARD["templating"])
    assert {name for name in ours if name not in shown} == set()


def test_the_dashboard_can_be_imported() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([DASHBOARD["panels"], DASHBOARD["templating"]])))
    assert used <= {*variables, "__rate_interval", "__all"}
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & own, f"{panel['title']} lies over another panel"
        assert place["x"] + place["w"] <= 24
        cells |= own
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["description"]
    assert DASHBOARD["schemaVersion"] >= 39
    assert "__inputs" not in DASHBOARD


def test_alerts_say_what_is_the_matter() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS) >= 8
    assert all(rule["annotations"]["summary"].endswith((".", "?")) for rule in ALERTS)


def test_the_log_line_in_the_guide_has_the_fields_that_lines_have() -> None:
    (line,) = re.findall(r"```json\n(.*?)\n```", GUIDE, re.S)
    told = set(re.findall(r"`(\w+)`", GUIDE.partition("| field |")[2].partition("\n\n")[0]))
    assert set(json.loads(line)) <= told
