import re
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from members.enums import Role
from success.models import Plan, PlanBatch
from success.queries.batches import progress
from success.services import batches
from tests.factories import make_member, make_member_facts, make_plan, make_term, make_user
from tests.success.plans import at_noon
from tests.success.services.test_batches import make_offered

pytestmark = pytest.mark.django_db
TODAY = date(2026, 7, 29)
PREVIEW, ASK = "success:batch_preview", "success:batch_ask"


@pytest.fixture(autouse=True)
def _workers_come_later(settings):
    settings.CELERY_TASK_ALWAYS_EAGER = False


@pytest.fixture
def template():
    return make_offered(key="first", title="The first path")


def current(**overrides):
    member = make_member(**overrides)
    make_term(
        member=member,
        starts_on=TODAY - timedelta(days=100),
        ends_on=TODAY + timedelta(days=265),
    )
    make_member_facts(member=member, joined_on=TODAY - timedelta(days=100))
    return member


def text(response):
    html = re.sub(r"<(script|style).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", " ").split())


def these(*members, **more):
    return {"scope": "selected", "member": [str(m.public_id) for m in members], **more}


def matching(expected, *, query="", **more):
    return {"scope": "matching", "expected": str(expected), "query": query, **more}


def agreed_from(template, **more):
    return {"template": template.key, "anchor_on": TODAY.isoformat(), **more}


@pytest.mark.usefixtures("template")
def test_the_list_offers_it_to_whoever_may_write_plans(sign_in):
    member = current()
    page = sign_in(make_user()).get(reverse("success:members")).content.decode()

    assert f'action="{reverse(PREVIEW)}"' in page
    assert f'value="{member.public_id}"' in page
    assert "data-bulk-bar" in page


def test_the_preview_says_what_will_happen_and_writes_nothing(sign_in, template):
    fine, planned = current(name="Fine"), current(name="Planned")
    make_plan(member=planned)

    said = text(sign_in(make_user()).post(reverse(PREVIEW), these(fine, planned)))

    assert "1 of 2 members get this plan." in said
    assert "has a plan already 1 Planned" in said
    assert "Agree it with 1 member" in said
    assert template.title in said
    assert not PlanBatch.objects.exists()


def test_all_matching_are_those_of_the_filters_and_not_the_page(sign_in, template):
    for number in range(3):
        current(name=f"Aurora {number}")
    current(name="Borealis")
    lapsed = make_member_facts(standing="lapsed")
    client = sign_in(make_user())

    said = text(client.post(reverse(PREVIEW), matching(3, query=urlencode({"q": "Aurora"}))))
    everybody = text(client.post(reverse(PREVIEW), matching(4)))

    assert "3 of 3 members get this plan." in said
    assert "4 of 4 members get this plan." in everybody
    assert lapsed.member.name not in everybody


def test_asking_freezes_the_members_and_shows_the_batch(sign_in, template):
    members = [current() for _ in range(2)]
    client = sign_in(make_user())

    page = client.post(reverse(ASK), agreed_from(template, **these(*members)))

    batch = PlanBatch.objects.get()
    assert page.url == reverse("success:batch", args=[batch.public_id])
    assert sorted(batch.items.values_list("member_id", flat=True)) == [m.pk for m in members]
    assert text(client.get(page.url)).count("The first path") == 1


def test_a_count_that_changed_meanwhile_is_refused_and_shown_anew(sign_in, template):
    current(), current()

    page = sign_in(make_user()).post(reverse(ASK), agreed_from(template, **matching(1)))

    assert page.status_code == 409
    assert "The list showed 1 members; it is 2 now." in text(page)
    assert not PlanBatch.objects.exists()


def test_without_a_day_it_is_asked_for_again(sign_in, template):
    page = sign_in(make_user()).post(
        reverse(ASK), agreed_from(template, **these(current())) | {"anchor_on": ""}
    )

    assert page.status_code == 400
    assert "Choose a day." in text(page)


@pytest.mark.usefixtures("template")
def test_nobody_ticked_leads_back_to_the_list(sign_in):
    page = sign_in(make_user()).post(reverse(PREVIEW), {"scope": "selected"}, follow=True)

    assert page.redirect_chain[-1][0] == reverse("success:members")
    assert "Tick some members first." in text(page)


@pytest.fixture
def batch(template):
    members = [current(name="Fine"), current(name="Person", kind="individual")]
    made = batches.ask(
        template=template,
        member_ids=[member.pk for member in members],
        anchor_on=TODAY,
        expected_count=2,
        by=make_user(),
        at=at_noon(200),
    )
    batches.work(batch_id=made.pk, clock=lambda: at_noon(209))
    made.refresh_from_db()
    return made


def test_the_batch_shows_how_it_went_and_why_not_all(sign_in, batch):
    page = sign_in(make_user()).get(reverse("success:batch", args=[batch.public_id]))

    said = text(page)
    assert "1 agreed, 1 left out" in said
    assert "the plan is for another kind of member 1" in said
    assert "Person" in said
    assert "hx-get" not in page.content.decode().split('id="batch"')[1].split(">")[0]


def test_a_batch_that_waits_asks_for_itself_and_gives_the_fragment(sign_in, template):
    made = batches.ask(
        template=template,
        member_ids=[current().pk],
        anchor_on=TODAY,
        expected_count=1,
        by=make_user(),
        at=at_noon(209),
    )
    client = sign_in(make_user())
    url = reverse("success:batch", args=[made.public_id])

    fragment = client.get(url, headers={"HX-Request": "true"}).content.decode()

    assert f'hx-get="{url}"' in fragment
    assert "<html" not in fragment


def test_undoing_is_a_post_and_is_done_once(sign_in, batch):
    client = sign_in(make_user())
    url = reverse("success:batch_undo", args=[batch.public_id])
    assert client.get(url).status_code == 405

    client.post(url)
    again = client.post(url, follow=True)
    batches.work(batch_id=batch.pk, clock=lambda: at_noon(210))

    assert "It is being undone already, or was." in text(again)
    assert progress(batch).undone == 1
    assert not Plan.objects.exists()


@pytest.mark.parametrize("name", [PREVIEW, ASK])
def test_a_member_may_not(sign_in, name):
    outsider = make_user(role=Role.MEMBER, member=make_member())

    assert sign_in(outsider).post(reverse(name), {}).status_code == 403


def test_batches_are_found_again(sign_in, batch):
    url = reverse("success:batch", args=[batch.public_id])
    pages = {
        "success:batches": sign_in(make_user()),
        "success:runs": sign_in(make_user(role=Role.OPERATIONS)),
    }

    for name, client in pages.items():
        assert url in client.get(reverse(name)).content.decode()


@pytest.mark.parametrize("item_count", [1, 3])
@pytest.mark.usefixtures("template")
def test_the_preview_costs_the_same_for_any_number(
    sign_in, item_count, django_assert_max_num_queries
):
    members = [current() for _ in range(item_count)]
    client = sign_in(make_user())
    client.post(reverse(PREVIEW), these(*members))

    with django_assert_max_num_queries(22):
        client.post(reverse(PREVIEW), these(*members))
