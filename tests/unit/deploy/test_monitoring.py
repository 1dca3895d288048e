"""Prometheus rules by promtool, and the dashboard by what builds it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"


def promtool(*words: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(
        [program, *words], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]
    return group["rules"]


def queries() -> list[str]:
    board = json.loads((MONITORING / "dashboard.json").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    assert len(found) > 15
    return found


def test_the_rules_and_their_tests_hold() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("check", "rules", "--lint-fatal", "rules.yml")
    promtool("test", "rules", "rules_test.yml")


def test_every_rule_is_tested() -> None:
    tests = yaml.safe_load((MONITORING / "rules_test.yml").read_text())["tests"]
    alerts = {
        one["alertname"]
        for test in tests
        for one in test.get("alert_rule_test", ())
        if one["exp_alerts"]
    }
    assert alerts == {rule["alert"] for rule in rules() if "alert" in rule}


def test_the_dashboard_is_the_one_that_its_program_builds() -> None:
    pytest.importorskip("grafana_foundation_sdk")
    done = subprocess.run(
        [sys.executable, str(MONITORING / "dashboard.py")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (MONITORING / "dashboard.json").read_text()


def test_prometheus_reads_every_query_of_the_dashboard(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    group = [{"record": f"query:{number}", "expr": q} for number, q in enumerate(queries())]
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": group}]}))
    promtool("check", "rules", str(file))
