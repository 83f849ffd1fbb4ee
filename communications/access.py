"""Who may see what was said to members; everything not granted here is denied."""

from enum import StrEnum

from members.enums import Role


class Permission(StrEnum):
    MESSAGE_VIEW = "communications.message.view"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: frozenset({Permission.MESSAGE_VIEW}),
    Role.OPERATIONS: frozenset({Permission.MESSAGE_VIEW}),
}
