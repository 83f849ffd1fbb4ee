"""What the plays are, say and do: for their desk, their pages, their editor and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Prefetch, Q

from communications.models import MessageTemplate
from communications.services import preferences, templates
from config.kernel.conditions import BadCondition, compile_sql, parse
from coverage.enums import Channel
from coverage.models import Segment
from members.models import AuditEntry, Member, User
from members.rollups.scope import Scope
from success.engine.facts import FACTS
from success.engine.ladder import ThirdTry
from success.engine.play_linting import (
    CAP_DAYS,
    Overlap,
    Served,
    Tonight,
    contacts_in_cap,
    ways_of,
    words_used,
)
from success.engine.playing import PlannedPlay, PlannedStep, day_of
from success.enums import Arm, EnrolmentEnd, StartKind, VersionStatus
from success.models import Enrolment, MemberFacts, Play, PlayStep, PlayVersion
from success.queries.prepared import told
from success.rollups.plays import candidates

OF_A_PLAY = (
    "aim",
    "aim_condition",
    "aim_days",
    "start_kind",
    "start",
    "audience",
    "stop",
    "reentry",
    "reentry_days",
    "queue_class",
    "held_percent",
    "never_withheld",
    "most_a_night",
    "too_late_days",
)
OF_A_STEP = ("act", "intent", "changes", "wait_days", "minutes", "due_days")
EVERYBODY = Scope(first=0, last=2**63 - 1)
PAGE_SIZE = 50
MOST_RENDERED = 3
MOST_FOUND = 10
# Of whom the first three that somebody may see are looked for.
MOST_TRIED = 1_000
ICONS = {
    "portal": "messages",
    "email": "mail",
    "chat": "chat",
    "video": "meeting",
    "group": "group",
    "call": "call",
    "meeting": "person",
}
SWITCHES = ("play.switched_on", "play.switched_off")
STEPS = Prefetch("steps", PlayStep.objects.select_related("template").order_by("position"))


def planned_of(version: PlayVersion) -> PlannedPlay:
    """Return what a version says, in the shape of the editor. One query, none if prefetched."""
    steps = sorted(
        version.steps.select_related("template").all()
        if "steps" not in getattr(version, "_prefetched_objects_cache", {})
        else version.steps.all(),
        key=lambda step: step.position,
    )
    return PlannedPlay(
        **{name: getattr(version, name) for name in OF_A_PLAY},
        steps=tuple(
            PlannedStep(
                **{name: getattr(step, name) for name in OF_A_STEP},
                template=step.template.key if step.template is not None else "",
            )
            for step in steps
        ),
    )


def served() -> dict[str, Served]:
    """Return by key how the members of each segment in use are reached, as rules are tried."""
    rows = Segment.objects.filter(is_retired=False).order_by("position")
    return {
        row.key: Served(name=row.name, channels=tuple(row.channels), delivery=row.delivery)
        for row in rows
    }


def template_variables() -> dict[str, frozenset[str]]:
    """Return by key which names the words of each message in use ask for, in any variant."""
    rows = MessageTemplate.objects.filter(is_retired=False).prefetch_related("variants")
    return {
        row.key: words_used(
            row.subject,
            row.body,
            *(text for each in row.variants.all() for text in (each.subject, each.body)),
        )
        for row in rows.order_by("key")
    }


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A step as the members of one segment meet it; a blank channel is any.

    ``is_other``: another person than the one who looks after them.
    """

    position: int
    channel: str
    hand: str
    is_other: bool
    is_last: bool
    day: int

    @property
    def is_message(self) -> bool:
        return self.hand == "system"

    @property
    def channel_label(self) -> str:
        return str(Channel(self.channel).label) if self.channel else ""

    @property
    def icon(self) -> str:
        return ICONS.get(self.channel, "person")


@dataclass(frozen=True, kw_only=True)
class SegmentLadder:
    """The ladder of a play in a segment; ``third_try`` is the step that is refused there."""

    name: str
    rungs: tuple[Rung, ...]
    third_try: int | None = None


def ladders(planned: PlannedPlay) -> list[SegmentLadder]:
    """Return, by segment, over which channel and by whose hand each step is done.

    Without rungs where a step would be a third try of one kind. One query (DOMAIN 2.10).
    """
    return [_ladder(planned, each) for each in served().values()]


def _ladder(planned: PlannedPlay, each: Served) -> SegmentLadder:
    try:
        found = ways_of(planned, each)
    except ThirdTry as third:
        return SegmentLadder(name=each.name, rungs=(), third_try=third.position)
    rungs = tuple(
        Rung(
            position=way.position,
            channel=way.channel,
            hand=way.hand,
            is_other=way.is_other,
            is_last=way.is_last,
            day=day_of(planned, way.position),
        )
        for way in found
    )
    return SegmentLadder(name=each.name, rungs=rungs)


@dataclass(frozen=True, kw_only=True)
class Did:
    """What a play did: who is inside, and how many entered or were left alone this month.

    Of the entries of the last 90 days that were ``acted_upon``, ``reached`` reached the aim.
    """

    inside: int = 0
    entered: int = 0
    held: int = 0
    acted_upon: int = 0
    reached: int = 0


@dataclass(frozen=True, kw_only=True)
class PlayRow:
    """A play on the desk.

    ``state`` is on, off, paused (by itself) or new (never published); ``reason`` says why.
    """

    play: Play
    version: PlayVersion | None
    draft: PlayVersion | None
    planned: PlannedPlay
    did: Did
    state: str
    reason: str


def desk(*, as_of: date) -> list[PlayRow]:
    """Return every play, those that act first, in the order of the queue. Five queries."""
    plays = list(Play.objects.all())
    versions = PlayVersion.objects.filter(
        status__in=(VersionStatus.PUBLISHED, VersionStatus.DRAFT)
    ).prefetch_related(STEPS)
    published: dict[int, PlayVersion] = {}
    drafts: dict[int, PlayVersion] = {}
    for each in versions.select_related("made_by"):
        of_kind = published if each.status == VersionStatus.PUBLISHED else drafts
        of_kind[each.play_id] = each
    did = counts(as_of=as_of)
    said = reasons()
    rows = []
    for play in plays:
        version, draft = published.get(play.pk), drafts.get(play.pk)
        shown = version or draft
        state = state_of(play)
        rows.append(
            PlayRow(
                play=play,
                version=version,
                draft=draft,
                planned=planned_of(shown) if shown is not None else PlannedPlay(),
                did=did.get(play.pk, Did()),
                state=state,
                reason=play.paused_because
                if state == "paused"
                else said.get(play.pk, "")
                if state == "off"
                else "",
            )
        )
    order = {"paused": 0, "on": 1, "new": 2, "off": 3}
    return sorted(
        rows, key=lambda row: (order[row.state], row.planned.queue_class, row.play.title)
    )


def state_of(play: Play) -> str:
    """Return whether a play is new, on, off, or paused by itself until a person has looked."""
    if play.current_id is None:
        return "new"
    if play.paused_because:
        return "paused"
    return "on" if play.is_active else "off"


def counts(*, as_of: date, play: Play | None = None) -> dict[int, Did]:
    """Return by play who is inside, who entered this month, and who reached the aim.

    ``acted_upon`` and ``reached`` are of the entries of the last 90 days that were not left
    alone. One query, by the play's own index where one is asked for.
    """
    since = as_of - timedelta(days=90)
    month = as_of.replace(day=1)
    recent = Q(entered_on__gte=since, arm=Arm.TREATED)
    entries = Enrolment.objects.filter(
        Q(ended_on=None) | Q(entered_on__gte=min(since, month)), entered_on__lte=as_of
    )
    if play is not None:
        entries = entries.filter(play=play)
    found = entries.values("play_id").annotate(
        inside=Count("pk", filter=Q(ended_on=None)),
        entered=Count("pk", filter=Q(entered_on__gte=month)),
        held=Count("pk", filter=Q(entered_on__gte=month, arm=Arm.HELD)),
        acted_upon=Count("pk", filter=recent),
        reached=Count(
            "pk", filter=recent & (Q(reached_on__isnull=False) | Q(end=EnrolmentEnd.REACHED))
        ),
    )
    names = ("inside", "entered", "held", "acted_upon", "reached")
    return {
        play_id: Did(**dict(zip(names, numbers, strict=True)))
        for play_id, *numbers in found.values_list("play_id", *names)
    }


def reasons() -> dict[int, str]:
    """Return by play why a person switched it off or on last, in their words. One query."""
    entries = (
        AuditEntry.objects.filter(subject_type="success.play", verb__in=SWITCHES)
        .order_by("subject_id", "-at", "-pk")
        .distinct("subject_id")
    )
    return {int(each.subject_id): str((each.after or {}).get("reason", "")) for each in entries}


def versions_of(play: Play) -> list[PlayVersion]:
    """Return the versions of a play that were published, the newest first, with their steps."""
    rows = play.versions.exclude(status=VersionStatus.DRAFT).order_by("-number")
    return list(rows.select_related("published_by").prefetch_related(STEPS))


def draft_of(play: Play) -> PlayVersion | None:
    """Return the version of a play that is being written, if any, with its steps."""
    rows = play.versions.filter(status=VersionStatus.DRAFT).select_related("play", "made_by")
    return rows.prefetch_related(STEPS).first()


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Members whom a condition fits, of those of whom anything is known."""

    fits: int
    asked: int


def reach(condition: object, *, as_of: date) -> Reach:
    """Count whom a condition fits on a day; raises ``BadCondition``. One statement."""
    predicate, values = compile_sql(parse(condition, registry=FACTS), as_of=as_of)
    statement = f"""
        SELECT count(*) FILTER (WHERE {predicate}), count(*)
          FROM success_memberfacts f
          LEFT JOIN coverage_segment s ON s.id = f.segment_id
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        fits, asked = cursor.fetchone()
    return Reach(fits=fits, asked=asked)


def some_of(condition: object, *, user: User, as_of: date) -> list[int]:
    """Return the first members a condition fits on a day, of those ``user`` may see, by id.

    As many as messages are shown of; raises ``BadCondition``. Two statements.
    """
    predicate, values = compile_sql(parse(condition, registry=FACTS), as_of=as_of)
    statement = f"""
        SELECT f.member_id
          FROM success_memberfacts f
          LEFT JOIN coverage_segment s ON s.id = f.segment_id
         WHERE ({predicate}) AND f.contact_id IS NOT NULL
         ORDER BY f.member_id
         LIMIT %s
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, MOST_TRIED])
        fitting = [member_id for (member_id,) in cursor.fetchall()]
    seen = Member.objects.visible_to(user).filter(pk__in=fitting).order_by("pk")
    return list(seen.values_list("pk", flat=True)[:MOST_RENDERED])


def audience_of(planned: PlannedPlay, *, as_of: date) -> Reach | None:
    """Count whom a play is for on a day; null where its audience cannot be asked."""
    try:
        return reach(planned.audience, as_of=as_of)
    except BadCondition:
        return None


def tonight(version: PlayVersion, planned: PlannedPlay, *, as_of: date) -> Tonight | None:
    """Return what a play would find today, for the linter; null where it cannot be asked."""
    found = audience_of(planned, as_of=as_of)
    if found is None:
        return None
    return Tonight(
        audience=found.fits,
        entering=entering_count(version, as_of=as_of),
        overlaps=overlaps(version, as_of=as_of),
        kinds=offered_kinds() if planned.start_kind == StartKind.TRIGGER else None,
    )


def entering_count(version: PlayVersion, *, as_of: date) -> int | None:
    """Return how many would enter a version on a day; null where it cannot be asked yet."""
    try:
        return len(candidates(version, as_of=as_of, scope=EVERYBODY))
    except BadCondition:
        return None


def overlaps(version: PlayVersion, *, as_of: date) -> tuple[Overlap, ...]:
    """Return which other plays sent to members of this one's audience in fourteen days.

    Those who are under way in them, or entered them within the days of the cap.
    """
    others = PlayVersion.objects.filter(
        status=VersionStatus.PUBLISHED, play__is_active=True
    ).exclude(play=version.play_id)
    by_segment = served()
    contacts: dict[int, tuple[str, int]] = {}
    for other in others.select_related("play").prefetch_related(STEPS):
        sent = max(
            (contacts_in_cap(planned_of(other), each) for each in by_segment.values()),
            default=0,
        )
        if sent:
            contacts[other.play_id] = (other.play.title, sent)
    if not contacts:
        return ()
    try:
        predicate, values = compile_sql(parse(version.audience, registry=FACTS), as_of=as_of)
    except BadCondition:
        return ()
    statement = f"""
        SELECT e.play_id, count(DISTINCT e.member_id)
          FROM success_enrolment e
          JOIN success_memberfacts f ON f.member_id = e.member_id
          LEFT JOIN coverage_segment s ON s.id = f.segment_id
         WHERE {predicate} AND e.play_id = ANY (%s) AND e.arm = %s
           AND e.entered_on > %s AND e.entered_on <= %s AND e.ended_on IS NULL
         GROUP BY e.play_id
    """
    asked = [
        *values,
        list(contacts),
        Arm.TREATED.value,
        as_of - timedelta(days=CAP_DAYS),
        as_of,
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        shared: Mapping[int, int] = dict(cursor.fetchall())
    return tuple(
        Overlap(title=title, members=shared[play_id], contacts=sent)
        for play_id, (title, sent) in sorted(contacts.items(), key=lambda each: each[1])
        if play_id in shared
    )


def usual_night(play: Play, *, as_of: date) -> int | None:
    """Return the median of how many entered a night, of nights with entries; null for none.

    Of the last ninety days. One query.
    """
    per_night = sorted(
        Enrolment.objects.filter(
            play=play, entered_on__gt=as_of - timedelta(days=90), entered_on__lte=as_of
        )
        .values("entered_on")
        .annotate(entered=Count("pk"))
        .values_list("entered", flat=True)
    )
    return per_night[len(per_night) // 2] if per_night else None


def last_number(play: Play) -> int:
    """Return the number of a play's newest version; 0 where there is none."""
    found: dict[str, Any] = play.versions.aggregate(last=Max("number"))
    return found["last"] or 0


def offered_kinds() -> list[str]:
    """Return the kinds of things that have happened, by which a play can begin.

    By skips over the index of kinds, however many facts there are.
    """
    with connection.cursor() as cursor:
        cursor.execute(KINDS)
        return [kind for (kind,) in cursor.fetchall()]


def offered_templates() -> list[tuple[str, str]]:
    """Return the messages in use as (key, title), by title. One query."""
    rows = MessageTemplate.objects.filter(is_retired=False)
    return sorted(((row.key, str(row)) for row in rows), key=lambda row: row[1].casefold())


def offered_segments() -> dict[str, str]:
    """Return what the segments are called by their key, those out of use too. One query."""
    return {each.key: each.name for each in Segment.objects.order_by("position")}


KINDS = """
    WITH RECURSIVE seen AS (
        (SELECT kind FROM engagement_fact ORDER BY kind LIMIT 1)
        UNION ALL
        SELECT (SELECT f.kind FROM engagement_fact f WHERE f.kind > seen.kind
                 ORDER BY f.kind LIMIT 1)
          FROM seen WHERE seen.kind IS NOT NULL)
    SELECT kind FROM seen WHERE kind IS NOT NULL
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A member who would enter a play today: why, how, or left alone to compare with."""

    member: Member
    occurred_on: date
    why: str
    channel: str
    hand: str
    is_held: bool

    @property
    def channel_label(self) -> str:
        return str(Channel(self.channel).label) if self.channel else ""

    @property
    def is_message(self) -> bool:
        return self.hand == "system" and not self.is_held


@dataclass(frozen=True, kw_only=True)
class Entering:
    """Who would enter a play on a day: how many of each, and a page of them by name of id.

    ``after`` is where the next page goes on; null on the last.
    """

    total: int
    messages: int
    held: int
    rows: tuple[Entry, ...]
    after: int | None

    @property
    def items(self) -> int:
        return self.total - self.messages - self.held


def entering(
    version: PlayVersion,
    *,
    user: User,
    as_of: date,
    after: int = 0,
    size: int = PAGE_SIZE,
) -> Entering:
    """Return who would enter a version, draft or published, on a day, those ``user`` may see.

    In the order in which they are taken in, ``after`` a member's id. Raises ``BadCondition``.
    """
    found = candidates(version, as_of=as_of, scope=EVERYBODY)
    ids = [each.member_id for each in found if each.member_id > after]
    shown = {
        member.pk: member
        for member in Member.objects.visible_to(user).filter(pk__in=ids[: size + 1])
    }
    page = [each for each in found if each.member_id > after][:size]
    rows = tuple(
        Entry(
            member=shown[each.member_id],
            occurred_on=each.occurred_on,
            why=each.why,
            channel=each.channel,
            hand=each.hand,
            is_held=each.is_held,
        )
        for each in page
        if each.member_id in shown
    )
    return Entering(
        total=len(found),
        messages=sum(each.hand == "system" and not each.is_held for each in found),
        held=sum(each.is_held for each in found),
        rows=rows,
        after=page[-1].member_id if len(ids) > size else None,
    )


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A message as a real member would get it; the names in ``missing`` block it."""

    step: int
    member: Member
    to: str
    subject: str
    body: str
    missing: tuple[str, ...]


def rendered(
    version: PlayVersion, *, members: Sequence[int], user: User, as_of: date
) -> list[Rendered]:
    """Return each message of a version as the first three of ``members`` would get it.

    Members that ``user`` may see and of whom something is known, in that order. Nothing is
    sent or written.
    """
    known = _known(members[:MOST_RENDERED], user=user)
    steps = version.steps.filter(template__isnull=False).select_related("template")
    return [
        _rendered(step, known[member_id], as_of=as_of)
        for step in steps.order_by("position")
        for member_id in members[:MOST_RENDERED]
        if member_id in known
    ]


def _rendered(step: PlayStep, known: MemberFacts, *, as_of: date) -> Rendered:
    template = step.template
    assert template is not None  # noqa: S101  # the caller asked for steps with one
    wish = preferences.of(known.contact) if known.contact else None
    preview = templates.preview(
        template,
        variables=told(known, template=template, as_of=as_of, day=as_of),
        persona=wish.persona if wish else "",
        language=wish.language if wish else "",
    )
    return Rendered(
        step=step.position,
        member=known.member,
        to=known.contact.email if known.contact else "",
        subject=preview.subject,
        body=preview.body,
        missing=preview.missing,
    )


def variables_of(
    member_id: int, *, template: MessageTemplate, user: User, as_of: date
) -> tuple[Member, dict[str, Any]] | None:
    """Return a member that ``user`` may see, and what a play's ``template`` would tell them.

    Null where nothing is known of them.
    """
    known = _known([member_id], user=user).get(member_id)
    if known is None:
        return None
    return known.member, told(known, template=template, as_of=as_of, day=as_of)


def _known(members: Sequence[int], *, user: User) -> dict[int, MemberFacts]:
    rows = MemberFacts.objects.filter(
        member__in=Member.objects.visible_to(user).filter(pk__in=members)
    ).select_related("member", "contact", "plan", "blocking", "next_milestone")
    return {row.member_id: row for row in rows}


def search(words: str, *, user: User) -> list[Member]:
    """Return the first members whose name contains ``words``, by name; none for no words."""
    if not words.strip():
        return []
    rows = Member.objects.visible_to(user).filter(name__icontains=words.strip())
    return list(rows.order_by("name")[:MOST_FOUND])
