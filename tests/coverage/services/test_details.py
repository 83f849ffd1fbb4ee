import pytest

from coverage.queries.rebalancing import carried
from coverage.services.details import (
    UnknownLanguage,
    UnknownZone,
    languages,
    set_clock_and_language,
)
from members.models import AuditEntry
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_contributor,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db


def say(member, language="", time_zone="", by=None):
    return set_clock_and_language(
        member=member, language=language, time_zone=time_zone, by=by or make_user(), at=NOON
    )


def test_what_is_said_is_kept_once_with_its_author():
    member, mira = make_member(language="en"), make_user()

    said = [say(member, " PT_br ", "America/Sao_Paulo", by=mira) for _ in range(2)]
    say(member, "pt-br", "America/Sao_Paulo", by=mira)

    assert (said[0].language, said[0].time_zone) == ("pt-br", "America/Sao_Paulo")
    (entry,) = AuditEntry.objects.filter(verb="member.details_set", member_id=member.pk)
    assert (entry.by, entry.before, entry.after) == (
        mira,
        {"language": "en", "time_zone": ""},
        {"language": "pt-br", "time_zone": "America/Sao_Paulo"},
    )


def test_a_language_is_a_tag_or_one_that_a_colleague_speaks():
    make_contributor(languages=["Swiss German", "de"])
    member = make_member()

    assert say(member, "swiss german").language == "Swiss German"
    assert (languages()["Swiss German"], languages()["de"]) == ("Swiss German", "Deutsch")
    with pytest.raises(UnknownLanguage, match="Klingon"):
        say(member, "Klingon")


def test_a_zone_is_one_of_the_world():
    with pytest.raises(UnknownZone, match="Mars/Olympus"):
        say(make_member(), time_zone="Mars/Olympus")


def test_what_an_import_said_stays_while_the_other_is_changed():
    member = make_member(language="Platt")
    assert say(member, "Platt", "Europe/Berlin").language == "Platt"
    assert say(member, "", "Europe/Berlin").language == ""


def test_the_simulator_asks_for_it():
    member = make_member()
    make_term(member=member)
    make_assignment(member=member, segment=make_segment(), owner=make_user())
    say(member, "de", "Asia/Kolkata")

    (one,) = carried(as_of=TODAY, grace_days=90)

    assert (one.language, one.zone) == ("de", 330)
