"""The production shape is the one that is tried: same processes, same variables."""

import ast
import json
import re

import pytest
import yaml

from config.kernel.management.commands.up import procfile
from tests.frame.conftest import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ["beat", "migrate", "web", "worker"]
GUNICORN_READS = {"PORT", "WEB_CONCURRENCY"}


def variables_of_settings() -> set[str]:
    tree = ast.parse((ROOT / "config/settings.py").read_text())
    return {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and isinstance(call.args[0], ast.Constant)
    }


def filled_in(value: str) -> str:
    """Return what compose passes when each required variable is a word and none else is set."""
    return re.sub(
        r"\$\{(\w+):([?-])([^}]*)\}",
        lambda found: "word" if found[2] == "?" else found[3],
        value,
    )


def test_compose_runs_the_processes_of_the_procfile():
    commands = {name: service["command"] for name, service in SERVICES.items()}

    assert {name: commands[name] for name in procfile(ROOT / "Procfile")} == procfile(
        ROOT / "Procfile"
    )
    assert sorted(name for name in SERVICES if "build" in SERVICES[name]) == OURS


def test_the_image_serves_the_site_by_default():
    found = re.search(r"^CMD (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert " ".join(json.loads(found[1])) == procfile(ROOT / "Procfile")["web"]


def test_compose_names_postgresql_18_and_redis_8():
    assert SERVICES["database"]["image"] == "postgres:18"
    assert SERVICES["redis"]["image"] == "redis:8"


@pytest.mark.parametrize("name", OURS)
def test_compose_sets_no_variable_that_nobody_reads(name):
    unread = set(SERVICES[name]["environment"]) - variables_of_settings() - GUNICORN_READS

    assert unread == set()


@pytest.mark.parametrize("name", OURS)
def test_compose_gives_production_what_it_refuses_to_start_without(name, python):
    environment = {
        key: filled_in(value) for key, value in SERVICES[name]["environment"].items()
    }
    environment["EMAIL_URL"] = "smtp+tls://user:password@host:587"

    process = python(
        "-c", "from django.conf import settings; print(settings.DEBUG)", **environment
    )
    said, _ = process.communicate()

    assert (process.returncode, said.splitlines()[-1]) == (0, "False")
