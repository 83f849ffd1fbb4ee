import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.urls import reverse

from engagement.rollups import involvement
from members.enums import MemberKind, Role
from members.models import AuditEntry
from members.rollups.scope import Scope
from success.models import Offer, PlanTemplate
from success.services import templates
from tests.factories import (
    NOON,
    make_fact,
    make_member,
    make_offer,
    make_path,
    make_segment,
    make_term,
    make_user,
)
from tests.success.plans import agree
from tests.success.views.conftest import HTMX
from tests.success.views.test_plans import fields, text

pytestmark = pytest.mark.django_db


def url(name, template=None):
    return reverse(f"success:{name}", args=[template.key] if template else [])


def make_written(*, key="firms", title="Ship it abroad", path=None, by=None, **given):
    about = {"audience": MemberKind.ORGANISATION, "persona": "", "segment": None}
    return templates.save_template(
        template=None,
        key=key,
        title=title,
        path=path or make_path(),
        by=by,
        at=NOON,
        **(about | given),
    )


def stored():
    return PlanTemplate.objects.get()


@pytest.fixture
def olga():
    return make_user(role=Role.OPERATIONS, name="Olga")


# --- what there is ---


def test_the_list_says_whom_each_template_is_for_and_what_became_of_it(sign_in, olga):
    segment = make_segment(name="Flagship")
    first, *others = make_path().milestones
    path = make_path(milestones=(replace(first, expected_basis="cohort"), *others))
    shown = make_written(path=path, persona="Engineering managers", segment=segment)
    agree(template=shown)
    gone = make_written(key="gone", title="Retired way")
    templates.retire_template(template=gone, on=date(2026, 7, 1), by=olga, at=NOON)

    page = text(sign_in(olga).get(url("templates")))

    assert "Ship it abroad Organisation Engineering managers Flagship 3" in page
    assert "by day 90 1 of 3 from members like these 1" in page
    assert page.index("1 retired template") < page.index("Retired way")


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_list_costs_the_same_number_of_queries_for_any_length(
    sign_in, olga, item_count, django_assert_num_queries
):
    for number in range(item_count):
        make_written(key=f"t{number}", title=f"T{number}")
    client = sign_in(olga)
    client.get(url("templates"))

    with django_assert_num_queries(5):
        client.get(url("templates"))


def test_a_template_is_shown_with_what_the_linter_says(sign_in):
    template = make_written(path=make_path(measure=""))

    page = text(sign_in(make_user()).get(url("template", template)))

    assert "A plan from it can be agreed as it is" in page
    assert "How both sides will know" in page
    assert "They: Do your part of m1, by day 25" in page
    assert "Change it" not in page


def test_a_member_would_see_it_on_their_own_page(sign_in, olga):
    make_written(path=make_path(goal="We ship to Peru"))

    page = text(sign_in(olga).get(f"{url('template_preview')}?key=firms"))

    assert "We ship to Peru" in page
    assert "Outcome m1 is live" in page


def test_what_is_typed_is_looked_at_and_not_kept(sign_in, olga):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template))) | {"goal": "We ship to Mars"}

    page = text(client.post(url("template_preview"), data))

    assert "We ship to Mars" in page
    assert templates.path_of(stored()).goal == "We sell abroad"


@pytest.mark.parametrize("key", ["nowhere", "%00", "a b"])
def test_a_preview_or_a_copy_of_what_there_is_not_is_404(sign_in, olga, key):
    client = sign_in(olga)

    answers = [
        client.get(f"{url('template_preview')}?key={key}"),
        client.get(f"{url('template_new')}?copy={key}"),
    ]

    assert [each.status_code for each in answers] == [404, 404]


@pytest.mark.parametrize(
    "odd",
    [
        {"audience": "martian"},
        {"m1-expected_day": "999999999", "m1-p0-due_day": "-999999999"},
        {"m1-upsell": "nothing", "m2-advocacy": "bribe"},
        {"m1-evidence": "derived {", "goal": "a\x00b"},
        {"milestone": []},
    ],
)
def test_a_preview_shows_what_it_can_of_whatever_is_typed(sign_in, olga, odd):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template))) | odd

    assert client.post(url("template_preview"), data).status_code == 200


# --- who may ---


@pytest.mark.parametrize(
    ("role", "sees", "writes"),
    [
        (Role.OPERATIONS, 200, 200),
        (Role.DIRECTOR, 200, 200),
        (Role.MSM, 200, 403),
        (Role.MEMBER, 403, 403),
    ],
)
def test_who_may_see_and_who_may_write(sign_in, role, sees, writes):
    template = make_written()
    client = sign_in(make_user(role=role))

    seen = [
        client.get(url(name, one)).status_code
        for name, one in (("templates", None), ("template", template), ("offers", None))
    ]
    written = [
        client.get(url(name, one)).status_code
        for name, one in (
            ("template_new", None), ("template_edit", template), ("template_days", template),
        )
    ]  # fmt: skip

    assert (seen, written) == ([sees] * 3, [writes] * 3)


@pytest.mark.parametrize("name", ["template_edit", "template_retire", "template_bring_back"])
def test_a_success_manager_changes_no_template(sign_in, name):
    template = make_written()

    answer = sign_in(make_user()).post(url(name, template), {"do": "save"})

    template.refresh_from_db()
    assert (answer.status_code, template.retired_on) == (403, None)


# --- write ---


def test_a_template_is_written_from_nothing_button_by_button(sign_in, olga):
    client = sign_in(olga)
    data = fields(client.get(url("template_new"))) | {
        "template_title": "Ship it abroad",
        "audience": "organisation",
        "goal": "We sell abroad",
    }
    for _ in range(3):
        page = client.post(url("template_new"), data | {"do": "add"})
        data = fields(page)
        for side in ("member", "association"):
            act = f"promise:{data['milestone'][-1]}:{side}"
            page = client.post(url("template_new"), data | {"do": act})
            data = fields(page)
    for number, key in enumerate(data["milestone"], start=1):
        data |= {
            f"{key}-title": f"Outcome {number} is live",
            f"{key}-expected_day": 30 * number,
        }
        data |= {f"{key}-p{each}-title": f"Do {number}{each}" for each in range(2)}
        data |= {f"{key}-p{each}-due_day": 20 * number for each in range(2)}
    data = fields(client.post(url("template_new"), data | {"do": "weights"}))
    answer = client.post(url("template_new"), data | {"do": "save"})
    again = client.post(url("template_new"), data | {"do": "save"})

    template = PlanTemplate.objects.get()
    path = templates.path_of(template)
    assert answer.headers["Location"] == again.headers["Location"] == url("template", template)
    assert (template.key, template.title, path.goal) == (
        "ship-it-abroad", "Ship it abroad", "We sell abroad",
    )  # fmt: skip
    assert [(each.title, each.expected_day, each.weight) for each in path.milestones] == [
        ("Outcome 1 is live", 30, 34),
        ("Outcome 2 is live", 60, 33),
        ("Outcome 3 is live", 90, 33),
    ]
    assert AuditEntry.objects.get().verb == "template.saved"


def test_a_template_asks_for_nobody_by_name(sign_in, olga):
    template = make_written()

    page = sign_in(olga).get(url("template_edit", template)).content.decode()

    asked = ("said_by", "anchor_on", '-who"', "consent_upsell", "closes_fit")
    assert [name for name in asked if name in page] == []


@pytest.mark.parametrize(
    ("title", "said"),
    [
        (
            "Renew the membership",
            "A renewal follows from a member&#x27;s success; it is not a part of it.",
        ),
        (
            "Attend three events",
            "Being there is participation; what it gave them is the point.",
        ),
    ],
)
def test_an_event_at_the_association_is_no_milestone(sign_in, olga, title, said):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template)))
    data |= {"m1-title": title, "goal": "Typed by hand", "do": "save"}

    page = client.post(url("template_edit", template), data)

    assert page.status_code == 422
    assert fields(page)["m1-title"] == [title]
    assert "1 thing has to be mended before it can be saved" in text(page)
    assert said in text(page)
    assert "such as" in text(page)
    assert "Typed by hand" in page.content.decode()
    assert templates.path_of(stored()).goal == "We sell abroad"


def test_a_day_that_is_no_number_and_a_missing_title_are_explained_and_kept(sign_in, olga):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template)))
    data |= {"m1-expected_day": "soon", "template_title": " ", "do": "save"}

    page = client.post(url("template_edit", template), data)

    assert page.status_code == 422
    assert fields(page)["m1-expected_day"] == ["soon"]
    assert "Write a whole number, such as 30." in text(page)
    assert "Give it a title by which others find it." in text(page)


@pytest.mark.parametrize(
    "bad",
    [
        {"audience": "martian"},
        {"segment": "nowhere"},
        {"m1-upsell": "nothing"},
        {"m1-evidence": "derived {"},
        {"m1-evidence": 'derived {"rule": "DROP"}'},
        {"m1-advocacy": "bribe"},
        {"goal": "a\x00b"},
        {"m1-expected_day": "-4"},
        {"m1-p0-who": "somebody"},
        {"m1-p0-due_day": "-3"},
    ],
)
def test_what_no_template_may_say_is_refused_and_nothing_is_kept(sign_in, olga, bad):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template))) | bad | {"do": "save"}

    answer = client.post(url("template_edit", template), data)

    assert answer.status_code == 422
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("act", ["fly", "remove", "up:m1:m2", "promise:m1"])
def test_a_button_that_there_is_not_is_404(sign_in, olga, act):
    template = make_written()

    answer = sign_in(olga).post(url("template_edit", template), {"do": act})

    assert answer.status_code == 404


def test_what_was_taken_out_comes_back_without_a_save(sign_in, olga):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template)))

    without = client.post(url("template_edit", template), data | {"do": "remove:m2"})
    whole = client.post(url("template_edit", template), fields(without) | {"do": "restore"})

    assert "“Outcome m2 is live” was removed." in text(without)
    assert fields(without)["milestone"] == ["m1", "m3"]
    assert fields(whole)["milestone"] == ["m1", "m2", "m3"]
    assert len(templates.path_of(template).milestones) == 3


def test_a_page_that_was_tampered_with_forgets_only_what_was_taken_out(sign_in, olga):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template)))

    answer = client.post(url("template_edit", template), data | {"held": "x", "do": "check"})

    assert answer.status_code == 200
    assert fields(answer)["milestone"] == ["m1", "m2", "m3"]


def test_a_script_hears_what_the_linter_says_while_one_writes(sign_in, olga):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template)))
    data |= {"m1-title": "Renew the membership", "do": "autosave"}

    answer = client.post(url("template_edit", template), data, headers=HTMX)

    assert answer.status_code == 200
    assert "1 thing has to be mended before it can be saved" in text(answer)
    assert "Not saved yet" in text(answer)
    assert templates.path_of(template).milestones[0].title == "Outcome m1 is live"


def test_a_script_is_led_to_the_template_once_it_is_saved(sign_in, olga):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template))) | {"goal": "New", "do": "save"}

    answer = client.post(url("template_edit", template), data, headers=HTMX)

    assert answer.headers["HX-Redirect"] == url("template", template)
    assert templates.path_of(stored()).goal == "New"


# --- two who write ---


def test_the_second_writer_is_told_and_loses_nothing(sign_in, olga):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template))) | {"goal": "Mine", "do": "save"}
    bob = make_user(name="Bob", role=Role.DIRECTOR)
    templates.save_template(
        template=template,
        key="firms",
        title="Ship it far",
        audience=MemberKind.ORGANISATION,
        persona="",
        segment=None,
        path=make_path(goal="Theirs"),
        by=bob,
        at=NOON,
    )

    told = client.post(url("template_edit", template), data)
    still = templates.path_of(stored()).goal
    stamp = templates.stamp_of(PlanTemplate.objects.get())
    answer = client.post(url("template_edit", template), fields(told) | {"do": f"mine:{stamp}"})

    assert (told.status_code, still) == (409, "Theirs")
    assert "Bob saved this template at" in text(told)
    assert "The goal Mine Theirs" in text(told)
    assert "What the template is called Ship it abroad Ship it far" in text(told)
    assert answer.status_code == 302
    assert templates.path_of(stored()).goal == "Mine"


def test_the_same_save_twice_is_one_and_no_conflict(sign_in, olga):
    template = make_written()
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template))) | {"goal": "Mine", "do": "save"}

    answers = [client.post(url("template_edit", template), data) for _ in range(2)]

    assert [each.status_code for each in answers] == [302, 302]
    assert AuditEntry.objects.filter(verb="template.saved").count() == 2


def test_what_a_template_said_before_can_be_begun_with(sign_in, olga):
    template = make_written(by=olga)
    client = sign_in(olga)
    data = fields(client.get(url("template_edit", template))) | {"goal": "Worse", "do": "save"}
    client.post(url("template_edit", template), data)
    entry = AuditEntry.objects.exclude(before=None).get()

    page = client.get(f"{url('template_edit', template)}?entry={entry.pk}")
    client.post(url("template_edit", template), fields(page) | {"do": "save"})

    assert templates.path_of(stored()).goal == "We sell abroad"


@pytest.mark.parametrize("entry", ["0", "x", "9999999999999999999999"])
def test_a_text_before_that_there_is_not_is_404(sign_in, olga, entry):
    template = make_written()

    page = sign_in(olga).get(f"{url('template_edit', template)}?entry={entry}")

    assert page.status_code == 404


# --- a copy, its days, and whether it is offered ---


def test_a_copy_begins_with_the_same_way_and_is_its_own(sign_in, olga):
    template = make_written()
    template.milestones.filter(key="m2").update(counted_from=1)
    client = sign_in(olga)

    page = client.get(f"{url('template_new')}?copy=firms")
    answer = client.post(url("template_new"), fields(page) | {"do": "save"})

    copy = PlanTemplate.objects.exclude(pk=template.pk).get()
    assert answer.headers["Location"] == url("template", copy)
    assert (copy.title, copy.key) == ("Ship it abroad (copy)", "ship-it-abroad-copy")
    assert copy.milestones.get(key="m2").counted_from == 1


def test_a_template_is_retired_and_brought_back(sign_in, olga):
    template = make_written()
    client = sign_in(olga)

    gone = client.post(url("template_retire", template), follow=True)
    template.refresh_from_db()
    retired_on = template.retired_on
    back = client.post(url("template_bring_back", template), follow=True)

    template.refresh_from_db()
    assert retired_on == date(2026, 7, 29)
    assert "It is offered no more." in text(gone)
    assert template.retired_on is None
    assert "Retire it" in text(back)


# --- what may be offered ---


def test_offers_are_added_retired_and_brought_back(sign_in, olga):
    client = sign_in(olga)
    data = {"title": "A seat at the table", "words": "You decide", "owned_with_tier": "Gold"}

    for _ in range(2):
        client.post(url("offer_add"), data)
    offer = Offer.objects.get()
    client.post(url("offer_retire", offer))
    retired = Offer.objects.get().is_retired
    page = text(client.post(url("offer_bring_back", offer), follow=True))

    assert (offer.key, retired, Offer.objects.get().is_retired) == (
        "a-seat-at-the-table", True, False,
    )  # fmt: skip
    assert "Members of the tier Gold have it already." in page
    assert AuditEntry.objects.filter(verb__startswith="offer.").count() == 3


def test_an_offer_without_a_title_is_explained_and_kept(sign_in, olga):
    page = sign_in(olga).post(url("offer_add"), {"title": " ", "words": "You decide"})

    assert page.status_code == 422
    assert "Say what is offered." in text(page)
    assert "You decide" in text(page)


def test_an_offer_says_how_many_templates_open_it(sign_in):
    offer = make_offer(title="A seat", is_retired=False)
    first, *others = make_path().milestones
    make_written(path=make_path(milestones=(replace(first, upsell=offer.key), *others)))

    page = text(sign_in(make_user()).get(url("offers")))

    assert "A seat 1 template opens it" in page
    assert "Retire it" not in page


# --- its days ---


def derived_path():
    first, *others = make_path().milestones
    derived = replace(
        first,
        evidence_kind="derived",
        evidence_rule={"rule": "first", "areas": ["certification"]},
    )
    return make_path(milestones=(derived, *others))


def certify(*, members):
    """Members who joined in 2022 and were certified after 40, 41, … days."""
    witness = make_member(kind=MemberKind.INDIVIDUAL)
    make_fact(member=witness, kind="certification.added", occurred_on=date(2021, 1, 1))
    for number in range(members):
        member = make_member()
        make_term(member=member, starts_on=date(2022, 1, 1), ends_on=date(2027, 1, 1))
        make_fact(
            member=member,
            kind="certification.added",
            subject=f"P{number}",
            occurred_on=date(2022, 1, 1) + timedelta(days=40 + number),
        )
    involvement.refresh(as_of=date(2026, 7, 29), scope=Scope(first=0, last=2**62))


def test_the_days_of_members_are_shown_before_they_are_taken(sign_in, olga):
    template = make_written(path=derived_path())
    certify(members=21)
    client = sign_in(olga)

    page = client.get(url("template_days", template), {"since": "2021-01-01"})
    shown = re.findall(r'name="day" value="(\d+)"', page.content.decode())
    before = template.milestones.get(key="m1").expected_day
    data = {"since": "2021-01-01", "day": shown}
    done = text(client.post(url("template_days", template), data, follow=True))

    row = template.milestones.get(key="m1")
    assert "Outcome m1 is live 30 50 20 days later" in text(page)
    assert "21 of 21 members from members like these" in text(page)
    assert "fewer than 20 reached it" in text(page)
    assert shown == ["50", "60", "90"]
    assert (before, row.expected_day, row.expected_basis) == (30, 50, "cohort")
    assert "1 day comes from members now." in done
    assert AuditEntry.objects.latest("pk").verb == "template.calibrated"


def test_days_that_are_no_longer_those_shown_are_not_taken(sign_in, olga):
    template = make_written(path=derived_path())
    certify(members=21)
    data = {"since": "2021-01-01", "day": ["49", "60", "x"]}

    page = sign_in(olga).post(url("template_days", template), data)

    assert page.status_code == 409
    assert "Nothing was taken." in text(page)
    assert template.milestones.get(key="m1").expected_day == 30


def test_too_few_members_move_no_day(sign_in, olga):
    template = make_written(path=derived_path())
    certify(members=19)

    page = text(sign_in(olga).get(url("template_days", template), {"since": "2021-01-01"}))

    assert "They are the template's days already." in page.replace("&#x27;", "'")
    assert "Take these days" not in page


@pytest.mark.parametrize("since", ["", "soon", "0000-00-00"])
def test_a_day_that_is_none_is_explained(sign_in, olga, since):
    template = make_written(path=derived_path())

    page = sign_in(olga).get(url("template_days", template), {"since": since})

    assert page.status_code == 422
    assert "Choose a day, such as 1 August 2024." in text(page)
