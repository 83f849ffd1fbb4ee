from django.apps import AppConfig
from django.utils import translation

from config.kernel import words


class KernelConfig(AppConfig):
    name = "config.kernel"
    label = "kernel"
    verbose_name = "Kernel"

    def ready(self) -> None:
        words.speak_with(translation)
