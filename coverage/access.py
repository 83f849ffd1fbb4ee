"""Who may see coverage; everything not granted here is denied."""

from enum import StrEnum

from members.enums import Role


class Permission(StrEnum):
    CAPACITY_VIEW_ALL = "coverage.capacity.view_all"
    COVERAGE_EDIT = "coverage.edit"
    COVERAGE_VIEW = "coverage.view"
    EFFORT_LOG = "coverage.effort.log"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: frozenset(
        {
            Permission.CAPACITY_VIEW_ALL,
            Permission.COVERAGE_EDIT,
            Permission.COVERAGE_VIEW,
            Permission.EFFORT_LOG,
        }
    ),
    Role.MSM: frozenset({Permission.COVERAGE_VIEW, Permission.EFFORT_LOG}),
    Role.OPERATIONS: frozenset(
        {
            Permission.CAPACITY_VIEW_ALL,
            Permission.COVERAGE_EDIT,
            Permission.COVERAGE_VIEW,
            Permission.EFFORT_LOG,
        }
    ),
}
