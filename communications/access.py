"""Who may see what was said to members; everything not granted here is denied."""

from enum import StrEnum

from members.enums import Role


class Permission(StrEnum):
    MESSAGE_VIEW = "communications.message.view"
    NOTICE_VIEW = "communications.notice.view"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: frozenset({Permission.MESSAGE_VIEW, Permission.NOTICE_VIEW}),
    Role.MSM: frozenset({Permission.NOTICE_VIEW}),
    Role.OPERATIONS: frozenset({Permission.MESSAGE_VIEW, Permission.NOTICE_VIEW}),
}
