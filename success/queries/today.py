"""What Today shows around the queue: rows, counts, and what one item rests on."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from django.db import connection
from django.db.models import Count, F, Prefetch, Q, Sum

from coverage.models import AxProfile
from engagement.models import Fact
from members.enums import Role
from members.models import User
from success.enums import QueueClass, State
from success.models import Intervention, MemberFacts, Milestone
from success.querysets import InterventionQuerySet

MINUTES_AN_HOUR = 60
# The night of today or of yesterday; a run that starts after midnight is of yesterday.
FRESH_DAYS = 1
# The modality that most of a member's Appropriate Experience asks for, and how it is done.
MODALITIES = (
    ("taskforce_minutes", "group"),
    ("sync_minutes", "call"),
    ("async_minutes", "mail"),
    ("inbound_minutes", "message"),
)


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """An item as the list shows it.

    ``state`` is null where no night has seen the member, ``modality`` where nothing is known of
    the experience that suits them, ``held_by`` while nobody has claimed it.
    """

    item: Intervention
    state: State | None
    we_owe: bool
    modality: str | None
    held_by: User | None


def is_stale(known_on: date | None, *, on: date) -> bool:
    """Tell whether the last night is too old to pass over; false before the first."""
    return known_on is not None and (on - known_on).days > FRESH_DAYS


def with_row(items: InterventionQuerySet) -> InterventionQuerySet:
    """Add what ``row`` reads: the facts of the member and the profile that counts now."""
    current = AxProfile.objects.filter(superseded_on=None)
    profiles = Prefetch("member__ax_profiles", queryset=current, to_attr="current_profiles")
    return items.select_related("member__known").prefetch_related(profiles)


def row(item: Intervention, *, at: datetime) -> QueueRow:
    """Return an item of ``with_row`` as the list shows it at a moment; no query."""
    known = _known(item)
    return QueueRow(
        item=item,
        state=State(known.state) if known else None,
        we_owe=bool(known and known.we_owe_since),
        modality=modality(getattr(item.member, "current_profiles", ())),
        held_by=holder(item, at=at),
    )


def holder(item: Intervention, *, at: datetime) -> User | None:
    """Return who has claimed an item; nobody once the claim has lapsed."""
    if item.claimed_until is None or item.claimed_until <= at:
        return None
    return item.claimed_by


def modality(profiles: Iterable[AxProfile]) -> str | None:
    """Return how most of the time in the current profile is to be spent (DOMAIN 2.3).

    Null without a profile, or with one that asks for no time. Where two ask for the same time,
    the one with more people in it wins.
    """
    for profile in profiles:
        minutes = [getattr(profile, field) for field, _ in MODALITIES]
        if any(minutes):
            return MODALITIES[minutes.index(max(minutes))][1]
    return None


def class_counts(items: InterventionQuerySet) -> list[tuple[QueueClass, int]]:
    """Return how many of the items are in each class that has any, in queue order."""
    counted = (
        items.order_by("queue_class").values_list("queue_class").annotate(number=Count("*"))
    )
    return [(QueueClass(queue_class), number) for queue_class, number in counted]


@dataclass(frozen=True, kw_only=True)
class TeamWeek:
    """Hours of open items of the whole team, and the hours a week that it has for members."""

    open_hours: Fraction
    available: Fraction
    items: int
    people: int


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What nobody in particular has: how many items, and their hours."""

    items: int
    hours: Fraction


@dataclass(frozen=True, kw_only=True)
class OpenNow:
    """What is open and awake, whoever has it; classes in queue order, none without items."""

    classes: tuple[tuple[QueueClass, int], ...]
    items: int
    hours: Fraction
    pool: Pool


def open_now(user: User, *, as_of: date) -> OpenNow:
    """Count what is open and awake of all that ``user`` may see, and of the pool in that.

    Two statements, for an MSM four; but for items that slept until a change, of indexes alone.
    """
    opened = Intervention.objects.open().order_by()
    found = [part.plainly_awake(on=as_of) for part in opened.visible_parts(user)]
    found.append(opened.visible_to(user).woken(on=as_of))
    classes: Counter[QueueClass] = Counter()
    minutes, pooled, pooled_minutes = 0, 0, 0
    for part in found:
        for queue_class, is_pool, number, taking in (
            part.annotate(is_pool=Q(owner=None))
            .values_list("queue_class", "is_pool")
            .annotate(number=Count("*"), taking=Sum("minutes"))
        ):
            classes[QueueClass(queue_class)] += number
            minutes += taking
            if is_pool:
                pooled += number
                pooled_minutes += taking
    return OpenNow(
        classes=tuple(sorted(classes.items())),
        items=classes.total(),
        hours=Fraction(minutes, MINUTES_AN_HOUR),
        pool=Pool(items=pooled, hours=Fraction(pooled_minutes, MINUTES_AN_HOUR)),
    )


def workers(*, without: int | None = None) -> list[User]:
    """Return who may be given items, by name, but for the owner they have now."""
    found = User.objects.filter(role__in=[Role.MSM, Role.DIRECTOR], is_active=True)
    if without is not None:
        found = found.exclude(pk=without)
    return list(found.order_by("name", "pk"))


@dataclass(frozen=True, kw_only=True)
class Step:
    """An earlier step of the ladder: on which day, which way, by whom, and what came of it."""

    on: date | None
    channel: str
    hand: str
    outcome: str


def story(item: Intervention) -> list[Step]:
    """Return what was tried before, oldest first, as the item carries it; no query."""
    return [
        Step(
            on=_day(each.get("day")),
            channel=each.get("channel", ""),
            hand=each.get("hand", ""),
            outcome=each.get("outcome", ""),
        )
        for each in item.evidence.get("story", ())
    ]


def version() -> str:
    """Return what changes whenever the queue may have: the cheapest thing there is to ask.

    The last event, the last item and the last night, each from the end of an index. What
    changes without any of them (a claim that lapses, a fact) is for the caller's clock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT max(id) FROM success_interventionevent),"
            " (SELECT max(id) FROM success_intervention),"
            " (SELECT max(finished_at) FROM success_night)"
        )
        event, item, night = cursor.fetchone()
    return f"{event or 0}-{item or 0}-{night.timestamp() if night else 0}"


def own_count(user: User, *, as_of: date) -> int:
    """Return how many open items are somebody's own; of the whole team for who works none."""
    opened = Intervention.objects.open().order_by()
    items = opened.filter(owner=user) if user.role == Role.MSM else opened.visible_to(user)
    return items.plainly_awake(on=as_of).count() + items.woken(on=as_of).count()


def team_week(now: OpenNow) -> TeamWeek:
    """Return the team's open hours beside what it has in a week; one statement (2.10)."""
    team = User.objects.filter(role=Role.MSM, is_active=True).aggregate(
        hours=Sum("weekly_hours"), people=Count("pk")
    )
    return TeamWeek(
        open_hours=now.hours,
        available=Fraction(team["hours"] or 0),
        items=now.items,
        people=team["people"],
    )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A dated thing on which an item rests; ``on`` is null for what has no day."""

    kind: str
    text: str
    on: date | None


def evidence(item: Intervention) -> list[Evidence]:
    """Return what the night wrote down when it opened an item, in the order of reading.

    Kinds: ``happened``, ``waits`` (on a milestone), ``next`` (milestone), ``fact`` and ``owed``
    (a promise of ours is late). Two queries at most; what was deleted since is left out.
    """
    said = item.evidence
    found = [Evidence(kind="happened", text="", on=item.occurred_on)]
    keys = {said.get("milestone"), said.get("next_milestone")} - {None}
    titles = dict(Milestone.objects.filter(pk__in=keys).values_list("pk", "title"))
    if title := titles.get(said.get("milestone")):
        found.append(Evidence(kind="waits", text=title, on=_day(said.get("overdue_since"))))
    elif title := titles.get(said.get("next_milestone")):
        found.append(Evidence(kind="next", text=title, on=None))
    if "fact" in said:
        facts = Fact.objects.filter(pk=said["fact"]).annotate(who=F("person__name"))
        found += [
            Evidence(
                kind="fact",
                text=", ".join(part for part in (fact.subject, fact.who) if part),
                on=fact.occurred_on,
            )
            for fact in facts
        ]
    if owed := _day(said.get("we_owe_since")):
        found.append(Evidence(kind="owed", text="", on=owed))
    return found


def earlier(item: Intervention, *, size: int) -> list[Intervention]:
    """Return what people wrote when they finished other items of the member, newest first."""
    finished = Intervention.objects.filter(member=item.member_id, finished_by__isnull=False)
    done = finished.exclude(pk=item.pk).select_related("play", "finished_by")
    return list(done.order_by("-finished_at", "-pk")[:size])


def _known(item: Intervention) -> MemberFacts | None:
    return getattr(item.member, "known", None)


def _day(said: str | None) -> date | None:
    return None if said is None else date.fromisoformat(said)
