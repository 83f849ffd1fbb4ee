import pytest

from coverage.models import Segment
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from tests.factories import TODAY, make_ax_profile, make_segment, make_term, make_user

pytestmark = pytest.mark.django_db

URL = "/coverage/segments/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def director(client):
    user = make_user(role=Role.DIRECTOR)
    client.force_login(user)
    return user


def sent(*rows, match="all", **overrides):
    fields = {
        "name": "Guided",
        "reason": "New to the field",
        "delivery": "person",
        "skills": "",
        "match": match,
    }
    for number, (fact, op, value) in enumerate(rows):
        fields |= {
            f"row{number}-fact": fact,
            f"row{number}-op": op,
            f"row{number}-value": value,
        }
    return fields | overrides


def order():
    in_use = Segment.objects.filter(is_retired=False).order_by("position")
    return list(in_use.values_list("key", flat=True))


def test_segment_is_built_from_rows_without_a_script(client, director):
    ensure_default_segments()
    rows = [
        ("expertise", "in", "low, Medium"),
        ("sync_share_percent", "ge", "20"),
        ("risk", "", ""),
    ]

    client.post(
        f"{URL}add/", sent(*rows[:2], match="any", is_pooled="on", skills="teaching, law")
    )

    made = Segment.objects.get(key="guided")
    assert made.rule == {
        "any": [
            {"fact": "expertise", "op": "in", "value": ["low", "medium"]},
            {"fact": "sync_share_percent", "op": "ge", "value": 20},
        ]
    }
    assert (made.is_pooled, made.skills) == (True, ["teaching", "law"])
    assert order()[-2:] == ["guided", "asynchronized"]


def test_rule_about_money_is_refused_with_words_and_nothing_is_lost(client, director):
    response = client.post(f"{URL}add/", sent(("paid_a_year", "ge", "50000")))

    assert response.status_code == 422
    assert "never by what they pay" in response.content.decode()
    assert 'value="Guided"' in response.content.decode()
    assert not Segment.objects.exists()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("expertise", "eq", "hgih"), "It is one of"),
        (("expertise", "eq", ""), "Say with what"),
        (("skills_needed", "ge", "many"), "whole number"),
        (("expertise", "ge", "high"), "can be asked"),
        (("expertise", "eq", "low, high"), "is one of"),
        (("", "eq", ""), "Ask something"),
    ],
)
def test_rows_that_cannot_be_asked_say_so(client, director, row, words):
    response = client.post(f"{URL}add/", sent(row))

    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Segment.objects.exists()


def test_count_says_whom_a_rule_would_take_before_it_is_kept(client, director):
    ensure_default_segments()
    for expertise in ("low", "low", "high"):
        make_term(member=make_ax_profile(expertise=expertise).member)

    counted = client.get(f"{URL}count/", sent(("expertise", "eq", "low"))).context["counted"]
    refused = client.get(f"{URL}count/", sent(("margin", "ge", "1"))).context["counted"]
    nothing = client.get(f"{URL}count/", {"match": "all"}).context["counted"]

    assert (counted.reach.takes, counted.words) == (2, "Expertise in the field is low")
    assert "never by what they pay" in refused.refused
    assert nothing is None


def test_count_without_a_script_keeps_what_was_typed_and_adds_a_row(client, director):
    response = client.post(f"{URL}add/", sent(("expertise", "eq", "low"), do="look"))

    assert response.status_code == 200
    assert len(response.context["builder"].all_rows) == 3
    assert response.context["counted"].words == "Expertise in the field is low"
    assert 'value="Guided"' in response.content.decode()
    assert not Segment.objects.exists()


def test_segment_is_changed_from_its_own_rows(client, director):
    *_, inbound, _sync, _rest = ensure_default_segments()
    page = client.get(f"{URL}{inbound.key}/")

    rows = [row.initial for row in page.context["builder"].rows]
    assert [row["fact"] for row in rows] == ["expertise", "resources", "guidance"]
    client.post(f"{URL}{inbound.key}/", sent(("expertise", "eq", "high"), name="By themselves"))

    inbound.refresh_from_db()
    assert (inbound.name, inbound.key) == ("By themselves", "inbound")
    assert inbound.rule == {"all": [{"fact": "expertise", "op": "eq", "value": "high"}]}


def test_rule_deeper_than_rows_is_kept_as_it_is(client, director):
    deep = {"not": {"fact": "expertise", "op": "eq", "value": "low"}}
    segment = make_segment(rule=deep)

    assert client.get(f"{URL}{segment.key}/").status_code == 200
    client.post(f"{URL}{segment.key}/", sent(match="as_it_is"))

    segment.refresh_from_db()
    assert (segment.rule, segment.name) == (deep, "Guided")


def test_segments_are_moved_retired_and_brought_back(client, director):
    ensure_default_segments()

    client.post(f"{URL}inbound/move/", {"way": "up"})
    client.post(f"{URL}task_force/retire/")
    assert order() == ["inbound", "synchronous", "asynchronized"]
    client.post(f"{URL}task_force/reinstate/")

    assert order() == ["inbound", "synchronous", "asynchronized", "task_force"]


def test_msm_sees_segments_and_changes_none(client):
    ensure_default_segments()
    client.force_login(make_user())

    page = client.get(URL)

    assert page.status_code == 200
    assert "Try earlier" not in page.content.decode()
    for address in (
        "add/",
        "inbound/",
        "inbound/move/",
        "inbound/retire/",
        "inbound/reinstate/",
    ):
        assert client.post(URL + address).status_code == 403


@pytest.mark.parametrize("count", [1, 3])
def test_page_costs_the_same_for_any_number(client, director, count, django_assert_num_queries):
    for _ in range(count):
        make_segment()

    with django_assert_num_queries(6):
        client.get(URL)
