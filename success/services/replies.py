"""What follows from an answer: the ladder stops, and whoever looks after the member is told."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from communications.engine.replies import shown
from communications.enums import MessageStatus, NoticeKind
from communications.models import Reply
from communications.services import notices
from config.kernel.clock import association_zone, local_date
from coverage.models import Absence, Assignment
from members.enums import Role
from members.models import User
from members.rollups.dirty import mark_dirty
from members.services import audit
from success.enums import EnrolmentEnd
from success.models import Enrolment

LONGEST_NOTICE: Final = 600


def handle_due(*, at: datetime, limit: int = 100) -> int:
    """Draw the conclusions of answers nobody has drawn yet, oldest first; return how many.

    A person's answer ends the entries into plays that are under way and had written to them,
    and is told to whoever looks after the member: its owner and who stands in for them, the
    team where a pool does, the house where nobody knows whose it is. A program's answer does
    neither. Each in a transaction of its own, and once: sweeps may run side by side.
    """
    handled = 0
    while handled < limit and _handle_next(at=at):
        handled += 1
    return handled


@transaction.atomic
def _handle_next(*, at: datetime) -> bool:
    reply = (
        Reply.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("member", "person", "message")
        .filter(handled_at=None, received_at__lte=at)
        .order_by("received_at", "pk")
        .first()
    )
    if reply is None:
        return False
    reply.handled_at = at
    reply.save(update_fields=["handled_at"])
    if not reply.is_automatic:
        _end_entries(reply, at=at)
        _tell(reply, at=at)
    return True


def _end_entries(reply: Reply, *, at: datetime) -> None:
    """End what is under way and had written to them before; nothing else is closed or sent."""
    if reply.member_id is None:
        return
    written = Q(interventions__message=reply.message_id) if reply.message_id else Q(pk__in=[])
    if reply.person_id is not None:
        written |= Q(
            interventions__message__person=reply.person_id,
            interventions__message__status__in=[MessageStatus.SENT, MessageStatus.UNKNOWN],
            interventions__message__finished_at__lte=reply.received_at,
        )
    asked = Enrolment.objects.filter(written, member_id=reply.member_id, ended_on=None)
    on = local_date(reply.received_at, zone=association_zone())
    said = f"They replied on {on.day} {on:%B %Y}"
    entries = Enrolment.objects.filter(pk__in=asked.values("pk")).select_related("play")
    for entry in entries.select_for_update(of=("self",)).order_by("pk"):
        entry.ended_on, entry.end, entry.end_reason = on, EnrolmentEnd.REPLIED, said
        entry.next_on = None
        entry.save(update_fields=["ended_on", "end", "end_reason", "next_on"])
        audit.record(
            verb="enrolment.ended",
            subject=entry,
            member_id=entry.member_id,
            summary=f"{entry.play} ended: the member answered",
            by=None,
            at=at,
            before={"ended_on": None},
            after={"ended_on": on, "end": EnrolmentEnd.REPLIED, "reply": reply.public_id},
        )
        mark_dirty([(entry.member_id, on)])


def _tell(reply: Reply, *, at: datetime) -> None:
    member = reply.member
    if reply.person is not None:
        title = _("%(who)s answered") % {"who": reply.person.name}
    elif member is not None:
        title = _("Somebody at %(member)s answered") % {"member": member.name}
    else:
        title = _("A letter came from somebody we do not know")
    words = shown(reply.body)
    if len(words) > LONGEST_NOTICE:
        words = f"{words[:LONGEST_NOTICE]}…"
    address = reverse("success:member", args=[member.public_id]) if member else ""
    notices.tell(
        users=_who_looks_after(reply),
        kind=NoticeKind.REPLY,
        title=f"{title}: {reply.subject}" if reply.subject else title,
        body=words,
        address=address,
        dedupe_key=f"reply {reply.public_id}",
        member=member,
        at=at,
    )


def _who_looks_after(reply: Reply) -> list[User]:
    if reply.member_id is None:
        house = [Role.DIRECTOR, Role.OPERATIONS]
        return list(User.objects.filter(role__in=house, is_active=True))
    assignment = (
        Assignment.objects.filter(member=reply.member_id).select_related("owner").first()
    )
    owner = assignment.owner if assignment else None
    if owner is None or not owner.is_active:
        return list(User.objects.filter(role=Role.MSM, is_active=True))
    away = Absence.objects.handed_over().filter(user=owner).select_related("cover")
    return [owner, *(absence.cover for absence in away if absence.cover)]
