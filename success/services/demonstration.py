"""What the demonstration makes up around the real ledger, marked simulated where it shows.

The ledger knows who was a member, who maintains what and what is certified. It does not know
whom to write to, what anybody wants, which experience suits them or what was promised. Those
are drawn here from a hash of the member's identifier: the same on every machine, and blind to
dues.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from config.kernel.clock import local_moment
from coverage.engine import segments as segment_rule
from coverage.enums import EffortSource, Expertise, Guidance, Modality, Resources
from coverage.models import (
    Absence,
    Assignment,
    AxProfile,
    Contributor,
    Effort,
    Segment,
    TaskForceShare,
    Team,
)
from coverage.queries.experience import SIMULATED
from members.enums import MemberKind, PortalRole, Role
from members.models import Affiliation, Member, MemberIdentity, Person, Term, User
from members.rollups.dirty import mark_dirty
from success.engine.planning import from_data
from success.enums import (
    AskKind,
    AskStatus,
    ConfirmedIn,
    EvidenceSource,
    GapAnswerChoice,
    ReviewStatus,
    Side,
)
from success.models import (
    Accountability,
    Ask,
    DesiredOutcome,
    GapAnswer,
    Milestone,
    Offer,
    OutcomeConfirmation,
    Plan,
    PlanTemplate,
    Review,
    TemplateAccountability,
)
from success.services.milestones import achieve
from success.services.templates import save_template

SOURCE = "simulated"
ORGANISATION_TEMPLATE = "build-what-you-depend-on"
INDIVIDUAL_TEMPLATE = "become-a-maintainer"
INDIVIDUAL = "DEMO-INDIVIDUAL"
CONTRIBUTOR = "contributor@waymark.example"
# Goals were confirmed within so many days, so that some are stale by now.
STALE_OF = 250
# Of so many promises that fell due, one is late.
BROKEN_OF = 8
ASKED_AFTER = timedelta(days=21)
ANSWERED_BEFORE = timedelta(days=60)
FRIDAY = 4

PATHS = Path(settings.BASE_DIR) / "data" / "paths"
TEMPLATES = {
    ORGANISATION_TEMPLATE: ("Build what you depend on", MemberKind.ORGANISATION),
    INDIVIDUAL_TEMPLATE: ("Become a maintainer", MemberKind.INDIVIDUAL),
}
# Two milestones take as long as they take once somebody maintains a project.
COUNTED_FROM = {"kept-a-year": "first-maintainer", "two-projects": "first-maintainer"}
OFFER = {
    "key": "maintainer-training",
    "title": "A training for maintainers",
    "words": "Two days with people who have kept a project healthy for years, for five of you.",
}

# Whose hours there are: contracted a month, percent of leave, languages, skills.
HOURS = {
    "msm1@waymark.example": (160, 10, ["en", "sv"], ["onboarding", "governance"]),
    "msm2@waymark.example": (160, 10, ["en", "es"], ["onboarding", "training"]),
    "msm3@waymark.example": (128, 10, ["en", "ja"], ["governance", "training"]),
}
IN_THE_POOL = {"operations@waymark.example": (80, 10, ["en"], ["onboarding"])}
# What a pool is asked for, until it is measured.
POOL_REQUESTS, POOL_HANDLING = Decimal("0.4"), Decimal("0.75")
HELPED_PERCENT = 30

INDIVIDUAL_REACHED = (
    (1, 26, "My fix for the log reader went out with the June release."),
    (2, 71, "Two maintainers now ask me to look at changes."),
)


@dataclass(frozen=True)
class Login:
    """A log-in made for the demonstration; the password is known only when it is made."""

    email: str
    name: str
    role: str
    password: str


@transaction.atomic
def ensure_templates(*, at: datetime) -> tuple[PlanTemplate, PlanTemplate]:
    """The paths of organisations and of individuals; made once, then left alone."""
    Offer.objects.get_or_create(key=OFFER["key"], defaults=OFFER)
    organisations, individuals = (
        PlanTemplate.objects.filter(key=key).first() or _new_template(key, at=at)
        for key in TEMPLATES
    )
    return organisations, individuals


def _new_template(key: str, *, at: datetime) -> PlanTemplate:
    title, audience = TEMPLATES[key]
    path = from_data(json.loads((PATHS / f"{key}.json").read_text(encoding="utf-8")))
    template = save_template(
        template=None,
        key=key,
        title=title,
        audience=audience,
        persona="",
        segment=None,
        path=path,
        by=None,
        at=at,
    )
    template.is_simulated = True
    template.save(update_fields=["is_simulated"])
    positions = dict(template.milestones.values_list("key", "position"))
    for later, earlier in COUNTED_FROM.items():
        template.milestones.filter(key=later).update(counted_from=positions.get(earlier))
    return template


@transaction.atomic
def ensure_experience_profiles(*, on: date) -> int:
    """An AX profile for every member without any, drawn from a hash; how many were made."""
    missing = Member.objects.filter(ax_profiles=None).prefetch_related("identities")
    profiles = [_profile(member, on=on) for member in missing]
    AxProfile.objects.bulk_create(profiles)
    return len(profiles)


@transaction.atomic
def ensure_contacts(*, on: date) -> int:
    """A primary contact at an address that cannot exist, for members with a current term."""
    members = (
        Member.objects.filter(terms__starts_on__lte=on, terms__ends_on__gt=on)
        .exclude(affiliations__is_primary_contact=True)
        .distinct()
        .prefetch_related("identities")
    )
    made = 0
    for member in members:
        name = _external_id(member)
        person = Person.objects.create(
            name=f"Contact at {member.name}",
            email=f"contact@{name.lower()}.example",
            source=SOURCE,
            external_id=f"contact:{name}",
            is_simulated=True,
        )
        Affiliation.objects.create(
            person=person,
            member=member,
            title="Primary contact",
            is_primary_contact=True,
            starts_on=on,
        )
        made += 1
    return made


@transaction.atomic
def ensure_individual(*, on: date, at: datetime) -> Member:
    """One individual member with a complimentary term, made once."""
    known = MemberIdentity.objects.filter(source=SOURCE, external_id=INDIVIDUAL).first()
    if known is not None:
        return known.member
    member = Member.objects.create(
        kind=MemberKind.INDIVIDUAL,
        name="Robin Ekholm",
        details={"simulated": True},
        created_at=at,
    )
    MemberIdentity.objects.create(member=member, source=SOURCE, external_id=INDIVIDUAL)
    joined = on - timedelta(days=10)
    Term.objects.create(
        member=member,
        tier="Individual",
        starts_on=joined,
        ends_on=joined + timedelta(days=365),
        source=SOURCE,
        external_id=INDIVIDUAL,
        details={"simulated": True},
    )
    return member


@transaction.atomic
def ensure_individual_progress(*, member: Member, by: User) -> None:
    """The individual's first milestones, told and confirmed; harmless when they are there."""
    for position, day, words in INDIVIDUAL_REACHED:
        milestone = Milestone.objects.get(
            plan__member=member, plan__closed_on=None, position=position
        )
        on = milestone.plan.anchor_on + timedelta(days=day)
        achieve(
            milestone=milestone,
            on=on,
            source=EvidenceSource.CONFIRMED,
            by=by,
            what_changed=words,
            at=datetime.combine(on, time(12), tzinfo=UTC),
        )


def portal_member() -> Member:
    """The organisation whose portal is opened: furthest on its way, with a way to go.

    Not one that a pool will look after, so that there is somebody to meet.
    """
    return (
        Member.objects.filter(
            kind=MemberKind.ORGANISATION,
            plans__closed_on=None,
            pk__in=Milestone.objects.filter(position=1)
            .exclude(evidence_dates=None)
            .values("plan__member"),
        )
        .exclude(plans__accountabilities=None)
        .exclude(ax_profiles__expertise=Expertise.HIGH)
        .annotate(
            reached=Count(
                "plans__milestones", filter=Q(plans__milestones__evidence_dates__isnull=False)
            ),
            waiting=Count(
                "plans__milestones", filter=Q(plans__milestones__evidence_dates=None)
            ),
        )
        .filter(waiting__gt=0)
        .order_by("-reached", "name")
        .first()
        or Member.objects.order_by("pk")[0]
    )


@transaction.atomic
def ensure_agreements(*, on: date, at: datetime) -> int:
    """What both sides said when the open plans were agreed, where it is not there yet.

    The goal with its last confirmation, the promises of the milestone that is next, due around
    ``on``, and what was announced, with the answer where it would have been asked before. How
    many plans were filled in.
    """
    plans = list(
        Plan.objects.filter(closed_on=None, outcome=None, is_simulated=True)
        .select_related("member", "template")
        .prefetch_related(
            "milestones",
            "member__identities",
            "template__milestones__upsell",
            "template__milestones__accountabilities",
        )
    )
    contacts = {
        affiliation.member_id: affiliation.person
        for affiliation in Affiliation.objects.filter(
            is_primary_contact=True, ends_on=None, member__in=[plan.member_id for plan in plans]
        ).select_related("person")
    }
    promises: list[Accountability] = []
    asks: list[Ask] = []
    for plan in plans:
        draw = _Draw(f"agreement:{_external_id(plan.member)}")
        contact = contacts.get(plan.member_id)
        plan.outcome = _outcome(plan, contact, draw=draw, on=on, at=at)
        promises += _promises(plan, contact, draw=draw, on=on)
        asks += _asks(plan, contact, draw=draw, on=on)
    Plan.objects.bulk_update(plans, ["outcome"], batch_size=500)
    Accountability.objects.bulk_create(promises)
    Ask.objects.bulk_create(asks)
    return len(plans)


def _outcome(
    plan: Plan, contact: Person | None, *, draw: "_Draw", on: date, at: datetime
) -> DesiredOutcome:
    template = plan.template
    confirmed_on = max(plan.anchor_on, on - timedelta(days=draw.below(STALE_OF)))
    outcome = DesiredOutcome.objects.create(
        member=plan.member,
        goal=plan.goal,
        required_outcome=template.required_outcome if template else "",
        measure=template.measure if template else "",
        said_by=contact,
        said_on=plan.anchor_on,
        recorded_at=at,
        confirmed_on=confirmed_on,
    )
    OutcomeConfirmation.objects.create(
        outcome=outcome, on=confirmed_on, said_in=ConfirmedIn.AGREEMENT, recorded_at=at
    )
    return outcome


def _promises(
    plan: Plan, contact: Person | None, *, draw: "_Draw", on: date
) -> list[Accountability]:
    """Those of the first milestone not reached; the due days are drawn around ``on``."""
    milestones = sorted(plan.milestones.all(), key=lambda row: row.position)
    following = next((row for row in milestones if not row.evidence_dates), None)
    if following is None or plan.template is None:
        return []
    return [
        _promise(plan, following, promised, contact, draw=draw, on=on)
        for row in plan.template.milestones.all()
        if row.key == following.key
        for promised in row.accountabilities.all()
    ]


def _promise(  # noqa: PLR0913  # a promise has that many parts
    plan: Plan,
    milestone: Milestone,
    promised: TemplateAccountability,
    contact: Person | None,
    *,
    draw: "_Draw",
    on: date,
) -> Accountability:
    due_on = max(plan.anchor_on, on + timedelta(days=draw.below(120) - 45))
    is_kept = due_on <= on and draw.below(BROKEN_OF) > 0
    return Accountability(
        plan=plan,
        milestone=milestone,
        side=promised.side,
        title=promised.title,
        person=contact if promised.side == Side.MEMBER else None,
        due_on=due_on,
        done_on=max(plan.anchor_on, due_on - timedelta(days=draw.below(10)))
        if is_kept
        else None,
        is_simulated=True,
    )


def _asks(plan: Plan, contact: Person | None, *, draw: "_Draw", on: date) -> list[Ask]:
    """What was announced; most had agreed to it, and some were asked since."""
    if plan.template is None:
        return []
    milestones = {row.key: row for row in plan.milestones.all()}
    made = []
    for row in plan.template.milestones.all():
        for kind, offer, advocacy in (
            (AskKind.UPSELL, row.upsell, ""),
            (AskKind.ADVOCACY, None, row.advocacy),
        ):
            milestone = milestones.get(row.key)
            if milestone is None or not (offer or advocacy):
                continue
            agreed = draw.below(3) > 0
            ask = Ask(
                plan=plan,
                milestone=milestone,
                kind=kind,
                offer=offer,
                advocacy=advocacy,
                consented_on=plan.anchor_on if agreed else None,
                consented_by=contact if agreed else None,
            )
            reached = [day for day in milestone.evidence_dates or [] if day <= on]
            asked_on = reached[0] + ASKED_AFTER if len(reached) == 1 else None
            if agreed and asked_on is not None and asked_on < on - ANSWERED_BEFORE:
                ask.asked_on, ask.answered_on = asked_on, asked_on + timedelta(days=7)
                ask.status = AskStatus.REFUSED if draw.below(3) == 0 else AskStatus.ACCEPTED
            made.append(ask)
    return made


@transaction.atomic
def ensure_reviews(*, on: date, at: datetime) -> int:
    """Reviews of members with an owner: the last one, what they answered, and the next.

    The next night sees to what plays make of them; how many reviews.
    """
    members = (
        Member.objects.filter(assignment__owner__role=Role.MSM, plans__closed_on=None)
        .exclude(Exists(Review.objects.filter(member=OuterRef("pk"))))
        .exclude(plans=None)
        .select_related("assignment__owner", "known")
        .prefetch_related("identities")
        .order_by("pk")
    )
    answers = (*([GapAnswerChoice.YES] * 5), GapAnswerChoice.UNSURE, GapAnswerChoice.NO)
    taken: set[tuple[int, datetime]] = set()
    changed: list[tuple[int, date]] = []
    made = 0
    for member in members:
        owner = member.assignment.owner
        draw = _Draw(f"review:{_external_id(member)}")
        if owner is None or draw.below(3) == 0:
            continue
        held_on = _weekday(on - timedelta(days=14 + draw.below(76)))
        held = _review(member, owner, on=held_on, hour=9 + draw.below(7), at=at)
        held.status, held.held_on, held.held_by = ReviewStatus.HELD, held_on, owner
        held.goal_confirmed = True
        held.outcome = "The goal stands. Both sides keep to their promises."
        held.save()
        changed.append((member.pk, held_on))
        if draw.below(6):
            GapAnswer.objects.create(
                member=member,
                plan=member.plans.get(closed_on=None),
                review=held,
                on=held_on,
                answer=answers[draw.below(len(answers))],
                said_in=ConfirmedIn.REVIEW,
                by=owner,
                recorded_at=at,
            )
        made += 1
        ahead_on = _weekday(on + timedelta(days=3 + draw.below(80)))
        ahead = _review(member, owner, on=ahead_on, hour=9 + draw.below(7), at=at)
        if draw.below(2) and (owner.pk, ahead.starts_at) not in taken:
            taken.add((owner.pk, ahead.starts_at))
            ahead.save()
            made += 1
    mark_dirty(changed)
    return made


def _review(member: Member, owner: User, *, on: date, hour: int, at: datetime) -> Review:
    return Review(
        member=member,
        plan=member.plans.get(closed_on=None),
        organiser=owner,
        starts_at=local_moment(on, time(hour), zone=owner.time_zone),
        time_zone=owner.time_zone,
        place="https://meet.example/waymark",
        created_at=at,
        changed_at=at,
    )


@transaction.atomic
def ensure_contributors(*, on: date, at: datetime) -> int:
    """Hours, a team and one absence of those who look after members; how many were made.

    Somebody gives hours to the pool, and the pool says what it is asked for.
    """
    team, _is_new = Team.objects.get_or_create(name="Member success")
    made = 0
    for email, (hours, leave, languages, skills) in (HOURS | IN_THE_POOL).items():
        user = User.objects.get(email=email)
        _contributor, is_new = Contributor.objects.get_or_create(
            user=user,
            defaults={
                "team": team,
                "monthly_hours": hours,
                "leave_percent": leave,
                "languages": languages,
                "skills": skills,
                "works_in_pool": email in IN_THE_POOL,
            },
        )
        made += is_new
    first, *_others, last = User.objects.filter(email__in=HOURS).order_by("email")
    if made and not Absence.objects.filter(user=last).exists():
        starts_on = on + timedelta(days=7 - on.weekday() + 14)
        Absence.objects.create(
            user=last,
            starts_on=starts_on,
            ends_on=starts_on + timedelta(weeks=2),
            cover=first,
            recorded_at=at,
        )
    Segment.objects.filter(is_pooled=True, requests_a_month=None).update(
        requests_a_month=POOL_REQUESTS, handling_hours=POOL_HANDLING
    )
    return made


@transaction.atomic
def ensure_task_forces(*, on: date) -> int:
    """A second pair of hands for half of the task forces that have none; how many."""
    held = (
        Assignment.objects.filter(
            owner__email__in=HOURS,
            segment__key=segment_rule.TASK_FORCE,
            member__task_force=None,
        )
        .select_related("member")
        .prefetch_related("member__identities")
        .order_by("pk")
    )
    people = list(User.objects.filter(email__in=HOURS).order_by("email"))
    shares = [
        TaskForceShare(
            member=assignment.member,
            user=next(each for each in people if each.pk != assignment.owner_id),
            skill="governance",
            percent=HELPED_PERCENT,
            starts_on=on - timedelta(days=90),
        )
        for assignment in held
        if _Draw(f"task force:{_external_id(assignment.member)}").below(2)
    ]
    TaskForceShare.objects.bulk_create(shares)
    return len(shares)


def _weekday(day: date) -> date:
    return day - timedelta(days=max(day.weekday() - FRIDAY, 0))


@transaction.atomic
def ensure_effort(*, on: date, at: datetime) -> int:
    """Time given to members in the last hundred days, drawn around what suits them.

    Most got about that, every eighth twice and more, every eighth hardly any, and some in
    another mix. Made where the member has none yet; how many entries.
    """
    known = Effort.objects.filter(member=OuterRef("member"), source_key__startswith=SIMULATED)
    rows = (
        Assignment.objects.filter(
            member__terms__starts_on__lte=on, member__terms__ends_on__gt=on
        )
        .exclude(Exists(known))
        .select_related("member", "owner")
        .prefetch_related("member__identities", "member__ax_profiles")
        .order_by("pk")
        .distinct()
    )
    answering = list(User.objects.filter(role=Role.MSM, is_active=True).order_by("pk"))
    made: list[Effort] = []
    for row in rows:
        profile = next(
            (p for p in row.member.ax_profiles.all() if p.superseded_on is None), None
        )
        draw = _Draw(f"effort:{_external_id(row.member)}")
        who = row.owner or (answering[draw.below(len(answering))] if answering else None)
        if profile is None or who is None:
            continue
        made += _efforts(row.member, profile, who, draw=draw, on=on, at=at)
    Effort.objects.bulk_create(made, batch_size=1000)
    return len(made)


def _efforts(  # noqa: PLR0913  # an entry has that many parts
    member: Member, profile: AxProfile, who: User, *, draw: "_Draw", on: date, at: datetime
) -> list[Effort]:
    kind = draw.below(8)
    percent = {0: 200 + draw.below(150), 1: draw.below(40)}.get(kind, 70 + draw.below(60))
    target = {
        Modality.INBOUND: profile.inbound_minutes,
        Modality.ASYNC: profile.async_minutes,
        Modality.SYNC: profile.sync_minutes,
        Modality.TASKFORCE: profile.taskforce_minutes,
    }
    if kind == 2:  # the right time in the wrong way
        target[Modality.SYNC], target[Modality.ASYNC] = (
            target[Modality.ASYNC],
            target[Modality.SYNC],
        )
    made = []
    for modality, minutes in target.items():
        left, number = minutes * percent // 100, 0
        while left > 0:
            each = min(left, 15 + draw.below(46))
            number, left = number + 1, left - each
            made.append(
                Effort(
                    member=member,
                    by=who,
                    on=on - timedelta(days=draw.below(100)),
                    modality=modality.value,
                    minutes=each,
                    source=EffortSource.IMPORT.value,
                    source_key=f"{SIMULATED}{modality.value}:{number}",
                    recorded_at=at,
                )
            )
    return made


@transaction.atomic
def make_logins(*, member: Member, individual: Member) -> list[Login]:
    """One log-in for each kind of user, with a fresh password each time it is called.

    The organisation has two: its main contact speaks for it, a colleague takes part.
    """
    people = [
        ("director@waymark.example", "Dana Okafor", Role.DIRECTOR, None, 0),
        ("msm1@waymark.example", "Mira Lindqvist", Role.MSM, None, 30),
        ("msm2@waymark.example", "Tomás Herrera", Role.MSM, None, 30),
        ("msm3@waymark.example", "Aiko Tanaka", Role.MSM, None, 24),
        ("operations@waymark.example", "Sam Novak", Role.OPERATIONS, None, 0),
        ("member@waymark.example", "Kim Adeyemi", Role.MEMBER, member, 0),
        (CONTRIBUTOR, "Jo Brandt", Role.MEMBER, member, 0),
        ("individual@waymark.example", individual.name, Role.MEMBER, individual, 0),
    ]
    logins = []
    for email, name, role, belongs_to, hours in people:
        user = User.objects.filter(email=email).first() or User(email=email, is_demo=True)
        user.name, user.role, user.member, user.weekly_hours = name, role, belongs_to, hours
        if belongs_to is not None:
            is_lead = email != CONTRIBUTOR
            user.portal_role = PortalRole.LEAD if is_lead else PortalRole.CONTRIBUTOR
            user.person = _person(email, name=name, member=belongs_to, is_lead=is_lead)
        password = secrets.token_urlsafe(9)
        user.set_password(password)
        user.save()
        logins.append(Login(email=email, name=name, role=role, password=password))
    return logins


def _person(email: str, *, name: str, member: Member, is_lead: bool) -> Person:
    """Who a member's log-in is: the made-up main contact, or a colleague; made once."""
    contact = (
        Person.objects.filter(
            is_simulated=True,
            affiliations__member=member,
            affiliations__is_primary_contact=True,
            affiliations__ends_on=None,
        ).first()
        if is_lead
        else None
    )
    if contact is not None:
        contact.name = name
        contact.save(update_fields=["name"])
        return contact
    person, _is_new = Person.objects.get_or_create(
        source=SOURCE,
        external_id=f"log-in:{email}:{member.pk}",
        defaults={"name": name, "email": email, "is_simulated": True},
    )
    Affiliation.objects.get_or_create(
        person=person, member=member, defaults={"starts_on": member.created_at.date()}
    )
    return person


class _Draw:
    """A stream of numbers from a name: the same name, the same numbers."""

    def __init__(self, name: str) -> None:
        self._rest = int.from_bytes(hashlib.sha256(name.encode()).digest())

    def below(self, limit: int) -> int:
        self._rest, number = divmod(self._rest, limit)
        return number


def _external_id(member: Member) -> str:
    identities = sorted(identity.external_id for identity in member.identities.all())
    return identities[0] if identities else str(member.public_id)


def _profile(member: Member, *, on: date) -> AxProfile:
    draw = _Draw(f"experience:{_external_id(member)}")
    kind = draw.below(100)
    is_inbound, needs_hands, needs_many = kind < 35, kind >= 75, kind >= 95
    asynchronous = 30 + draw.below(90)
    return AxProfile(
        member=member,
        valid_from=on,
        inbound_minutes=20 + draw.below(60) if is_inbound else 0,
        async_minutes=asynchronous,
        sync_minutes=asynchronous * 2 if needs_hands else draw.below(15),
        taskforce_minutes=240 if needs_many else 0,
        expertise=Expertise.HIGH
        if is_inbound
        else (Expertise.LOW, Expertise.MEDIUM)[draw.below(2)],
        resources=Resources.SUFFICIENT if is_inbound else Resources.INSUFFICIENT,
        guidance=Guidance.OCCASIONAL if is_inbound else Guidance.REGULAR,
        skills_needed=3 if needs_many else 1,
        source=SOURCE,
    )
