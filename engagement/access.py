"""Who may record what members do; everything not granted here is denied."""

from enum import StrEnum

from members.enums import Role


class Permission(StrEnum):
    FACT_RECORD = "engagement.fact.record"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: frozenset({Permission.FACT_RECORD}),
    Role.OPERATIONS: frozenset({Permission.FACT_RECORD}),
}
