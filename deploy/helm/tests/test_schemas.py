"""Each resource is one that its schema takes, and the chart refuses what its own suites say."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from evote_chart.settings import CHART

from .rendering import NEEDS_HELM, PROFILES, ROOT, TOOLS, helm, kubeconform, of_kind, rendered, values_of

pytestmark = NEEDS_HELM


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("more", [(), ("--is-upgrade", "--api-versions", "monitoring.coreos.com/v1")])
def test_every_resource_is_one_that_its_schema_takes(profile: str, more: tuple[str, ...]) -> None:
    done = kubeconform(rendered(profile, *more))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_example_of_a_collector_beside_the_release_is_one_that_its_schemas_take() -> None:
    example = (ROOT / "deploy/monitoring/collector/kubernetes.example.yaml").read_text("utf-8")
    done = kubeconform(tuple(yaml.safe_load_all(example)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_member_that_no_schema_knows_is_found() -> None:
    (first, *_) = of_kind(rendered("city-240k"), "Cluster").values()
    wrong = {**first, "spec": {**first["spec"], "instence": 3}}
    assert "instence" in kubeconform((wrong,)).stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_helm_finds_nothing_to_say(profile: str) -> None:
    done = helm("lint", "--strict", "--quiet", str(CHART), *values_of(profile))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_no_two_resources_have_one_name(profile: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in rendered(profile)]
    assert sorted(names) == sorted(set(names))


def test_the_chart_refuses_and_says_what_its_own_suites_hold_it_to() -> None:
    suites = sorted((CHART / "tests").glob("*_test.yaml"))
    done = subprocess.run(
        [TOOLS / "bin/helm-unittest", "--strict", str(CHART)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(suites)} passed, {len(suites)} total" in done.stdout
