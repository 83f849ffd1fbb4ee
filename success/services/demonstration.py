"""What the demonstration makes up around the real ledger, marked simulated where it shows.

The ledger knows who was a member, who maintains what and what is certified. It does not know
whom to write to, what anybody wants, which experience suits them or what was promised. Those
are drawn here from a hash of the member's identifier: the same on every machine, and blind to
dues.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q

from coverage.enums import Expertise, Guidance, Resources
from coverage.models import AxProfile
from members.enums import MemberKind, Role
from members.models import Affiliation, Member, MemberIdentity, Person, Term, User
from success.enums import EvidenceSource, Side
from success.models import Accountability, Milestone, Plan, PlanTemplate
from success.services.milestones import achieve
from success.services.templates import ensure_template

SOURCE = "simulated"
ORGANISATION_TEMPLATE = "build-what-we-depend-on"
INDIVIDUAL_TEMPLATE = "become-a-maintainer"
INDIVIDUAL = "DEMO-INDIVIDUAL"
PROMISES_OF_ONE_IN = 8

ORGANISATION_MILESTONES: Sequence[dict[str, object]] = (
    {
        "key": "certified",
        "title": "A product or service of yours is certified",
        "expected_day": 120,
        "weight": 20,
        "evidence_kind": EvidenceSource.DERIVED,
        "evidence_rule": {"rule": "first", "areas": ["certification", "partner"]},
    },
    {
        "title": "One of your people maintains a project",
        "expected_day": 240,
        "weight": 20,
        "key": "first-maintainer",
        "evidence_kind": EvidenceSource.DERIVED,
        "evidence_rule": {"rule": "first", "areas": ["maintainer"]},
    },
    {
        "title": "Your people work side by side with people of three other members",
        "expected_day": 300,
        "weight": 20,
        "key": "side-by-side",
        "evidence_kind": EvidenceSource.DERIVED,
        "evidence_rule": {"rule": "peers", "areas": ["maintainer"], "count": 3},
    },
    {
        "title": "Your part has been kept up for a year",
        "expected_day": 600,
        "weight": 20,
        "key": "kept-a-year",
        "evidence_kind": EvidenceSource.DERIVED,
        "evidence_rule": {"rule": "kept", "areas": ["maintainer"], "days": 365},
        "counted_from": 2,
    },
    {
        "title": "Your people maintain two projects",
        "expected_day": 720,
        "weight": 20,
        "key": "two-projects",
        "evidence_kind": EvidenceSource.DERIVED,
        "evidence_rule": {"rule": "subjects", "areas": ["maintainer"], "count": 2},
        "counted_from": 2,
    },
)

INDIVIDUAL_MILESTONES: Sequence[dict[str, object]] = (
    {
        "key": "first-change",
        "title": "A first change of yours is merged",
        "expected_day": 30,
        "weight": 25,
    },
    {
        "key": "known",
        "title": "Two maintainers know your work",
        "expected_day": 75,
        "weight": 25,
    },
    {
        "key": "looks-after",
        "title": "You look after a part of a project",
        "expected_day": 150,
        "weight": 25,
    },
    {"key": "maintainer", "title": "You are a maintainer", "expected_day": 270, "weight": 25},
)

INDIVIDUAL_REACHED = (
    (1, 26, "My fix for the log reader went out with the June release."),
    (2, 71, "Two maintainers now ask me to look at changes."),
)

PROMISES = {
    (MemberKind.ORGANISATION, Side.ASSOCIATION): (
        "Introduce you to the maintainers of two projects that you use",
        "Send the benchmark of members like you",
        "Find a reviewer for your certification",
    ),
    (MemberKind.ORGANISATION, Side.MEMBER): (
        "Name a person with time for a first contribution",
        "Choose the project that matters most to you",
        "Run the conformance tests on your product",
    ),
    (MemberKind.INDIVIDUAL, Side.ASSOCIATION): (
        "Ask a maintainer to look at your next change with you",
    ),
    (MemberKind.INDIVIDUAL, Side.MEMBER): ("Keep two evenings a month for the project",),
}


@dataclass(frozen=True)
class Login:
    """A log-in made for the demonstration; the password is known only when it is made."""

    email: str
    name: str
    role: str
    password: str


def ensure_templates() -> tuple[PlanTemplate, PlanTemplate]:
    """The paths of organisations and of individuals; made once, then left alone."""
    organisations = ensure_template(
        key=ORGANISATION_TEMPLATE,
        defaults={
            "title": "Build what you depend on",
            "audience": MemberKind.ORGANISATION,
            "goal": "Our people help to build the projects that our business depends on",
            "is_simulated": True,
        },
        milestones=ORGANISATION_MILESTONES,
    )
    individuals = ensure_template(
        key=INDIVIDUAL_TEMPLATE,
        defaults={
            "title": "Become a maintainer",
            "audience": MemberKind.INDIVIDUAL,
            "goal": "I want to become a maintainer of a project that I use every day",
            "is_simulated": True,
        },
        milestones=INDIVIDUAL_MILESTONES,
    )
    return organisations, individuals


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
def ensure_individual_progress(*, member: Member, by: User, at: datetime) -> None:
    """The individual's first milestones, told and confirmed; harmless when they are there."""
    for position, day, words in INDIVIDUAL_REACHED:
        milestone = Milestone.objects.get(
            plan__member=member, plan__closed_on=None, position=position
        )
        achieve(
            milestone=milestone,
            on=milestone.plan.anchor_on + timedelta(days=day),
            source=EvidenceSource.CONFIRMED,
            by=by,
            what_changed=words,
            at=at,
        )


def portal_member() -> Member:
    """The organisation whose portal is opened: furthest on its way, with a way to go."""
    return (
        Member.objects.filter(
            kind=MemberKind.ORGANISATION,
            plans__closed_on=None,
            pk__in=Milestone.objects.filter(position=1)
            .exclude(evidence_dates=None)
            .values("plan__member"),
        )
        .exclude(plans__accountabilities=None)
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
def ensure_promises(*, on: date) -> int:
    """Promises of both sides on some of the open plans, due around ``on``; how many."""
    plans = (
        Plan.objects.filter(closed_on=None, accountabilities=None)
        .select_related("member")
        .prefetch_related("member__identities")
    )
    promises = []
    for plan in plans:
        draw = _Draw(f"promise:{_external_id(plan.member)}")
        if plan.member.kind == MemberKind.ORGANISATION and draw.below(PROMISES_OF_ONE_IN):
            continue
        for side in (Side.ASSOCIATION, Side.MEMBER):
            titles = PROMISES[MemberKind(plan.member.kind), side]
            due_on = on + timedelta(days=draw.below(90) - 25)
            kept = due_on <= on and draw.below(4) > 0
            promises.append(
                Accountability(
                    plan=plan,
                    side=side,
                    title=titles[draw.below(len(titles))],
                    due_on=due_on,
                    done_on=due_on - timedelta(days=draw.below(10)) if kept else None,
                    is_simulated=True,
                )
            )
    Accountability.objects.bulk_create(promises)
    return len(promises)


@transaction.atomic
def make_logins(*, member: Member, individual: Member) -> list[Login]:
    """One log-in for each kind of user, with a fresh password each time it is called."""
    people = [
        ("director@waymark.example", "Dana Okafor", Role.DIRECTOR, None, 0),
        ("msm1@waymark.example", "Mira Lindqvist", Role.MSM, None, 30),
        ("msm2@waymark.example", "Tomás Herrera", Role.MSM, None, 30),
        ("msm3@waymark.example", "Aiko Tanaka", Role.MSM, None, 24),
        ("operations@waymark.example", "Sam Novak", Role.OPERATIONS, None, 0),
        ("member@waymark.example", "Kim Adeyemi", Role.MEMBER, member, 0),
        ("individual@waymark.example", individual.name, Role.MEMBER, individual, 0),
    ]
    logins = []
    for email, name, role, belongs_to, hours in people:
        user = User.objects.filter(email=email).first() or User(email=email, is_demo=True)
        user.name, user.role, user.member, user.weekly_hours = name, role, belongs_to, hours
        password = secrets.token_urlsafe(9)
        user.set_password(password)
        user.save()
        logins.append(Login(email=email, name=name, role=role, password=password))
    return logins


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
