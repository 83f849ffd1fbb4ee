from django.apps import AppConfig


class SuccessConfig(AppConfig):
    name = "success"
    verbose_name = "Success"

    def ready(self) -> None:
        from communications.services.gate import guards  # noqa: PLC0415  # models come first
        from success.services import plays  # noqa: PLC0415

        guards.register("success.play", plays.objection)
