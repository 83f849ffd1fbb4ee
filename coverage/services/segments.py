"""The coverage segments an association starts with; the list is its own from then on.

A changed rule is tried on everybody at the next night, which logs who moved.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from config.kernel.conditions import AllOf, BadCondition, parse, to_data
from coverage.engine import segments as rule
from coverage.engine.facts import with_money
from coverage.enums import Channel, Delivery, Expertise, Guidance, Resources
from coverage.models import AxProfile, Segment
from members.models import User
from members.rollups.dirty import mark_dirty
from members.services import audit

SYNCHRONOUS_FROM_PERCENT = int(100 * rule.SYNCHRONOUS_FROM)

DEFAULT_SEGMENTS: tuple[dict[str, Any], ...] = (
    {
        "key": rule.TASK_FORCE,
        "name": "Task Force",
        "rule": {
            "any": [
                {"fact": "escalation_severity", "op": "eq", "value": rule.HIGHEST_SEVERITY},
                {"fact": "skills_needed", "op": "ge", "value": rule.TASK_FORCE_SKILLS},
            ]
        },
        "reason": "Several contributors at once: {skills_needed} skills are needed; "
        "severity of the gravest open escalation: {escalation_severity}",
        "is_pooled": False,
        "delivery": Delivery.PERSON,
        "channels": [Channel.MEETING, Channel.CALL, Channel.GROUP, Channel.EMAIL],
    },
    {
        "key": rule.INBOUND,
        "name": "Inbound",
        "rule": {
            "all": [
                {"fact": "expertise", "op": "eq", "value": Expertise.HIGH.value},
                {"fact": "resources", "op": "eq", "value": Resources.SUFFICIENT.value},
                {"fact": "guidance", "op": "eq", "value": Guidance.OCCASIONAL.value},
            ]
        },
        "reason": "Expert, with resources of their own, and needs guidance only now and then",
        "is_pooled": True,
        "delivery": Delivery.MESSAGE,
        "channels": [Channel.EMAIL, Channel.PORTAL, Channel.CHAT, Channel.GROUP, Channel.CALL],
    },
    {
        "key": rule.SYNCHRONOUS,
        "name": "Synchronous",
        "rule": {
            "fact": "sync_share_percent",
            "op": "ge",
            "value": SYNCHRONOUS_FROM_PERCENT,
        },
        "reason": "{sync_share_percent}% of the time asked for is in real time, "
        f"{SYNCHRONOUS_FROM_PERCENT}% or more",
        "is_pooled": False,
        "delivery": Delivery.PERSON,
        "channels": [Channel.CALL, Channel.MEETING, Channel.EMAIL, Channel.CHAT],
    },
    {
        "key": rule.ASYNCHRONIZED,
        "name": "Asynchronized",
        "rule": {"all": []},
        "reason": "No other segment fits; time asked for in real time, in percent: "
        "{sync_share_percent}",
        "is_pooled": False,
        "delivery": Delivery.MESSAGE,
        "channels": [Channel.EMAIL, Channel.VIDEO, Channel.CHAT, Channel.CALL],
    },
)


ASIDE = 10_000
LONGEST_NAME = 80
CHANGEABLE = ("name", "rule", "reason", "is_pooled", "delivery", "skills")


class BadSegment(ValueError):
    """A name that is taken or missing, or a reason that is; the words are for the page."""


class BadRule(BadSegment):
    """A rule that cannot be used, such as one about money; the words say why."""


class NotRetirable(Exception):
    """The last segment in use stays."""


@transaction.atomic
def ensure_default_segments() -> list[Segment]:
    """Return the four segments of DOMAIN 2.4 in the order of their rules, made where missing.

    Idempotent: a segment that is there, by its key, stays as the association has it. Where the
    association has made others, the missing ones are appended after them. ``reason`` may name
    facts in braces; the nightly assignment fills in the member's own.
    """
    known = {segment.key: segment for segment in Segment.objects.all()}
    position = max((segment.position for segment in known.values()), default=0)
    for fields in DEFAULT_SEGMENTS:
        if fields["key"] not in known:
            position += 1
            known[fields["key"]] = Segment.objects.create(position=position, **fields)
    return sorted(
        (known[fields["key"]] for fields in DEFAULT_SEGMENTS), key=lambda each: each.position
    )


@transaction.atomic
def add(  # noqa: PLR0913  # a segment has that many parts
    *,
    name: str,
    rule: object,
    reason: str,
    is_pooled: bool,
    delivery: Delivery | str,
    skills: Iterable[str],
    by: User,
    at: datetime,
) -> Segment:
    """Add a segment and return it: tried last, yet before the one that takes everybody left.

    ``rule`` is a condition as data, ``reason`` may name facts in braces. Raises ``BadSegment``
    and, about money for one, ``BadRule`` (DOMAIN 2.4).
    """
    fields = _checked(
        name=name,
        rule=rule,
        reason=reason,
        is_pooled=is_pooled,
        delivery=delivery,
        skills=skills,
    )
    _lock()
    key = slugify(fields["name"])[:50].strip("-")
    if not key or Segment.objects.filter(key=key).exists():
        raise BadSegment(_("There is a segment of this name, or was one; choose another name."))
    in_use = list(Segment.objects.filter(is_retired=False).order_by("position"))
    last = Segment.objects.aggregate(last=Max("position"))["last"] or 0
    made = Segment.objects.create(key=key, position=last + 1, **fields)
    takes_all = next((each for each in in_use if is_for_everybody(each.rule)), None)
    place = len(in_use) if takes_all is None else in_use.index(takes_all)
    _put_in_order([*in_use[:place], made, *in_use[place:]])
    made.refresh_from_db()
    _changed(made, verb="segment.added", summary=f"{made.name} was added", by=by, at=at)
    return made


@transaction.atomic
def revise(  # noqa: PLR0913  # a segment has that many parts
    *,
    segment: Segment,
    name: str,
    rule: object,
    reason: str,
    is_pooled: bool,
    delivery: Delivery | str,
    skills: Iterable[str],
    by: User,
    at: datetime,
) -> Segment:
    """Change what a segment is called and whom it takes, and return it.

    The key stays, for plays and templates name it. The same again writes nothing. Raises
    ``BadSegment`` and ``BadRule``.
    """
    fields = _checked(
        name=name,
        rule=rule,
        reason=reason,
        is_pooled=is_pooled,
        delivery=delivery,
        skills=skills,
    )
    row = Segment.objects.select_for_update().get(pk=segment.pk)
    before = _shown(row)
    if before == fields:
        return row
    for field, value in fields.items():
        setattr(row, field, value)
    row.save(update_fields=list(CHANGEABLE))
    summary = f"{row.name} was changed"
    _changed(row, verb="segment.changed", summary=summary, by=by, at=at, before=before)
    return row


@transaction.atomic
def move(*, segment: Segment, up: bool, by: User, at: datetime) -> bool:
    """Have a segment's rule tried one place earlier, or later; False where it is at the end."""
    _lock()
    rows = list(Segment.objects.filter(is_retired=False).order_by("position"))
    at_place = next((i for i, row in enumerate(rows) if row.pk == segment.pk), None)
    if at_place is None:
        return False
    to = at_place - 1 if up else at_place + 1
    if not 0 <= to < len(rows):
        return False
    before = {"order": [row.key for row in rows]}
    rows[at_place], rows[to] = rows[to], rows[at_place]
    _put_in_order(rows)
    _mark_everybody(at=at)
    audit.record(
        verb="segment.moved",
        subject=segment,
        member_id=None,
        summary=f"{segment.name} is tried {'earlier' if up else 'later'}",
        by=by,
        at=at,
        before=before,
        after={"order": [row.key for row in rows]},
    )
    return True


@transaction.atomic
def retire(*, segment: Segment, by: User, at: datetime) -> None:
    """Try a segment's rule no more; its members go where the other rules put them at night.

    Who was placed there by hand stays until that expires. Harmless when it is retired. Raises
    ``NotRetirable`` for the last one in use.
    """
    _lock()
    row = Segment.objects.get(pk=segment.pk)
    if row.is_retired:
        return
    if not Segment.objects.filter(is_retired=False).exclude(pk=row.pk).exists():
        raise NotRetirable(_("One segment has to stay, or nobody is looked after."))
    row.is_retired = True
    row.save(update_fields=["is_retired"])
    before = {"is_retired": False}
    summary = f"{row.name} is not in use any more"
    _changed(row, verb="segment.retired", summary=summary, by=by, at=at, before=before)


@transaction.atomic
def reinstate(*, segment: Segment, by: User, at: datetime) -> None:
    """Use a retired segment again, tried last; harmless when it is in use."""
    _lock()
    row = Segment.objects.get(pk=segment.pk)
    if not row.is_retired:
        return
    last = Segment.objects.aggregate(last=Max("position"))["last"] or 0
    row.is_retired, row.position = False, last + 1
    row.save(update_fields=["is_retired", "position"])
    before = {"is_retired": True}
    summary = f"{row.name} is in use again"
    _changed(row, verb="segment.reinstated", summary=summary, by=by, at=at, before=before)


def checked_rule(data: object) -> dict[str, Any]:
    """Return a segment's rule as it is stored, or raise ``BadRule`` with words that say why.

    What a member pays is refused in words of its own (DOMAIN 2.4).
    """
    try:
        return to_data(parse(data, registry=with_money()))
    except BadCondition as error:
        raise BadRule(error.reason[:1].upper() + error.reason[1:] + ".") from error


def is_for_everybody(rule: object) -> bool:
    """Tell whether a rule asks nothing, so that it takes whoever is left."""
    try:
        return parse(rule, registry=with_money()) == AllOf(())
    except BadCondition:
        return False


def _checked(  # noqa: PLR0913  # a segment has that many parts
    *,
    name: str,
    rule: object,
    reason: str,
    is_pooled: bool,
    delivery: Delivery | str,
    skills: Iterable[str],
) -> dict[str, Any]:
    if not 0 < len(name.strip()) <= LONGEST_NAME:
        raise BadSegment(_("Give it a name of at most 80 letters."))
    if not reason.strip():
        raise BadSegment(_("Say why a member who meets the rule belongs here."))
    return {
        "name": name.strip(),
        "rule": checked_rule(rule),
        "reason": reason.strip(),
        "is_pooled": is_pooled,
        "delivery": Delivery(delivery).value,
        "skills": list(dict.fromkeys(each.strip() for each in skills if each.strip())),
    }


def _put_in_order(rows: Iterable[Segment]) -> None:
    """Number the segments from 1; aside first, since no two may have one place meanwhile."""
    rows = list(rows)
    for number, row in enumerate(rows, 1):
        Segment.objects.filter(pk=row.pk).update(position=ASIDE + number)
    for number, row in enumerate(rows, 1):
        Segment.objects.filter(pk=row.pk).update(position=number)


def _lock() -> None:
    """Hold all segments, so that of two who reorder them one waits for the other."""
    list(Segment.objects.select_for_update().order_by("pk").values_list("pk"))


def _changed(  # noqa: PLR0913  # an entry has that many parts
    row: Segment,
    *,
    verb: str,
    summary: str,
    by: User,
    at: datetime,
    before: Mapping[str, Any] | None = None,
) -> None:
    _mark_everybody(at=at)
    after = _shown(row) | {"is_retired": row.is_retired, "position": row.position}
    audit.record(
        verb=verb,
        subject=row,
        member_id=None,
        summary=summary,
        by=by,
        at=at,
        before=before,
        after=after,
    )


def _mark_everybody(*, at: datetime) -> None:
    """Have the next night try the rules on everybody who has a profile."""
    on = local_date(at, zone=association_zone())
    profiles = AxProfile.objects.filter(superseded_on=None).values_list("member_id", flat=True)
    mark_dirty((member_id, on) for member_id in profiles.iterator())


def _shown(row: Segment) -> dict[str, Any]:
    return {name: getattr(row, name) for name in CHANGEABLE}
