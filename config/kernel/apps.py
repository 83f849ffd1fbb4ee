from django import forms
from django.apps import AppConfig
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from config.kernel import words


class KernelConfig(AppConfig):
    name = "config.kernel"
    label = "kernel"
    verbose_name = "Kernel"

    def ready(self) -> None:
        words.speak_with(translation)
        _say_what_to_write()


def _say_what_to_write() -> None:
    """Have forms tell what to do, where a field has no words of its own for it."""
    MinValueValidator.message = _("Write %(limit_value)s or more.")
    MaxValueValidator.message = _("Write %(limit_value)s or less.")
    forms.Field.default_error_messages["required"] = _("Fill this in.")
    for kind in (forms.ChoiceField, forms.ModelChoiceField):
        kind.default_error_messages["required"] = _("Choose one.")
