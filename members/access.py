"""Who may do what with members; everything not granted here is denied."""

from enum import StrEnum

from members.enums import Role


class Permission(StrEnum):
    ACCOUNT_EDIT = "members.account.edit"
    AUDIT_VIEW = "members.audit.view"
    DEPARTURE_EDIT = "members.departure.edit"
    DETAILS_EDIT = "members.details.edit"
    MEMBER_VIEW = "members.member.view"
    DUES_VIEW = "members.dues.view"
    IMPORT_VIEW = "members.import.view"
    PORTAL_VIEW = "members.portal.view"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: frozenset(
        {
            Permission.ACCOUNT_EDIT,
            Permission.AUDIT_VIEW,
            Permission.DEPARTURE_EDIT,
            Permission.DETAILS_EDIT,
            Permission.MEMBER_VIEW,
            Permission.DUES_VIEW,
            Permission.IMPORT_VIEW,
        }
    ),
    Role.MSM: frozenset(
        {
            Permission.AUDIT_VIEW,
            Permission.DEPARTURE_EDIT,
            Permission.DETAILS_EDIT,
            Permission.MEMBER_VIEW,
        }
    ),
    Role.OPERATIONS: frozenset(
        {
            Permission.ACCOUNT_EDIT,
            Permission.AUDIT_VIEW,
            Permission.DEPARTURE_EDIT,
            Permission.DETAILS_EDIT,
            Permission.MEMBER_VIEW,
            Permission.DUES_VIEW,
            Permission.IMPORT_VIEW,
        }
    ),
    Role.MEMBER: frozenset({Permission.PORTAL_VIEW}),
}
