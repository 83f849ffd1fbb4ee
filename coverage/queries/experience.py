"""What experience a member should get, in which segment they are, and what they were given."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from django.db.models import BooleanField, Count, ExpressionWrapper, Min, Q, QuerySet, Sum
from django.db.models.expressions import RawSQL

from config.kernel.conditions import BadCondition, evaluate, explain, parse
from coverage.engine import experience as engine
from coverage.engine.experience import Experience
from coverage.engine.facts import FACTS
from coverage.enums import Modality
from coverage.models import Assignment, AxProfile, Effort, Segment
from coverage.rollups.experience import MISMATCHED
from members.models import Member, User

WINDOW = timedelta(days=90)
# A group is real time as well, only shared; the profile does not tell the two apart.
COUNTED_AS = {Modality.GROUP.value: Modality.SYNC.value}
SIMULATED = "simulated:"
MODALITIES = (Modality.INBOUND, Modality.ASYNC, Modality.SYNC, Modality.TASKFORCE)


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """The segment that the rules give a profile, and why in dated lines; null: none fits."""

    segment: Segment | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Share:
    """One modality: minutes a quarter asked for, and given in 90 days; null is not known."""

    modality: Modality
    due: int
    given: int | None


@dataclass(frozen=True, kw_only=True)
class ExperienceReading:
    """What is known of a member's experience on a day.

    ``judged`` is null without a profile; its parts are null while the ledger is younger than 90
    days, and ``judged_from`` says from when on they will be known.
    """

    profile: AxProfile | None
    has_expired: bool
    assignment: Assignment | None
    proposed: Proposed
    is_overridden: bool
    shares: tuple[Share, ...]
    judged: Experience | None
    judged_from: date | None
    versions: int
    is_simulated: bool

    @property
    def agrees(self) -> bool:
        """Whether the member is where the rules put them."""
        held = self.assignment.segment_id if self.assignment else None
        wanted = self.proposed.segment.pk if self.proposed.segment else None
        return held == wanted

    @property
    def due(self) -> int:
        return sum(share.due for share in self.shares)

    @property
    def given(self) -> int | None:
        """Minutes given in all; null while that cannot be known."""
        known = [share.given for share in self.shares if share.given is not None]
        return sum(known) if len(known) == len(self.shares) else None


def experience_of(member: Member, *, as_of: date) -> ExperienceReading:
    """Return a member's profile, segment as assigned and as the rules say, and what was given.

    Six statements (DOMAIN 2.3, 2.4).
    """
    profiles = AxProfile.objects.filter(member=member).order_by("-valid_from", "-pk")
    profile = profiles.filter(superseded_on=None).select_related("recorded_by").first()
    assignment = (
        Assignment.objects.filter(member=member)
        .select_related("segment", "owner", "override_by")
        .first()
    )
    target = {m.value: getattr(profile, f"{m.value}_minutes", 0) for m in MODALITIES}
    efforts = _efforts(member, as_of=as_of)
    given = _by_modality(efforts)
    begun = ledger_begins()
    until = None if begun is None else begun + WINDOW
    if until is None or until > as_of:
        known: Mapping[str, int] | None = None
    else:
        known, until = given, None
    is_told = known is not None or bool(given)
    return ExperienceReading(
        profile=profile,
        has_expired=bool(profile and profile.expires_on and profile.expires_on <= as_of),
        assignment=assignment,
        proposed=proposed(profile, as_of=as_of),
        is_overridden=bool(
            assignment and assignment.override_until and assignment.override_until > as_of
        ),
        shares=tuple(
            Share(
                modality=each,
                due=target[each.value],
                given=given.get(each.value, 0) if is_told else None,
            )
            for each in MODALITIES
        ),
        judged=engine.assess(target, known) if profile else None,
        judged_from=until,
        versions=profiles.count(),
        is_simulated=any(simulated for *_rest, simulated in efforts),
    )


def is_mismatched(member: Member, *, as_of: date) -> bool | None:
    """Whether what a member got does not suit them; null while that cannot be known (2.3)."""
    judged = experience_of(member, as_of=as_of).judged
    if judged is None or judged.ratio is None:
        return None
    return engine.Flag.AX_MISMATCH in judged.flags


def mismatched(*, as_of: date) -> RawSQL:
    """Return the keys of members with an experience mismatch, for a ``pk__in`` (DOMAIN 2.3).

    Nobody, while the ledger of minutes is too young to tell. Equals ``is_mismatched`` of each.
    """
    sql = MISMATCHED.replace("%(as_of)s", "%s")
    return RawSQL(sql, [as_of] * sql.count("%s"))  # noqa: S611  # our own text, no input in it


def mismatched_among(keys: Collection[int], *, as_of: date) -> frozenset[int]:
    """Return which of these members have an experience mismatch; one statement, or none."""
    if not keys:
        return frozenset()
    found = Member.objects.filter(pk__in=keys).filter(pk__in=mismatched(as_of=as_of))
    return frozenset(found.values_list("pk", flat=True))


def given_minutes(member: Member, *, as_of: date) -> dict[str, int]:
    """Return the minutes that a member got in the last 90 days, by modality; none is not there.

    Whoever shared a group's time got the whole of it, as real time. One statement (DOMAIN 2.3).
    """
    return _by_modality(_efforts(member, as_of=as_of))


def _efforts(member: Member, *, as_of: date) -> list[tuple[str, int, int]]:
    """Modality, minutes of the last 90 days, and how many of the entries are made up."""
    rows = Effort.objects.filter(
        member=member, withdrawn_at=None, on__gt=as_of - WINDOW, on__lte=as_of
    )
    counted = (
        rows.order_by()
        .values("modality")
        .annotate(
            total=Sum("minutes"),
            made_up=Count("pk", filter=Q(source_key__startswith=SIMULATED)),
        )
    )
    return [(row["modality"], row["total"], row["made_up"]) for row in counted]


def _by_modality(rows: Iterable[tuple[str, int, int]]) -> dict[str, int]:
    given: dict[str, int] = {}
    for modality, minutes, _made_up in rows:
        counted = COUNTED_AS.get(modality, modality)
        given[counted] = given.get(counted, 0) + minutes
    return given


def ledger_begins() -> date | None:
    """Return the first day on which anybody logged time; null before that. One statement."""
    first: date | None = Effort.objects.filter(withdrawn_at=None).aggregate(d=Min("on"))["d"]
    return first


def proposed(profile: AxProfile | None, *, as_of: date) -> Proposed:
    """Return the first segment in use whose rule holds for a profile, and why (DOMAIN 2.4).

    The night's statement says the same. Rules that cannot be used are passed over. One
    statement.
    """
    if profile is None:
        return Proposed(segment=None, reasons=())
    row = facts_of(profile)
    for segment in Segment.objects.filter(is_retired=False).order_by("position"):
        try:
            tree = parse(segment.rule, registry=FACTS)
        except BadCondition:
            continue
        if evaluate(tree, row, as_of=as_of):
            return Proposed(segment=segment, reasons=tuple(explain(tree, row, as_of=as_of)))
    return Proposed(segment=None, reasons=())


def facts_of(profile: AxProfile) -> dict[str, str | int | None]:
    """Return a profile's facts by name, as the rules ask them."""
    total = sum(getattr(profile, f"{each.value}_minutes") for each in MODALITIES)
    return {
        "expertise": profile.expertise,
        "resources": profile.resources,
        "guidance": profile.guidance,
        "sync_share_percent": 100 * profile.sync_minutes // total if total else None,
        "skills_needed": profile.skills_needed,
        "escalation_severity": profile.escalation_severity,
    }


def percent(value: Fraction | None) -> int | None:
    """Return a part of one as a whole percentage, rounded down; null stays null."""
    return None if value is None else int(100 * value)


@dataclass(frozen=True, kw_only=True)
class OwnAnswers:
    """What a member themselves answered last, on which day, and whether to ask them again."""

    answers: Mapping[str, str]
    on: date | None
    is_old: bool


def own_answers(member: Member, *, as_of: date) -> OwnAnswers:
    """Return what the member said of the experience that suits them, for them to see again.

    Nothing of what we made of it. Blank where they never answered. One statement.
    """
    said = (
        AxProfile.objects.filter(member=member, source="member")
        .order_by("-valid_from", "-pk")
        .first()
    )
    if said is None:
        return OwnAnswers(answers={}, on=None, is_old=False)
    is_old = said.expires_on is not None and said.expires_on <= as_of
    return OwnAnswers(answers=dict(said.answers), on=said.valid_from, is_old=is_old)


def profiles_in_force(user: User, *, as_of: date) -> QuerySet[AxProfile]:
    """Return the current profile of every member whom ``user`` may see.

    ``has_expired`` is annotated: whether it has to be asked again on ``as_of``.
    """
    over = Q(expires_on__isnull=False, expires_on__lte=as_of)
    return (
        AxProfile.objects.filter(superseded_on=None, member__in=Member.objects.visible_to(user))
        .select_related("member", "recorded_by")
        .annotate(has_expired=ExpressionWrapper(over, output_field=BooleanField()))
    )


def versions_of(member: Member) -> QuerySet[AxProfile]:
    """Return every version of a member's profile."""
    return AxProfile.objects.filter(member=member).select_related("member", "recorded_by")


def assignments(user: User, *, as_of: date) -> QuerySet[Assignment]:
    """Return who of the members whom ``user`` may see is in which segment, and why.

    ``is_overridden`` is annotated: whether a person's decision is in force on ``as_of``.
    """
    in_force = Q(override_until__isnull=False, override_until__gt=as_of)
    return (
        Assignment.objects.filter(member__in=Member.objects.visible_to(user))
        .select_related("member", "segment", "owner", "override_by")
        .annotate(is_overridden=ExpressionWrapper(in_force, output_field=BooleanField()))
    )
