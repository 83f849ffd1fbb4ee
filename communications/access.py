"""Who may see and write what is said to members; everything not granted here is denied."""

from enum import StrEnum

from members.enums import Role


class Permission(StrEnum):
    MESSAGE_SETTLE = "communications.message.settle"
    MESSAGE_VIEW = "communications.message.view"
    NOTICE_VIEW = "communications.notice.view"
    SUPPRESSION_EDIT = "communications.suppression.edit"
    TEMPLATE_EDIT = "communications.template.edit"


DESK = frozenset(
    {
        Permission.MESSAGE_SETTLE,
        Permission.MESSAGE_VIEW,
        Permission.NOTICE_VIEW,
        Permission.SUPPRESSION_EDIT,
        Permission.TEMPLATE_EDIT,
    }
)
GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: DESK,
    Role.MSM: frozenset({Permission.NOTICE_VIEW}),
    Role.OPERATIONS: DESK,
}
