from datetime import timedelta
from decimal import Decimal

import pytest

from coverage.models import CoverageModel, Segment
from coverage.services.hours import ensure_beginning
from members.enums import Role
from members.models import AuditEntry
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_circumstance,
    make_coverage_model,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
URL = "/coverage/hours/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def director(client):
    user = make_user(role=Role.DIRECTOR, name="Dora")
    client.force_login(user)
    return user


@pytest.fixture
def usual():
    ensure_beginning(on=TODAY - timedelta(days=30), at=NOON - timedelta(days=30))


def book(*, count=4, stage="at_risk"):
    owner = make_user(name="Mira", weekly_hours=30)
    for _ in range(count):
        member = make_member()
        make_term(member=member)
        make_assignment(
            member=member, owner=owner, segment=Segment.objects.get(key="synchronous")
        )
        make_circumstance(member=member, stage=stage)
    return owner


def filled(client, **overrides):
    """The form as it is shown, with some fields otherwise."""
    form = client.get(f"{URL}new/").context["form"]
    said = {each.name: each.value() for each in form if each.value() is not None}
    return said | {"note": "Measured in spring", "effective_from": "2026-07-29"} | overrides


def test_without_hours_the_page_says_so_and_begins_with_the_usual_ones(client, director):
    page = client.get(URL).content.decode()
    assert "No hours are said yet" in page

    client.post(f"{URL}begin/")

    assert CoverageModel.objects.get().effective_from == TODAY
    assert Segment.objects.count() == 4
    assert client.get(URL).context["model"].version == 1
    client.post(f"{URL}begin/")
    assert CoverageModel.objects.count() == 1


def test_capacity_without_hours_leads_here(client, director):
    assert f'href="{URL}"' in client.get("/coverage/capacity/").content.decode()


@pytest.mark.usefixtures("usual", "director")
def test_the_page_says_what_follows_for_the_members_of_today(client):
    book()
    context = client.get(URL).context
    block = next(each for each in context["blocks"] if each.segment.key == "synchronous")
    assert [each.staff for each in block.outcomes] == [
        Decimal(hours) for hours in ("4", "1.5", "2", "3", "6")
    ]
    assert (block.members, block.total, context["total"]) == (4, Decimal(24), Decimal(24))


@pytest.mark.usefixtures("director")
def test_members_of_whom_nothing_is_said_are_not_known(client):
    segment = make_segment(key="synchronous")
    make_coverage_model(hours=[(segment, "growth", "async", 1)])
    book(count=1)
    context = client.get(URL).context
    assert (context["members"], context["unknown"], context["total"]) == (1, 1, Decimal(0))


@pytest.mark.usefixtures("usual")
def test_a_version_is_kept_only_after_its_effect_was_looked_at(client, director):
    book()
    said = filled(client, **{"hours-synchronous-at_risk-sync": "2.5"})

    looked = client.post(f"{URL}new/", said | {"do": "look"})
    effect = looked.context["effect"]
    assert CoverageModel.objects.count() == 1
    assert (effect.needed, effect.needed_then) == (Decimal(24), Decimal(16))
    assert (effect.load, effect.load_then) == (
        Decimal(24) / Decimal(130),
        Decimal(16) / Decimal(130),
    )
    assert looked.context["differences"] == [
        "Synchronous, at risk, one to one, in real time: 4.5 h become 2.5 h."
    ]

    unseen = said | {"hours-synchronous-at_risk-sync": "1", "do": "keep"}
    again = client.post(f"{URL}new/", unseen | {"looked_at": looked.context["mark"]})
    assert (again.context["was_changed"], CoverageModel.objects.count()) == (True, 1)

    kept = client.post(
        f"{URL}new/", said | {"do": "keep", "looked_at": looked.context["mark"]}, follow=True
    )
    made = CoverageModel.objects.latest("version")
    assert kept.redirect_chain == [(f"{URL}2/", 302)]
    assert (made.made_by, made.effective_from, made.note) == (
        director,
        TODAY,
        "Measured in spring",
    )
    assert kept.context["differences"] == looked.context["differences"]
    assert AuditEntry.objects.get(verb="coverage_model.made", by=director).after["version"] == 2


@pytest.mark.usefixtures("usual", "director")
@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"effective_from": "2026-07-28"}, "That day is over"),
        ({"effective_from": "soon"}, "Choose a day."),
        ({"note": ""}, "Say what is different, and why."),
        ({"hours-synchronous-growth-async": ""}, "asynchronous share"),
        ({"hours-synchronous-growth-async": "-1"}, "Write 0 or more"),
        ({"leverage-synchronous-async": "0"}, "Write 0.01 or more"),
    ],
)
def test_what_cannot_be_meant_comes_back_with_words(client, overrides, words):
    response = client.post(f"{URL}new/", filled(client, **overrides) | {"do": "keep"})
    assert (response.status_code, CoverageModel.objects.count()) == (422, 1)
    assert words in response.content.decode()


@pytest.mark.usefixtures("usual", "director")
def test_the_list_says_when_each_version_counts(client):
    make_coverage_model(version=2, effective_from=TODAY + timedelta(days=9))
    make_coverage_model(version=3, effective_from=TODAY + timedelta(days=9))
    assert [
        (each.model.version, each.when) for each in client.get(URL).context["versions"]
    ] == [
        (3, "will count"),
        (2, "replaced before it counted"),
        (1, "counts now"),
    ]


@pytest.mark.usefixtures("usual")
def test_msm_reads_the_hours_and_says_none(client):
    client.force_login(make_user())
    assert [client.get(f"{URL}{each}").status_code for each in ("", "1/", "new/", "7/")] == [
        200,
        200,
        403,
        404,
    ]
    assert client.post(f"{URL}begin/").status_code == 403


@pytest.mark.usefixtures("usual", "director")
@pytest.mark.parametrize("count", [1, 3])
def test_the_page_takes_as_many_statements_for_many_members(
    client, count, django_assert_max_num_queries
):
    book(count=count)
    with django_assert_max_num_queries(14):
        client.get(URL)


@pytest.mark.usefixtures("usual", "director")
def test_a_planned_version_is_withdrawn_with_a_reason(client):
    make_coverage_model(version=2, effective_from=TODAY + timedelta(days=9))
    address = f"{URL}2/withdraw/"

    assert address in client.get(f"{URL}2/").content.decode()
    assert "It would count from 7 August 2026." in client.get(address).content.decode()
    assert client.post(address, {"reason": ""}).status_code == 422
    done = client.post(address, {"reason": "Too early"}, follow=True)

    assert done.redirect_chain == [(URL, 302)]
    assert [(each.model.version, each.when) for each in done.context["versions"]] == [
        (2, "withdrawn"),
        (1, "counts now"),
    ]
    assert address not in client.get(f"{URL}2/").content.decode()
    again = client.post(address, {"reason": "Too early"}, follow=True)
    assert again.redirect_chain == [(f"{URL}2/", 302)]


@pytest.mark.usefixtures("usual")
def test_a_version_that_counts_has_no_way_to_be_withdrawn(client, director):
    assert f"{URL}1/withdraw/" not in client.get(f"{URL}1/").content.decode()
    client.post(f"{URL}1/withdraw/", {"reason": "Too early"})
    assert CoverageModel.objects.get().withdrawn_at is None
    client.force_login(make_user())
    assert client.get(f"{URL}1/withdraw/").status_code == 403
