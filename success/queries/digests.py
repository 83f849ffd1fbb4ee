"""What a colleague's week came to: learned, changed, earned, at risk, and due next."""

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _

from communications.enums import NoticeKind
from communications.models import Notice
from config.kernel.clock import association_zone, local_date
from coverage.models import Assignment
from members.enums import Role
from members.models import Member, User
from success.engine.digest import Digest, Line, Section, section
from success.enums import (
    AskKind,
    AskStatus,
    EvidenceSource,
    InterventionStatus,
    Outcome,
    Side,
    Standing,
    State,
)
from success.models import (
    Accountability,
    Ask,
    GoalChange,
    Intervention,
    MemberFacts,
    MilestoneEvent,
    VectorChange,
)
from success.queries.promises import open_on
from success.queries.queue import week

LISTED: Final = 12
MOST: Final = 1_000
AHEAD: Final = timedelta(days=7)
AT_RISK: Final = (State.REGRESSING, State.STALLED)
# The worst first, so that what is listed is what matters.
WORST_FIRST: Final = (State.REGRESSING, State.STALLED, State.SLIPPING)
# What notices of work that changed hands are called by.
GIVEN: Final = ("back from ", "bulk ", "item ", "rebalancing ", "stands in ")
IN_MEMBERSHIP: Final = (Standing.IN_FORCE, Standing.IN_GRACE)


def digest_of(
    user: User, *, since: datetime, until: datetime, as_of: date, whole: str = ""
) -> Digest:
    """Return what happened between two moments to the members ``user`` answers for (2.10).

    An MSM's own members; the whole association for a director and operations. Members that
    ``user`` may not see are in none of it. A dozen lines a section, with how many there are; of
    the one whose key is ``whole``, a thousand.
    ``as_of`` is the day by which promises fall due and are late. Hours that do not fit into the
    week are those of an MSM; null for the others. About seventeen statements, whatever the
    number of members.
    """
    members = _members_of(user)
    first, last = (local_date(each, zone=association_zone()) for each in (since, until))
    days = (first, last)
    load = week(user, as_of=as_of) if user.role == Role.MSM else None

    def most(key: str) -> int:
        return MOST if key == whole else LISTED

    return Digest(
        since=first,
        until=last,
        is_house=user.role != Role.MSM,
        sections=(
            _due(user, as_of=as_of, most=most("due")),
            _given(user, since=since, until=until, most=most("given")),
            _at_risk(members, most=most("at_risk")),
            _changed(members, days=days, most=most("changed")),
            _learned(members, since=since, until=until, most=most("learned")),
            _earned(members, since=since, until=until, days=days, most=most("earned")),
        ),
        unserved_hours=load.unserved_hours if load else None,
        unserved_items=len(load.unserved_ids) if load else 0,
    )


def _members_of(user: User) -> QuerySet[Member]:
    """Those whom a user sees and answers for."""
    visible = Member.objects.visible_to(user)
    match user.role:
        case Role.DIRECTOR | Role.OPERATIONS:
            return visible
        case Role.MSM:
            own = Assignment.objects.filter(owner=user, member=OuterRef("pk"))
            return visible.filter(Exists(own))
    return visible.none()


def _page(member: Member) -> str:
    return reverse("success:member", args=[member.public_id])


def _due(user: User, *, as_of: date, most: int) -> Section:
    """Promises of ours that the reader has to keep within a week, and those late already."""
    promises = Accountability.objects.filter(
        open_on(as_of),
        Q(plan__closed_on=None) | Q(plan__closed_on__gt=as_of),
        side=Side.ASSOCIATION,
        owner=user,
        due_on__lte=as_of + AHEAD,
    )
    lines = [
        Line(
            member=promise.plan.member.name,
            text=_("%(promise)s (late)") % {"promise": promise.title}
            if promise.due_on < as_of
            else promise.title,
            on=promise.due_on,
            address=_page(promise.plan.member),
        )
        for promise in promises.select_related("plan__member").order_by("due_on", "pk")[:most]
    ]
    return section("due", lines, total=promises.count())


def _given(user: User, *, since: datetime, until: datetime, most: int) -> Section:
    """Work that others gave the reader, a line for each time, as they were told of it."""
    is_given = Q()
    for key in GIVEN:
        is_given |= Q(dedupe_key__startswith=key)
    told = Notice.objects.filter(
        is_given, user=user, kind=NoticeKind.WORK, at__gt=since, at__lte=until
    )
    lines = [
        Line(
            member="",
            text=each.title,
            on=local_date(each.at, zone=association_zone()),
            address=each.address,
        )
        for each in told.order_by("-at", "-pk")[:most]
    ]
    return section("given", lines, total=told.count())


def _at_risk(members: QuerySet[Member], *, most: int) -> Section:
    """Members in force or in grace who go backwards or have stopped; the newest first."""
    known = MemberFacts.objects.filter(
        member__in=members, state__in=AT_RISK, standing__in=IN_MEMBERSHIP
    )
    rows = known.select_related("member", "blocking").order_by(
        "state", F("behind_since").desc(nulls_last=True), "pk"
    )
    lines = [
        Line(
            member=row.member.name,
            text=_risk(row),
            on=row.behind_since,
            address=_page(row.member),
        )
        for row in rows[:most]
    ]
    return section("at_risk", lines, total=known.count())


def _risk(row: MemberFacts) -> str:
    state = str(State(row.state).label)
    if row.we_owe_since:
        return _("%(state)s, and waits for us") % {"state": state}
    if row.blocking:
        return _("%(state)s, at “%(milestone)s”") % {
            "state": state,
            "milestone": row.blocking.title,
        }
    return state


def _changed(members: QuerySet[Member], *, days: tuple[date, date], most: int) -> Section:
    """Members whose state is another than at the beginning; those that got worse come first."""
    first, last = days
    within = VectorChange.objects.filter(member__in=members, on__gt=first, on__lte=last)
    before = VectorChange.objects.filter(member=OuterRef("member"), on__lte=first)
    later = VectorChange.objects.filter(
        member=OuterRef("member"), on__gt=OuterRef("on"), on__lte=last
    )
    moved = (
        within.filter(~Exists(later))
        .annotate(was=Subquery(before.order_by("-on").values("state")[:1]))
        .filter(was__isnull=False)
        .exclude(state=F("was"))
        .select_related("member")
    )
    total = moved.count()
    rows: list[Any] = []
    for worse in (True, False):
        side = Q(state__in=WORST_FIRST)
        part = moved.filter(side if worse else ~side).order_by("-on", "pk")
        rows += list(part[: most - len(rows)])
    lines = [
        Line(
            member=row.member.name,
            text=_("%(before)s → %(after)s")
            % {"before": State(row.was).label, "after": State(row.state).label},
            on=row.on,
            address=_page(row.member),
        )
        for row in rows
    ]
    return section("changed", lines, total=total)


def _learned(
    members: QuerySet[Member], *, since: datetime, until: datetime, most: int
) -> Section:
    """What was written down about members when work was done, and goals they changed."""
    done = (
        Intervention.objects.filter(
            member__in=members,
            status=InterventionStatus.DONE,
            finished_at__gt=since,
            finished_at__lte=until,
        )
        .exclude(learned="", note="")
        .select_related("member")
    )
    goals = GoalChange.objects.filter(
        member__in=members, at__gt=since, at__lte=until
    ).select_related("member")
    found = [
        (each.at, each.member, _("The goal has changed: %(words)s") % {"words": each.words})
        for each in goals.order_by("-at", "-pk")[:most]
    ]
    found += [
        (each.finished_at, each.member, each.learned or each.note)
        for each in done.order_by("-finished_at", "-pk")[:most]
        if each.finished_at
    ]
    return section("learned", _newest(found, most=most), total=done.count() + goals.count())


def _earned(
    members: QuerySet[Member],
    *,
    since: datetime,
    until: datetime,
    days: tuple[date, date],
    most: int,
) -> Section:
    """Milestones not on one side's word alone, advocacy, and problems that are solved."""
    reached = (
        MilestoneEvent.objects.filter(
            milestone__plan__member__in=members,
            achieved=True,
            recorded_at__gt=since,
            recorded_at__lte=until,
        )
        .exclude(source=EvidenceSource.DECLARED)
        .select_related("milestone__plan__member")
    )
    spoken = Ask.objects.filter(
        plan__member__in=members,
        kind=AskKind.ADVOCACY,
        status=AskStatus.ACCEPTED,
        answered_on__gt=days[0],
        answered_on__lte=days[1],
    ).select_related("plan__member")
    solved = Intervention.objects.filter(
        member__in=members,
        status=InterventionStatus.DONE,
        outcome=Outcome.REACHED,
        finished_at__gt=since,
        finished_at__lte=until,
    ).select_related("member", "play")
    found = [
        (
            each.recorded_at,
            each.milestone.plan.member,
            _("reached “%(milestone)s”") % {"milestone": each.milestone.title},
        )
        for each in reached.order_by("-recorded_at", "-pk")[:most]
    ]
    found += [
        (each.finished_at, each.member, _("moving again: %(play)s") % {"play": each.play.title})
        for each in solved.order_by("-finished_at", "-pk")[:most]
        if each.finished_at
    ]
    lines = _newest(found, most=most)
    lines += [
        Line(
            member=each.plan.member.name,
            text=_("speaks for us: %(what)s") % {"what": each.get_advocacy_display()},
            on=each.answered_on,
            address=_page(each.plan.member),
        )
        for each in spoken.order_by("-answered_on", "-pk")[:most]
    ]
    total = reached.count() + spoken.count() + solved.count()
    return section("earned", _by_day(lines, most=most), total=total)


def _newest(found: list[tuple[datetime, Member, str]], *, most: int) -> list[Line]:
    found.sort(key=lambda each: each[0], reverse=True)
    return [
        Line(
            member=member.name,
            text=words,
            on=local_date(at, zone=association_zone()),
            address=_page(member),
        )
        for at, member, words in found[:most]
    ]


def _by_day(lines: list[Line], *, most: int) -> list[Line]:
    return sorted(lines, key=lambda line: line.on or date.min, reverse=True)[:most]
