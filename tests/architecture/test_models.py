"""Tables depend downwards, and the migrations are all there."""

import pytest
from django.apps import apps
from django.core.management import call_command

from tests.architecture.source import LEVELS, may_import


def own_models():
    """Return every model of the apps, with the tables Django makes for many-to-many fields."""
    return [
        model
        for app in LEVELS
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
    ]


def pointing_up(models):
    relations = [
        (f"{model._meta.label}.{field.name}", model._meta.app_label, field.related_model)  # noqa: SLF001
        for model in models
        for field in model._meta.get_fields(include_hidden=True)  # noqa: SLF001
        if field.concrete and field.is_relation and field.related_model
    ]
    assert relations or not models
    return [
        f"{name} → {target._meta.label}"  # noqa: SLF001
        for name, app, target in relations
        if target._meta.app_label in LEVELS and not may_import(app, target._meta.app_label)  # noqa: SLF001
    ]


def test_foreign_keys_point_downwards():
    assert pointing_up(own_models()) == []


def test_a_foreign_key_that_points_up_is_noticed(monkeypatch):
    upside_down = dict.fromkeys(LEVELS, 0) | {"members": 9}
    monkeypatch.setattr("tests.architecture.source.LEVELS", upside_down)

    assert pointing_up(own_models()) != []


def test_kernel_has_no_models():
    assert list(apps.get_app_config("kernel").get_models(include_auto_created=True)) == []


@pytest.mark.django_db
def test_migrations_are_complete(capsys):
    call_command("makemigrations", "--check", "--dry-run")

    assert capsys.readouterr().out == "No changes detected\n"
