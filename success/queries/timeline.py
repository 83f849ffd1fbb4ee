"""What happened to a member, from every source, newest first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.signing import BadSignature, Signer
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, TruncDate
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from communications.engine.replies import shown
from communications.models import Message, Reply
from config.kernel.clock import association_zone
from config.kernel.keyset import BadCursor, KeysetPage
from config.kernel.words import spoken_day
from engagement.models import Fact
from members.models import Member, Term, User
from success.engine import wording
from success.enums import EvidenceSource, State
from success.models import Intervention, InterventionEvent, MilestoneEvent, VectorChange

LONGEST_REPLY = 400


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """One thing that happened: what kind, in words, and where we know it from."""

    on: date
    kind: str
    key: int
    title: str
    detail: str
    source: str
    is_simulated: bool


@dataclass(frozen=True)
class _Edge:
    """The entry a page ends at; of one day, kinds stand by name and the newest row first."""

    on: date
    kind: str
    key: int


@dataclass(frozen=True)
class _Source:
    """Where entries of a kind come from: its rows by day, and what each says."""

    rows: Callable[[Member], "QuerySet[Any]"]
    day: str
    say: Callable[[Any], tuple[str, str, str, bool]]


def timeline(  # noqa: PLR0913  # what may be asked of a page of it
    member: Member,
    *,
    user: User,
    as_of: date,
    size: int,
    kinds: Iterable[str] = (),
    after: str | None = None,
    before: str | None = None,
) -> KeysetPage[TimelineEntry]:
    """A page of what happened to a member up to ``as_of``, newest first.

    Facts, terms, plan milestones, vector changes, messages, answers and work on items that
    ``user`` may see; ``kinds`` names some of ``TIMELINE_KINDS``, none means all. A query a
    kind, each of one page at most. Raises ``BadCursor`` for a cursor that is not ours, or two
    at once.
    """
    if after and before:
        raise BadCursor("Ask for what comes after a row or before it, not both.")
    edge = _read_edge(after or before)
    backwards = bool(before)
    asked = sorted(set(kinds) or TIMELINE_KINDS)
    entries = [
        entry
        for kind in asked
        for entry in _entries(
            kind,
            member=member,
            user=user,
            as_of=as_of,
            size=size + 1,
            edge=edge,
            backwards=backwards,
        )
    ]
    entries.sort(key=_newest_first, reverse=backwards)
    more = len(entries) > size
    shown = entries[:size]
    if backwards:
        shown.reverse()
    return KeysetPage(
        items=shown,
        next=_write_edge(shown[-1]) if shown and (backwards or more) else None,
        previous=(
            _write_edge(shown[0])
            if shown and (more if backwards else edge is not None)
            else None
        ),
    )


def _newest_first(entry: TimelineEntry) -> tuple[int, str, int]:
    return (-entry.on.toordinal(), entry.kind, -entry.key)


def _entries(  # noqa: PLR0913  # see timeline
    kind: str,
    *,
    member: Member,
    user: User,
    as_of: date,
    size: int,
    edge: _Edge | None,
    backwards: bool,
) -> list[TimelineEntry]:
    source = _SOURCES[kind]
    rows = source.rows(member).filter(**{f"{source.day}__lte": as_of})
    if kind == "work":
        rows = rows.filter(intervention__in=Intervention.objects.visible_to(user))
    if edge is not None:
        rows = rows.filter(_past_edge(kind, edge, day=source.day, backwards=backwards))
    order = (source.day, "pk") if backwards else (f"-{source.day}", "-pk")
    found = rows.order_by(*order)[:size]
    entries = []
    for row in found:
        title, detail, known_from, is_simulated = source.say(row)
        entries.append(
            TimelineEntry(
                on=getattr(row, source.day),
                kind=kind,
                key=row.pk,
                title=title,
                detail=detail,
                source=known_from,
                is_simulated=is_simulated,
            )
        )
    return entries


def _past_edge(kind: str, edge: _Edge, *, day: str, backwards: bool) -> Q:
    side = "gt" if backwards else "lt"
    rows = Q(**{f"{day}__{side}": edge.on})
    if kind == edge.kind:
        rows |= Q(**{day: edge.on, f"pk__{side}": edge.key})
    elif (kind < edge.kind) == backwards:
        rows |= Q(**{day: edge.on})
    return rows


_SIGNER = Signer(salt="waymark.timeline")


def _write_edge(entry: TimelineEntry) -> str:
    return _SIGNER.sign_object([entry.on.isoformat(), entry.kind, entry.key])


def _read_edge(cursor: str | None) -> _Edge | None:
    if not cursor:
        return None
    try:
        on, kind, key = _SIGNER.unsign_object(cursor)
        return _Edge(date.fromisoformat(on), kind, key)
    except (BadSignature, ValueError) as error:
        raise BadCursor(_("This cursor cannot be read.")) from error


def _day_of(moment: Any) -> TruncDate:
    """The association's day that a moment falls on."""
    return TruncDate(moment, tzinfo=ZoneInfo(association_zone()))


def _facts(member: Member) -> "QuerySet[Fact]":
    return Fact.objects.filter(member=member).select_related("person")


def _say_fact(fact: Fact) -> tuple[str, str, str, bool]:
    what = fact.kind.replace(".", " ").replace("_", " ").capitalize()
    title = f"{what}: {fact.subject}" if fact.subject else what
    person = fact.person
    simulated = person.is_simulated if person else False
    return title, person.name if person else "", fact.source, simulated


def _terms(member: Member) -> "QuerySet[Term]":
    return Term.objects.filter(member=member)


def _say_term(term: Term) -> tuple[str, str, str, bool]:
    last_day = term.ends_on - timedelta(days=1)
    title = _("Term begins: %(tier)s") % {"tier": term.tier}
    detail = _("Through %(day)s") % {"day": spoken_day(last_day)}
    return title, detail, term.source, False


def _turns(member: Member) -> "QuerySet[MilestoneEvent]":
    events = MilestoneEvent.objects.filter(milestone__plan__member=member)
    return events.select_related("milestone__plan")


def _say_turn(event: MilestoneEvent) -> tuple[str, str, str, bool]:
    title = (
        _("Milestone achieved: %(milestone)s")
        if event.achieved
        else _("Milestone withdrawn: %(milestone)s")
    )
    return (
        title % {"milestone": event.milestone.title},
        event.what_changed,
        str(EvidenceSource(event.source).label),
        event.milestone.plan.is_simulated,
    )


def _changes(member: Member) -> "QuerySet[VectorChange]":
    return VectorChange.objects.filter(member=member).select_related("plan")


def _say_change(change: VectorChange) -> tuple[str, str, str, bool]:
    detail = ""
    if change.held_on is not None:
        ahead = (change.held_on - change.on).days
        said = (
            ngettext("%(count)s day ahead", "%(count)s days ahead", ahead)
            if ahead > 0
            else ngettext("%(count)s day behind", "%(count)s days behind", -ahead)
        )
        detail = (said % {"count": wording.spelled(abs(ahead))}).capitalize()
    simulated = change.plan.is_simulated if change.plan else False
    title = _("Vector: %(state)s") % {"state": State(change.state).label}
    return title, detail, "", simulated


def _messages(member: Member) -> "QuerySet[Message]":
    messages = Message.objects.filter(member=member).select_related("person", "template")
    return messages.annotate(day=_day_of(Coalesce("finished_at", "due_at")))


def _say_message(message: Message) -> tuple[str, str, str, bool]:
    subject = message.subject or message.template.subject
    person = message.person
    detail = str(message.get_status_display())
    if person:
        detail = _("%(status)s, to %(name)s") % {"status": detail, "name": person.name}
    title = _("Message: %(subject)s") % {"subject": subject}
    return title, detail, "", person.is_simulated if person else False


def _replies(member: Member) -> "QuerySet[Reply]":
    replies = Reply.objects.filter(member=member).select_related("person")
    return replies.annotate(day=_day_of("received_at"))


def _say_reply(reply: Reply) -> tuple[str, str, str, bool]:
    words = shown(reply.body)
    if len(words) > LONGEST_REPLY:
        words = f"{words[:LONGEST_REPLY]}…"
    person = reply.person
    who = person.name if person else _("Somebody with an address we do not know")
    kind = _("Automatic answer") if reply.is_automatic else _("Answer")
    title = f"{kind}: {reply.subject}" if reply.subject else kind
    return title, f"{who}: {words}", "", person.is_simulated if person else False


def _work(member: Member) -> "QuerySet[InterventionEvent]":
    events = InterventionEvent.objects.filter(intervention__member=member)
    return events.select_related("intervention__play", "by").annotate(day=_day_of("at"))


def _say_work(event: InterventionEvent) -> tuple[str, str, str, bool]:
    by = event.by
    detail = ". ".join(part for part in (by.name if by else "", event.note) if part)
    title = f"{event.intervention.play.title}: {event.verb}"
    return title, detail, "", by.is_demo if by else False


_SOURCES: dict[str, _Source] = {
    "fact": _Source(_facts, "occurred_on", _say_fact),
    "message": _Source(_messages, "day", _say_message),
    "milestone": _Source(_turns, "on", _say_turn),
    "reply": _Source(_replies, "day", _say_reply),
    "term": _Source(_terms, "starts_on", _say_term),
    "vector": _Source(_changes, "on", _say_change),
    "work": _Source(_work, "day", _say_work),
}
TIMELINE_KINDS = frozenset(_SOURCES)
