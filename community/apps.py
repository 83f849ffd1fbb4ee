from django.apps import AppConfig


class CommunityConfig(AppConfig):
    name = "community"
    verbose_name = "Community"

    def ready(self) -> None:
        from config.kernel.panels import Panel, register_panel  # noqa: PLC0415
        from members.access import Permission  # noqa: PLC0415  # apps come first

        register_panel(
            Panel(
                key="alongside",
                title="Works alongside",
                order=40,
                url_name="community:member_alongside",
                permission=Permission.MEMBER_VIEW,
            )
        )
