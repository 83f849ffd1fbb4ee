"""Who may work the queue, write plans, read the measures and see the runs; else nobody."""

from enum import StrEnum

from members.enums import Role


class Permission(StrEnum):
    QUEUE_VIEW = "success.queue.view"
    QUEUE_WORK = "success.queue.work"
    VECTOR_VIEW = "success.vector.view"
    REVENUE_VIEW = "success.revenue.view"
    NIGHT_VIEW = "success.night.view"
    NIGHT_RUN = "success.night.run"
    PATH_VIEW = "success.path.view"
    PLAN_VIEW = "success.plan.view"
    PLAN_EDIT = "success.plan.edit"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: frozenset(
        {
            Permission.QUEUE_VIEW,
            Permission.QUEUE_WORK,
            Permission.VECTOR_VIEW,
            Permission.REVENUE_VIEW,
            Permission.NIGHT_VIEW,
            Permission.PLAN_VIEW,
            Permission.PLAN_EDIT,
        }
    ),
    Role.MSM: frozenset(
        {
            Permission.QUEUE_VIEW,
            Permission.QUEUE_WORK,
            Permission.VECTOR_VIEW,
            Permission.PLAN_VIEW,
            Permission.PLAN_EDIT,
        }
    ),
    Role.OPERATIONS: frozenset(
        {
            Permission.QUEUE_VIEW,
            Permission.VECTOR_VIEW,
            Permission.REVENUE_VIEW,
            Permission.NIGHT_VIEW,
            Permission.NIGHT_RUN,
            Permission.PLAN_VIEW,
            Permission.PLAN_EDIT,
        }
    ),
    Role.MEMBER: frozenset({Permission.PATH_VIEW}),
}
