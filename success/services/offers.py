"""Offers: what a member may take up next, kept as a short list for templates and plans."""

from collections.abc import Mapping
from datetime import datetime
from itertools import count

from django.db import transaction
from django.utils.text import slugify

from members.models import User
from members.services import audit
from success.models import Offer


@transaction.atomic
def add_offer(*, title: str, words: str, owned_with_tier: str, by: User, at: datetime) -> Offer:
    """Add an offer under a key made of its title's words, or return the one that says the same.

    A key that another offer has gets a number. The same offer twice is one; one that was
    retired is offered again.
    """
    said = {"title": title, "words": words, "owned_with_tier": owned_with_tier}
    known = Offer.objects.select_for_update().filter(**said).first()
    if known is not None:
        return bring_back(offer=known, by=by, at=at)
    stem = slugify(title)[:40].strip("-") or "offer"
    taken = set(Offer.objects.filter(key__startswith=stem).values_list("key", flat=True))
    keys = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    offer = Offer.objects.create(key=next(key for key in keys if key not in taken), **said)
    _record(offer, "added", by=by, at=at, after=said)
    return offer


@transaction.atomic
def retire_offer(*, offer: Offer, by: User, at: datetime) -> Offer:
    """Let no template or plan open an offer any more. Asks already announced go on.

    Safe to repeat.
    """
    return _turn(offer, is_retired=True, done="retired", by=by, at=at)


@transaction.atomic
def bring_back(*, offer: Offer, by: User, at: datetime) -> Offer:
    """Let templates and plans open a retired offer again. Safe to repeat."""
    return _turn(offer, is_retired=False, done="brought_back", by=by, at=at)


def _turn(offer: Offer, *, is_retired: bool, done: str, by: User, at: datetime) -> Offer:
    row = Offer.objects.select_for_update().get(pk=offer.pk)
    if row.is_retired != is_retired:
        row.is_retired = is_retired
        row.save(update_fields=["is_retired"])
        _record(row, done, by=by, at=at, after={"is_retired": is_retired})
    return row


def _record(
    offer: Offer, done: str, *, by: User, at: datetime, after: Mapping[str, object]
) -> None:
    audit.record(
        verb=f"offer.{done}",
        subject=offer,
        member_id=None,
        summary=f"Offer {offer.key}: {done.replace('_', ' ')}",
        by=by,
        at=at,
        after=after,
    )
