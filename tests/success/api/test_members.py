"""Members over REST: what is shown, to whom, narrowed how, and page by page."""

from datetime import date
from decimal import Decimal

import pytest

from members.enums import Role
from members.models import Affiliation, MemberIdentity
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_intervention,
    make_member,
    make_member_facts,
    make_night,
    make_person,
    make_plan,
    make_segment,
    make_term,
    make_user,
)

URL = "/api/v1/members/"
STAFF = [Role.DIRECTOR, Role.MSM, Role.OPERATIONS]


def names(response):
    return [row["name"] for row in response.json()["results"]]


@pytest.mark.django_db
@pytest.mark.parametrize("item_count", [1, 3])
def test_list_costs_the_same_number_of_queries_for_any_length(
    api, item_count, django_assert_num_queries
):
    msm = make_user(role=Role.MSM)
    for _ in range(item_count):
        member = make_member()
        plan = make_plan(member=member)
        make_member_facts(
            member=member, segment=make_segment(), owner=make_user(), plan=plan,
            state="stalled", next_milestone=plan.milestones.first(),
        )  # fmt: skip
        make_intervention(member=member, owner=msm)
    client = api(msm)

    with django_assert_num_queries(4):  # session, user, night, members
        response = client.get(URL)

    assert [row["open_items"] for row in response.json()["results"]] == [1] * item_count


@pytest.mark.django_db
def test_row_says_what_the_last_night_knows(api):
    make_night()
    msm = make_user(role=Role.MSM)
    segment = make_segment(key="guided", name="Guided")
    member = make_member(name="Acme")
    plan = make_plan(member=member)
    make_member_facts(
        member=member, segment=segment, owner=msm, plan=plan, state="slipping", tier="Gold",
        held_on=date(2026, 7, 19), next_milestone=plan.milestones.get(position=2),
        term_ends_on=date(2027, 1, 1), joined_on=date(2020, 1, 1), we_owe_since=date(2026, 7, 1),
    )  # fmt: skip
    make_intervention(member=member, owner=make_user())  # somebody else's, not counted

    response = api(msm).get(URL)

    assert response.json()["results"] == [
        {
            "id": str(member.public_id),
            "name": "Acme",
            "kind": "organisation",
            "homepage_url": "",
            "standing": "in_force",
            "tier": "Gold",
            "joined_on": "2020-01-01",
            "term_ends_on": "2027-01-01",
            "segment": {"key": "guided", "name": "Guided"},
            "owner": {"id": str(msm.public_id), "name": msm.name},
            "state": "slipping",
            "days_ahead": -10,
            "next_milestone": "Milestone 2",
            "we_owe_since": "2026-07-01",
            "open_items": 0,
        }
    ]


@pytest.mark.django_db
def test_member_no_night_has_seen_is_listed_with_nothing_known(api):
    make_member(name="New")

    [row] = api(make_user()).get(URL).json()["results"]

    assert (row["name"], row["standing"], row["state"], row["days_ahead"]) == (
        "New",
        None,
        None,
        None,
    )


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role)
def test_staff_may_read_members_and_a_member_may_not(api, role):
    user = make_user(role=role)
    member = make_member()
    client = api(user)
    expected = 200 if role in STAFF else 403

    statuses = [
        client.get(address).status_code
        for address in (URL, f"{URL}{member.public_id}/", f"{URL}{member.public_id}/timeline/")
    ]

    assert statuses == [expected] * 3


@pytest.mark.django_db
def test_stranger_is_asked_for_a_token(api):
    response = api().get(URL)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert response["Content-Type"] == "application/problem+json"


@pytest.fixture
def book(db):
    """Five members that differ in everything one may filter by."""
    make_night()
    me = make_user(name="Me")
    guided, pooled = make_segment(key="guided"), make_segment(key="pooled")
    plan = {n: make_plan(member=make_member(name=n)) for n in ("Alpha", "Bravo", "Delta")}
    make_member_facts(
        member=plan["Alpha"].member, plan=plan["Alpha"], state="stalled", segment=guided,
        owner=me, held_on=date(2026, 7, 9), tier="Gold", term_ends_on=date(2026, 8, 1),
    )  # fmt: skip
    make_member_facts(
        member=plan["Bravo"].member, plan=plan["Bravo"], state="on_track", segment=guided,
        tier="Silver", term_ends_on=date(2026, 12, 1), we_owe_since=date(2026, 7, 1),
    )  # fmt: skip
    make_member_facts(
        member=plan["Delta"].member, plan=plan["Delta"], state="ahead", segment=pooled,
        owner=make_user(name="Other"), held_on=date(2026, 8, 9), tier="Gold",
    )  # fmt: skip
    echo = make_member(name="Echo", kind="individual")
    make_member_facts(
        member=echo, state="no_plan", standing="lapsed", term_ends_on=date(2026, 1, 1)
    )
    make_member(name="Foxtrot")
    MemberIdentity.objects.create(member=echo, source="crm", external_id="E-1")
    return me


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Alpha", "Bravo", "Delta", "Echo", "Foxtrot"]),
        ("q=alhpa", ["Alpha"]),
        ("q=E-1", ["Echo"]),
        ("standing=lapsed", ["Echo"]),
        ("state=stalled&state=ahead", ["Alpha", "Delta"]),
        ("segment=guided", ["Alpha", "Bravo"]),
        ("segment=guided&segment=pooled", ["Alpha", "Bravo", "Delta"]),
        ("owner=me", ["Alpha"]),
        ("owner=pool", ["Bravo", "Echo"]),
        ("tier=Gold", ["Alpha", "Delta"]),
        ("behind_at_least=20", ["Alpha"]),
        ("behind_at_least=21", []),
        ("term_ends_before=2026-08-01", ["Echo"]),
        ("term_ends_before=2026-08-02", ["Alpha", "Echo"]),
        ("has_plan=true", ["Alpha", "Bravo", "Delta"]),
        ("has_plan=false", ["Echo", "Foxtrot"]),
        ("we_owe=true", ["Bravo"]),
        ("kind=individual", ["Echo"]),
        ("order=behind", ["Alpha", "Bravo", "Delta", "Echo", "Foxtrot"]),
        ("order=term_end", ["Echo", "Alpha", "Bravo", "Delta", "Foxtrot"]),
        ("state=stalled&tier=Silver", []),
    ],
)
def test_list_is_narrowed_and_ordered_as_asked(api, book, query, expected):
    assert names(api(book).get(f"{URL}?{query}")) == expected


def test_list_can_be_narrowed_to_one_colleagues_book(api, book):
    assert names(api(make_user()).get(f"{URL}?owner={book.public_id}")) == ["Alpha"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("standing=gone", "standing"),
        ("state=sad", "state"),
        ("segment=nowhere", "segment"),
        ("owner=nobody", "owner"),
        ("behind_at_least=0", "behind_at_least"),
        ("behind_at_least=x", "behind_at_least"),
        ("term_ends_before=tomorrow", "term_ends_before"),
        ("has_plan=maybe", "has_plan"),
        ("kind=cat", "kind"),
        ("order=dues", "order"),
        ("order=likeness", "order"),
        ("stat=stalled", "stat"),
        ("page_size=201", "page_size"),
        ("page_size=0", "page_size"),
        ("cursor=nonsense", "cursor"),
        ("cursor=xnonsense", "cursor"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(api, book, query, field):
    response = api(book).get(f"{URL}?{query}")

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("query", ["", "order=behind", "order=term_end", "q=a&order=likeness"])
@pytest.mark.parametrize("size", [1, 2])
def test_paging_shows_everybody_once_forwards_and_backwards(api, book, query, size):
    client = api(book)
    everybody = names(client.get(f"{URL}?{query}"))

    def walk(cursor, direction):
        pages = []
        while True:
            said = {"cursor": cursor} if cursor else {}
            response = client.get(
                f"{URL}?{query}", {**params(query), "page_size": size, **said}
            )
            pages.append(names(response))
            last, cursor = cursor, response.json()[direction]
            if cursor is None:
                return pages, last

    forwards, last = walk(None, "next")
    backwards, _ = walk(client.get(URL, {**params(query), "page_size": size, "cursor": last}).json()["previous"] if last else None, "previous")  # fmt: skip

    assert [name for shown in forwards for name in shown] == everybody
    assert [name for shown in reversed(backwards) for name in shown] == (
        [name for shown in forwards[:-1] for name in shown] or everybody
    )


def params(query):
    return dict(pair.split("=") for pair in query.split("&")) if query else {}


def test_cursor_of_another_order_is_refused(api, book):
    client = api(book)
    cursor = client.get(URL, {"page_size": 1}).json()["next"]

    response = client.get(URL, {"page_size": 1, "cursor": cursor, "order": "behind"})

    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == "This cursor belongs to another order."


@pytest.mark.django_db
def test_detail_shows_a_member_as_of_a_day(api):
    make_night()
    member = make_member(name="Acme")
    MemberIdentity.objects.create(member=member, source="crm", external_id="A-1")
    make_term(member=member, tier="Gold", dues=Decimal("5000.00"))
    make_term(member=make_member(), tier="Leak", dues=Decimal("7.00"))
    plan = make_plan(
        member=member, expected_days=(30, 60, 90), evidence=[[date(2026, 1, 20)]],
    )  # fmt: skip
    make_accountability(plan=plan, title="Ours", due_on=date(2026, 7, 1))
    make_accountability(plan=plan, title="Later", due_on=date(2026, 9, 1))
    make_accountability(
        plan=plan, title="Theirs", side="member", due_on=date(2026, 6, 1), done_on=TODAY
    )
    make_accountability(title="Of another")
    ada = make_person(name="Ada")
    Affiliation.objects.create(
        person=ada, member=member, starts_on=date(2025, 1, 1), is_primary_contact=True
    )
    Affiliation.objects.create(
        person=make_person(name="Gone"), member=member, starts_on=date(2025, 1, 1),
        ends_on=date(2026, 1, 1),
    )  # fmt: skip
    member.involvements.create(
        person=ada, area="maintainer", subject="Envoy", starts_on=date(2026, 1, 20)
    )
    make_member_facts(member=member, plan=plan, state="stalled", held_on=date(2026, 3, 2))
    client = api(make_user(role=Role.DIRECTOR))

    now = client.get(f"{URL}{member.public_id}/").json()
    then = client.get(f"{URL}{member.public_id}/?as_of=2026-02-01").json()

    assert (now["as_of"], now["facts_as_of"], now["standing_on_day"]) == (
        "2026-07-29",
        "2026-07-29",
        "in_force",
    )
    assert now["vector"] == {
        "state": "stalled",
        "sentence": (
            "on plan day 60 on calendar day 209, 149 days behind, not moving, "
            "waiting on milestone 2"
        ),
        "plan_day": 209,
        "plan_clock": 60,
        "days_ahead": -149,
        "pace_milli": 0,
        "direction": 0,
        "achieved_weight": 10,
        "expected_weight": 30,
        "blocked_since": "2026-03-03",
        "behind_since": "2026-03-10",
    }
    assert [
        (m["achieved_on"], m["expected_on"], m["is_overdue"], m["is_next"])
        for m in now["milestones"]
    ] == [
        ("2026-01-20", "2026-01-31", False, False),
        (None, "2026-03-02", True, True),
        (None, "2026-04-01", True, False),
    ]
    assert [(p["title"], p["days_late"]) for p in now["promises"]] == [
        ("Ours", 28),
        ("Later", 0),
        ("Theirs", 0),
    ]
    assert [(p["name"], p["involvements"]) for p in now["people"]] == [
        ("Ada", [{"area": "maintainer", "subject": "Envoy", "since": "2026-01-20"}])
    ]
    assert [(t["tier"], t["last_day"], t["annual_amount"]) for t in now["terms"]] == [
        ("Gold", "2026-12-31", "5000.00")
    ]
    assert now["identities"] == [{"source": "crm", "external_id": "A-1"}]
    assert (then["vector"]["state"], then["vector"]["days_ahead"]) == ("on_track", 0)
    assert [(p["title"], p["done_on"]) for p in then["promises"]] == [
        ("Theirs", None),
        ("Ours", None),
        ("Later", None),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "amount"),
    [(Role.DIRECTOR, "1000.00"), (Role.OPERATIONS, "1000.00"), (Role.MSM, None)],
)
def test_dues_are_for_those_who_may_see_them(api, role, amount):
    term = make_term()

    shown = api(make_user(role=role)).get(f"{URL}{term.member.public_id}/").json()

    assert [t["annual_amount"] for t in shown["terms"]] == [amount]


@pytest.mark.django_db
@pytest.mark.parametrize("item_count", [1, 3])
def test_detail_costs_the_same_number_of_queries_for_any_size(
    api, item_count, django_assert_num_queries
):
    member = make_member()
    plan = make_plan(member=member, expected_days=range(10, 10 + item_count))
    for n in range(item_count):
        make_term(member=member, starts_on=date(2020 + n, 1, 1), ends_on=date(2021 + n, 1, 1))
        make_accountability(plan=plan, owner=make_user())
        person = make_person()
        Affiliation.objects.create(person=person, member=member, starts_on=date(2025, 1, 1))
        member.involvements.create(
            person=person, area="x", subject=f"s{n}", starts_on=date(2025, 1, 1)
        )
        MemberIdentity.objects.create(member=member, source="crm", external_id=f"{n}")
    client = api(make_user(role=Role.DIRECTOR))

    with django_assert_num_queries(18):
        response = client.get(f"{URL}{member.public_id}/")

    assert len(response.json()["people"]) == item_count


@pytest.mark.django_db
def test_a_day_to_come_is_refused(api):
    member = make_member()

    response = api(make_user()).get(f"{URL}{member.public_id}/?as_of=2026-07-30")

    assert response.status_code == 400
    assert response.json()["detail"] == "as_of: Nothing is known yet of a day to come."


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["00000000-0000-0000-0000-000000000000", "1", "x"])
def test_unknown_member_is_404(api, name):
    make_member(pk=1)

    response = api(make_user()).get(f"{URL}{name}/")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_timeline_merges_what_happened_and_pages_through_it_once(api):
    msm = make_user(name="Ada")
    member = make_member()
    plan = make_plan(member=member, is_simulated=True)
    milestone = plan.milestones.first()
    for n in range(3):
        member.facts.create(
            kind="maintainer.added", subject=f"P{n}", occurred_on=date(2026, 7, 1),
            source="cncf", external_id=f"f{n}", origin="import", recorded_at=NOON,
        )  # fmt: skip
    member.facts.create(
        kind="maintainer.added", subject="Future", occurred_on=date(2026, 8, 1),
        source="cncf", external_id="later", origin="import", recorded_at=NOON,
    )  # fmt: skip
    make_term(member=member, starts_on=date(2026, 1, 1))
    milestone.events.create(
        achieved=True, on=date(2026, 7, 1), source="derived", recorded_at=NOON
    )
    member.vector_changes.create(
        on=date(2026, 7, 2), state="stalled", held_on=date(2026, 6, 30)
    )
    mine, other = (
        make_intervention(member=member, owner=msm),
        make_intervention(member=member, owner=make_user()),
    )
    mine.events.create(verb="claimed", by=msm, at=NOON)
    other.events.create(verb="claimed", by=other.owner, at=NOON)
    make_term()  # another member's
    client = api(msm)
    url = f"{URL}{member.public_id}/timeline/"

    whole = client.get(url).json()["results"]

    assert [(e["on"], e["kind"], e["title"], e["is_simulated"]) for e in whole] == [
        ("2026-07-29", "work", f"{mine.play.title}: claimed", False),
        ("2026-07-02", "vector", "Vector: Stalled", False),
        ("2026-07-01", "fact", "Maintainer added: P2", False),
        ("2026-07-01", "fact", "Maintainer added: P1", False),
        ("2026-07-01", "fact", "Maintainer added: P0", False),
        ("2026-07-01", "milestone", "Milestone achieved: Milestone 1", True),
        ("2026-01-01", "term", "Term begins: Silver", False),
    ]
    for size in (1, 2, 3):
        walked, cursors, cursor = [], [], None
        while True:
            shown = client.get(
                url, {"page_size": size, **({"cursor": cursor} if cursor else {})}
            )
            walked += shown.json()["results"]
            cursor = shown.json()["next"]
            if cursor is None:
                break
            cursors.append(cursor)
        back, cursor = [], shown.json()["previous"]
        while cursor:
            page = client.get(url, {"page_size": size, "cursor": cursor}).json()
            back = page["results"] + back
            cursor = page["previous"]
        assert walked == whole
        assert back == whole[: len(whole) - len(shown.json()["results"])]
    only = client.get(url, {"kind": ["term", "vector"], "as_of": "2026-07-01"}).json()
    assert [e["kind"] for e in only["results"]] == ["term"]


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["cursor=nope", "cursor=nWyJ4Il0", "kind=x", "page_size=999"])
def test_timeline_refuses_what_it_cannot_read(api, query):
    member = make_member()

    response = api(make_user()).get(f"{URL}{member.public_id}/timeline/?{query}")

    assert response.status_code == 400


@pytest.mark.django_db
def test_language_and_time_zone_are_said_over_rest(api):
    member = make_member(language="en")
    client = api(make_user(role=Role.MSM))
    url = f"{URL}{member.public_id}/details/"

    done = client.post(url, {"time_zone": "Europe/Vienna"}, format="json")
    unknown = client.post(url, {"language": "Klingon"}, format="json")
    nowhere = client.post(url, {"time_zone": "Mars/Olympus"}, format="json")

    assert (done.status_code, done.json()["language"], done.json()["time_zone"]) == (
        200, "en", "Europe/Vienna",
    )  # fmt: skip
    assert [each.json()["errors"][0]["field"] for each in (unknown, nowhere)] == [
        "language",
        "time_zone",
    ]
    guest = api(make_user(role=Role.MEMBER, member=member))
    assert guest.post(url, {"language": "de"}, format="json").status_code == 403
