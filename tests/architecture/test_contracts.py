"""The import contracts of pyproject.toml: they hold, and each would notice."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.architecture.source import APPS, ROOT, contracts

VERDICT = re.compile(r"^(?P<name>.+) (?P<verdict>KEPT|BROKEN)\b", re.MULTILINE)

# What nobody may write, and the contract that says so.
PLANTED = {
    "members/services/planted_app.py": ("import success.enums\n", "apps"),
    "engagement/services/planted_sibling.py": ("import coverage.enums\n", "apps"),
    "members/utils.py": ("", "modules"),
    "success/services/planted_layer.py": ("import success.views\n", "modules"),
    "config/helpers.py": ("", "root"),
    "config/kernel/planted_root.py": ("import config.settings\n", "root"),
    "members/engine/planted_engine.py": ("import django.db\n", "pure-engine"),
    "members/services/planted_api.py": ("import rest_framework\n", "transport-free"),
    "success/queries/planted_task.py": ("import celery\n", "transport-free"),
    "community/planted_reader.py": ("import members.models.dues\n", "dues-readers"),
    "coverage/services/planted_blind.py": ("import members.services.dues\n", "dues-blind"),
    "members/services/dues.py": ("import members.models.dues\n", None),
}


def lint(folder, *only):
    """Run the linter in ``folder`` and return its verdicts by contract, and what it said."""
    program = "from importlinter.cli import lint_imports_command as run; run()"
    chosen = [word for contract in only for word in ("--contract", contract)]
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-logo", "--no-cache", *chosen],
        cwd=folder,
        env=os.environ | {"COLUMNS": "300", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    verdicts = {
        found["name"].strip(): found["verdict"] for found in VERDICT.finditer(done.stdout)
    }
    by_id = {
        contract["id"]: verdicts.get(contract["name"])
        for contract in contracts()
        if not only or contract["id"] in only
    }
    return by_id, said


def test_every_contract_is_kept():
    verdicts, said = lint(ROOT)

    assert verdicts == {contract["id"]: "KEPT" for contract in contracts()}, said


@pytest.fixture
def planted(tmp_path):
    """Copy the code and plant in it what the contracts forbid."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("config", *APPS):
        ignored = shutil.ignore_patterns("__pycache__", "migrations")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    for name, (text, _) in PLANTED.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    return tmp_path


def test_every_contract_notices_when_it_is_broken(planted):
    verdicts, said = lint(planted)

    assert verdicts == {contract["id"]: "BROKEN" for contract in contracts()}, said
    unnoticed = [
        name
        for name, (_, contract) in PLANTED.items()
        if contract and name.removesuffix(".py").replace("/", ".") not in said
    ]
    assert unnoticed == []
