"""The Appropriate Experience of a member, in versions."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from coverage.models import AxProfile
from members.models import Member, User
from members.rollups.dirty import mark_dirty
from members.services import audit

FIELDS = (
    "inbound_minutes", "async_minutes", "sync_minutes", "taskforce_minutes", "expertise",
    "resources", "guidance", "skills_needed", "escalation_severity", "industry_experience",
    "sophistication", "complexity", "risk", "confidence", "reasons", "source", "expires_on",
)  # fmt: skip
FROM_STAFF = "msm"
GOOD_FOR = timedelta(days=365)
NEEDED = ("expertise", "resources", "guidance", "source")


class NotAnExperience(ValueError):
    """Something is missing or does not go together; ``field`` is where, blank for the whole."""

    def __init__(self, words: str, *, field: str = "") -> None:
        self.field = field
        super().__init__(words)


class Overtaken(Exception):
    """Somebody else wrote the next version at the same moment."""


def check(values: Mapping[str, Any]) -> None:
    """Raise ``NotAnExperience`` where ``values`` are no whole profile (DOMAIN 2.3, 2.4)."""
    for field in NEEDED:
        if not values.get(field):
            raise NotAnExperience(_("Say this as well."), field=field)
    if values.get("sync_minutes") and not values.get("async_minutes"):
        raise NotAnExperience(
            _("A synchronous experience has an asynchronous share; say its minutes."),
            field="async_minutes",
        )
    if "confidence" in values and not values["confidence"]:
        raise NotAnExperience(_("Say this as well."), field="confidence")
    if values.get("escalation_severity") == 0:
        raise NotAnExperience(_("The gravest is 1."), field="escalation_severity")


@transaction.atomic
def record_experience(
    *, member: Member, changes: Mapping[str, Any], on: date, by: User | None, at: datetime
) -> AxProfile:
    """Write the next version of a member's AX, ``changes`` upon what held until then.

    ``changes`` are fields of ``AxProfile``; minutes are a quarter's. What holds is not edited:
    it ends on ``on``, or on the day it began where that is later; its answers go on. The next
    is to be asked again after a year, unless ``expires_on`` is, or is changed to, a day to
    come. Without any change, the version that holds is given back. Raises
    ``NotAnExperience`` and ``Overtaken``. Marks the member dirty (DOMAIN 2.3).
    """
    held = (
        AxProfile.objects.select_for_update().filter(member=member, superseded_on=None).first()
    )
    before = {field: getattr(held, field) for field in FIELDS} if held else {}
    values = {**before, **{field: changes[field] for field in FIELDS if field in changes}}
    if held is not None and values == before:
        return held
    check(values)
    if "expires_on" in changes and values["expires_on"] is not None:
        if values["expires_on"] <= on:
            raise NotAnExperience(_("Choose a day that is still to come."), field="expires_on")
    elif not values.get("expires_on") or values["expires_on"] <= on:
        values["expires_on"] = on + GOOD_FOR
    if held is not None:
        on = max(on, held.valid_from)
        held.superseded_on = on
        held.save(update_fields=["superseded_on"])
    try:
        with transaction.atomic():
            made = AxProfile.objects.create(
                member=member,
                valid_from=on,
                answers=held.answers if held else {},
                recorded_by=by,
                recorded_at=at,
                **values,
            )
    except IntegrityError as error:
        raise Overtaken(_("Somebody else has just said another experience.")) from error
    changed = [field for field in values if held is None or values[field] != before[field]]
    audit.record(
        verb="experience.recorded",
        subject=made,
        member_id=member.pk,
        summary=f"A version of the Appropriate Experience holds from {on}",
        by=by,
        at=at,
        before={field: before[field] for field in changed} if held else None,
        after={field: values[field] for field in changed},
    )
    mark_dirty([(member.pk, on)])
    return made
