"""Who may see coverage; everything not granted here is denied."""

from enum import StrEnum

from members.enums import Role


class Permission(StrEnum):
    COVERAGE_VIEW = "coverage.view"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: frozenset({Permission.COVERAGE_VIEW}),
    Role.MSM: frozenset({Permission.COVERAGE_VIEW}),
    Role.OPERATIONS: frozenset({Permission.COVERAGE_VIEW}),
}
