"""Notices: what a log-in is told inside the product, once, until it was read."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from communications.enums import NoticeKind
from communications.models import Notice
from members.models import Member, User


def tell(  # noqa: PLR0913  # a notice has that many parts
    *,
    users: Iterable[User],
    kind: NoticeKind,
    title: str,
    body: str = "",
    address: str = "",
    dedupe_key: str,
    member: Member | None = None,
    at: datetime,
) -> int:
    """Tell each of ``users`` something, and return how many had not been told it yet.

    ``dedupe_key`` says what it is: a user is told it once, read or not, so running it again
    adds nothing. ``address`` is the path of the page it is about. Log-ins that are closed are
    passed over. Whoever calls has made sure that each user may know it.
    """
    wanted = sorted({user.pk for user in users if user.is_active})
    if not wanted:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO communications_notice
                (user_id, member_id, kind, title, body, address, dedupe_key, at)
            SELECT user_id, %s, %s, %s, %s, %s, %s, %s
              FROM unnest(%s::bigint[]) AS told (user_id)
                ON CONFLICT (user_id, dedupe_key) DO NOTHING
            """,
            [
                member.pk if member else None,
                NoticeKind(kind).value,
                title,
                body,
                address,
                dedupe_key,
                at,
                wanted,
            ],
        )
        told: int = cursor.rowcount
    return told


def read(*, user: User, notices: Collection[UUID], at: datetime) -> int:
    """Mark those of a user's own notices as read; return how many were not. Idempotent."""
    return Notice.objects.filter(user=user, public_id__in=notices, read_at=None).update(
        read_at=at
    )


def read_all(*, user: User, until: datetime, at: datetime) -> int:
    """Mark as read what a user was told up to ``until``; return how many were not.

    What came while the page was being looked at stays unread. Idempotent.
    """
    return Notice.objects.filter(user=user, at__lte=until, read_at=None).update(read_at=at)
