"""Who may work the queue, write plans, read the measures and see the runs; else nobody."""

from enum import StrEnum

from members.enums import PortalRole, Role


class Permission(StrEnum):
    CALENDAR_OWN = "success.calendar.own"
    COST_EDIT = "success.cost.edit"
    DIGEST_VIEW = "success.digest.view"
    QUEUE_LEAD = "success.queue.lead"
    QUEUE_VIEW = "success.queue.view"
    QUEUE_WORK = "success.queue.work"
    VECTOR_VIEW = "success.vector.view"
    REVENUE_VIEW = "success.revenue.view"
    REVIEW_VIEW = "success.review.view"
    REVIEW_WORK = "success.review.work"
    NIGHT_VIEW = "success.night.view"
    NIGHT_RUN = "success.night.run"
    PATH_VIEW = "success.path.view"
    PATH_WORK = "success.path.work"
    PATH_SPEAK = "success.path.speak"
    PLAN_VIEW = "success.plan.view"
    PLAN_EDIT = "success.plan.edit"
    PLAY_VIEW = "success.play.view"
    PLAY_EDIT = "success.play.edit"
    TEMPLATE_VIEW = "success.template.view"
    TEMPLATE_EDIT = "success.template.edit"
    TRIAL_ASK = "success.trial.ask"


GRANTS: dict[str, frozenset[Permission]] = {
    Role.DIRECTOR: frozenset(
        {
            Permission.CALENDAR_OWN,
            Permission.COST_EDIT,
            Permission.DIGEST_VIEW,
            Permission.REVIEW_VIEW,
            Permission.REVIEW_WORK,
            Permission.QUEUE_LEAD,
            Permission.QUEUE_VIEW,
            Permission.QUEUE_WORK,
            Permission.VECTOR_VIEW,
            Permission.REVENUE_VIEW,
            Permission.NIGHT_VIEW,
            Permission.PLAN_VIEW,
            Permission.PLAN_EDIT,
            Permission.PLAY_VIEW,
            Permission.PLAY_EDIT,
            Permission.TEMPLATE_VIEW,
            Permission.TEMPLATE_EDIT,
            Permission.TRIAL_ASK,
        }
    ),
    Role.MSM: frozenset(
        {
            Permission.CALENDAR_OWN,
            Permission.DIGEST_VIEW,
            Permission.REVIEW_VIEW,
            Permission.REVIEW_WORK,
            Permission.QUEUE_VIEW,
            Permission.QUEUE_WORK,
            Permission.VECTOR_VIEW,
            Permission.PLAN_VIEW,
            Permission.PLAN_EDIT,
            Permission.PLAY_VIEW,
            Permission.TEMPLATE_VIEW,
        }
    ),
    Role.OPERATIONS: frozenset(
        {
            Permission.CALENDAR_OWN,
            Permission.COST_EDIT,
            Permission.DIGEST_VIEW,
            Permission.REVIEW_VIEW,
            Permission.REVIEW_WORK,
            Permission.QUEUE_VIEW,
            Permission.VECTOR_VIEW,
            Permission.REVENUE_VIEW,
            Permission.NIGHT_VIEW,
            Permission.NIGHT_RUN,
            Permission.PLAN_VIEW,
            Permission.PLAN_EDIT,
            Permission.PLAY_VIEW,
            Permission.PLAY_EDIT,
            Permission.TEMPLATE_VIEW,
            Permission.TEMPLATE_EDIT,
            Permission.TRIAL_ASK,
        }
    ),
    Role.MEMBER: frozenset({Permission.CALENDAR_OWN, Permission.PATH_VIEW}),
    # what is done on the way is told by those who take part; a reader sees
    f"{Role.MEMBER}.{PortalRole.CONTRIBUTOR}": frozenset({Permission.PATH_WORK}),
    # goals, answers and reviews are for those who speak for the member
    f"{Role.MEMBER}.{PortalRole.LEAD}": frozenset(
        {Permission.PATH_WORK, Permission.PATH_SPEAK}
    ),
}
