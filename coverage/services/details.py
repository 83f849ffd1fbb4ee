"""In which language a member is spoken to, and by whose clock: what rebalancing asks for."""

from datetime import datetime

from django.conf.locale import LANG_INFO
from django.db import transaction
from django.db.models import Func
from django.utils.translation import gettext as _

from coverage.models import Contributor
from members.ingestion.values import time_zone as zone_called
from members.models import Member, User
from members.services import audit


class UnknownLanguage(ValueError):
    """It is the tag of no language, and nobody is said to speak it."""


class UnknownZone(ValueError):
    """There is no time zone of this name."""


def languages() -> dict[str, str]:
    """Return the languages a member may have with their names: tags, and what colleagues speak.

    One statement.
    """
    spoken = Contributor.objects.annotate(word=Func("languages", function="unnest"))
    words = spoken.values_list("word", flat=True).distinct()
    named = {
        tag: str(known["name_local"]).capitalize()
        for tag, known in LANG_INFO.items()
        if "name_local" in known
    }
    return {word: word for word in words if word.lower() not in named} | named


@transaction.atomic
def set_clock_and_language(
    *, member: Member, language: str, time_zone: str, by: User, at: datetime
) -> Member:
    """Say in which language a member is spoken to and by which clock they live; return them.

    Both may be blank: then it is not known, and nothing is asked of whoever looks after them.
    What an import said otherwise stays as long as nobody says another; a later import that
    says something wins. The same again writes nothing. Raises ``UnknownLanguage`` or
    ``UnknownZone`` (DOMAIN 6.4).
    """
    row = Member.objects.select_for_update().get(pk=member.pk)
    before = {"language": row.language, "time_zone": row.time_zone}
    after = {"language": language.strip(), "time_zone": time_zone.strip()}
    if after["language"] != before["language"]:
        after["language"] = _language(after["language"])
    if after["time_zone"] != before["time_zone"]:
        after["time_zone"] = _zone(after["time_zone"])
    if after == before:
        return row
    row.language, row.time_zone = after["language"], after["time_zone"]
    row.save(update_fields=["language", "time_zone"])
    audit.record(
        verb="member.details_set",
        subject=row,
        member_id=row.pk,
        summary="Language and time zone were set",
        by=by,
        at=at,
        before=before,
        after=after,
    )
    return row


def _language(said: str) -> str:
    if not said:
        return ""
    known = {word.lower(): word for word in languages()}
    found = known.get(said.lower(), known.get(said.lower().replace("_", "-")))
    if found is None:
        raise UnknownLanguage(
            _("Nobody speaks %(said)s here; say a tag such as de or pt-br.") % {"said": said}
        )
    return found


def _zone(said: str) -> str:
    if not said:
        return ""
    try:
        return zone_called(said)
    except ValueError as error:
        raise UnknownZone(
            _("There is no time zone called %(zone)s.") % {"zone": said}
        ) from error
