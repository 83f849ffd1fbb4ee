from django.apps import AppConfig


class CommunicationsConfig(AppConfig):
    name = "communications"
    verbose_name = "Communications"

    def ready(self) -> None:
        import communications.receivers  # noqa: F401, PLC0415  # connects them; models come first
        from communications.queries import unread_count  # noqa: PLC0415
        from config.kernel.context import count_unread_by  # noqa: PLC0415
        from config.kernel.panels import Panel, register_panel  # noqa: PLC0415
        from members.access import Permission  # noqa: PLC0415  # apps come first

        count_unread_by(unread_count)
        register_panel(
            Panel(
                key="messages",
                title="Messages",
                order=70,
                url_name="communications:member_messages",
                permission=Permission.MEMBER_VIEW,
            )
        )
