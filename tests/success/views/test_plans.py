import re
from datetime import date, timedelta

import pytest
from django.urls import reverse

from members.enums import MemberKind, Role
from members.models import AuditEntry
from success.engine.planning import to_data
from success.enums import DraftPurpose
from success.models import FitAssessment, GoalChange, Plan, PlanDraft
from success.services import drafts
from tests.factories import (
    NOON,
    TODAY,
    make_affiliation,
    make_declaration,
    make_member,
    make_offer,
    make_path,
    make_plan,
    make_user,
)
from tests.success.views.conftest import HTMX

pytestmark = pytest.mark.django_db


def url(name, member, *more):
    return reverse(f"success:{name}", args=[member.public_id, *more])


def text(response):
    """What is read on a page, its markup left out."""
    html = re.sub(
        r"<(script|style|title).*?</\1>", " ", response.content.decode(), flags=re.DOTALL
    )
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def fields(response):
    """What a browser would send back of the editor, without any button."""
    html = response.content.decode()
    form = html[html.index('id="plan-editor"') :]
    form = form[: form.index("</form>")]
    data = {}
    for tag in re.finditer(r"<input\b[^>]*>", form):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag.group()))
        if found.get("type") == "checkbox" and " checked" not in tag.group():
            continue
        data.setdefault(found["name"], []).append(found.get("value", "on"))
    for name, value in re.findall(
        r'<textarea\b[^>]*?name="([^"]+)"[^>]*>\s*(.*?)</textarea>', form, flags=re.DOTALL
    ):
        data[name] = [value]
    for name, options in re.findall(
        r'<select\b[^>]*?name="([^"]+)"[^>]*>(.*?)</select>', form, flags=re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', options)
        data[name] = [chosen.group(1).replace("&quot;", '"') if chosen else ""]
    data.pop("csrfmiddlewaretoken", None)
    return data


def make_draft(  # what a draft is made of
    *, member=None, path=None, by=None, purpose=DraftPurpose.AGREE, anchor_on=TODAY, **content
):
    """An open draft of a whole plan, its goal said by a person of the member."""
    member = member or make_member()
    draft = drafts.start(
        member=member,
        purpose=purpose,
        anchor_on=anchor_on,
        by=by or make_user(),
        at=NOON,
        empty=True,
    )
    said_by = str(make_affiliation(member=member).person.public_id)
    written = draft.content | to_data(path or make_path()) | {"said_by": said_by} | content
    return drafts.save(
        draft=draft,
        content=written,
        reason="",
        anchor_on=anchor_on,
        revision=1,
        by=draft.by,
        at=NOON,
    )


# --- begin ---


def test_a_plan_is_begun_from_the_template_that_fits(sign_in):
    from success.services.templates import save_template

    member = make_member(kind=MemberKind.ORGANISATION)
    amy = make_user()
    for key, title, audience in (
        ("people", "For people", MemberKind.INDIVIDUAL),
        ("firms", "For firms", MemberKind.ORGANISATION),
    ):
        save_template(
            template=None,
            key=key,
            title=title,
            audience=audience,
            persona="",
            segment=None,
            path=make_path(),
            by=amy,
            at=NOON,
        )
    client = sign_in(amy)

    page = text(client.get(url("plan_start", member)))
    data = {"purpose": "agree", "begin_with": "template firms", "anchor_on": "2026-08-01"}
    answer = client.post(url("plan_start", member), data)

    draft = PlanDraft.objects.get()
    assert page.index("For firms fits this member") < page.index("For people")
    assert answer.headers["Location"] == url("plan_edit", member)
    assert (draft.template_key, draft.anchor_on, draft.purpose) == (
        "firms", date(2026, 8, 1), "agree",
    )  # fmt: skip
    assert len(draft.content["milestones"]) == len(make_path().milestones)


def test_whoever_begins_second_is_led_to_the_open_draft(sign_in):
    draft = make_draft(by=make_user(name="Ann"))
    data = {"purpose": "agree", "begin_with": "nothing", "anchor_on": "2026-08-01"}

    page = sign_in(make_user()).post(url("plan_start", draft.member), data, follow=True)

    assert "Ann began to write this plan already." in text(page)
    assert PlanDraft.objects.count() == 1


def test_a_start_without_a_day_is_explained_and_keeps_what_was_chosen(sign_in):
    member = make_member()

    page = sign_in(make_user()).post(
        url("plan_start", member),
        {"purpose": "agree", "begin_with": "nothing", "anchor_on": "soon"},
    )

    assert (page.status_code, PlanDraft.objects.count()) == (422, 0)
    assert text(page).count("Choose a day, such as 1 August 2026.") == 2
    assert re.search(r'value="nothing" checked', page.content.decode())


def test_a_draft_that_was_put_away_is_taken_up_again(sign_in):
    draft = make_draft()
    client = sign_in(make_user())

    client.post(url("plan_drop", draft.member))
    away = text(client.get(url("plan_start", draft.member)))
    client.post(url("plan_take_up", draft.member))

    draft.refresh_from_db()
    assert "wrote a draft that was put away" in away
    assert draft.dropped_at is None


# --- write ---


def test_the_editor_sends_back_exactly_what_it_shows(sign_in):
    make_offer(key="tooling", title="Tooling")
    draft = make_draft(consents=[])
    client = sign_in(make_user())
    page = client.get(url("plan_edit", draft.member))

    client.post(url("plan_edit", draft.member), fields(page) | {"do": "save"})

    was = draft.content
    draft.refresh_from_db()
    assert draft.content == was
    assert draft.revision == 2


@pytest.mark.parametrize(
    ("do", "change"),
    [
        ("add", lambda keys: [*keys, "new"]),
        ("up:second", lambda keys: [keys[1], keys[0], *keys[2:]]),
        ("down:first", lambda keys: [keys[1], keys[0], *keys[2:]]),
        ("remove:first", lambda keys: keys[1:]),
    ],
)
def test_the_buttons_work_without_a_script_and_keep_what_was_typed(sign_in, do, change):
    draft = make_draft()
    keys = [each["key"] for each in draft.content["milestones"]]
    do = do.replace("first", keys[0]).replace("second", keys[1])
    client = sign_in(make_user())
    data = fields(client.get(url("plan_edit", draft.member)))

    answer = client.post(
        url("plan_edit", draft.member), data | {"goal": ["Ship it twice a year"], "do": do}
    )

    draft.refresh_from_db()
    now = [
        each["key"] if each["key"] in keys else "new" for each in draft.content["milestones"]
    ]
    assert (answer.status_code, draft.content["goal"]) == (302, "Ship it twice a year")
    assert answer.headers["Location"].startswith(url("plan_edit", draft.member) + "#milestone-")
    assert now == change(keys)


def test_a_removed_milestone_can_be_put_back(sign_in):
    draft = make_draft()
    before = draft.content["milestones"]
    client = sign_in(make_user())
    edit = url("plan_edit", draft.member)

    data = fields(client.get(edit))
    client.post(edit, data | {"do": f"remove:{before[1]['key']}"})
    page = client.get(edit)
    client.post(edit, fields(page) | {"do": "restore"})

    draft.refresh_from_db()
    assert f"“{before[1]['title']}” was removed." in text(page)
    assert draft.content["milestones"] == before


def test_what_is_no_number_is_kept_and_explained_beside_its_field(sign_in):
    draft = make_draft()
    key = draft.content["milestones"][0]["key"]
    client = sign_in(make_user())
    edit = url("plan_edit", draft.member)
    data = fields(client.get(edit)) | {f"{key}-expected_day": "in spring", "do": "check"}

    page = client.post(edit, data, follow=True)

    html = page.content.decode()
    assert f'name="{key}-expected_day" value="in spring"' in html
    assert f'id="id_{key}-expected_day_error"' in html
    assert f'href="#id_{key}-expected_day"' in html
    assert "1 thing has to be mended before it can be agreed" in text(page)


def test_a_number_that_is_missing_hides_nothing_else(sign_in):
    draft = make_draft(goal="")
    key = draft.content["milestones"][0]["key"]
    client = sign_in(make_user())
    edit = url("plan_edit", draft.member)
    data = fields(client.get(edit)) | {f"{key}-expected_day": "", "do": "check"}

    words = text(client.post(edit, data, follow=True))

    assert "2 things have to be mended before it can be agreed" in words


def test_a_day_0_that_is_none_stays_on_the_page_and_the_rest_is_saved(sign_in):
    draft = make_draft()
    client = sign_in(make_user())
    edit = url("plan_edit", draft.member)
    data = fields(client.get(edit)) | {"anchor_on": "soon", "goal": "Another", "do": "save"}

    page = client.post(edit, data)

    draft.refresh_from_db()
    assert page.status_code == 422
    assert 'name="anchor_on" value="soon"' in page.content.decode()
    assert (draft.content["goal"], draft.anchor_on) == ("Another", TODAY)


def test_weights_are_spread_evenly(sign_in):
    draft = make_draft()
    client = sign_in(make_user())
    edit = url("plan_edit", draft.member)

    client.post(edit, fields(client.get(edit)) | {"do": "weights"})

    draft.refresh_from_db()
    weights = [each["weight"] for each in draft.content["milestones"] if each["is_gating"]]
    assert (sum(weights), max(weights) - min(weights) <= 1) == (100, True)


def test_the_second_of_two_editors_is_told_and_keeps_their_text(sign_in):
    draft = make_draft()
    ann, bob = make_user(name="Ann"), make_user(name="Bob")
    edit = url("plan_edit", draft.member)
    first, second = sign_in(ann), sign_in(bob)
    theirs, mine = fields(first.get(edit)), fields(second.get(edit))

    first.post(edit, theirs | {"goal": "What Ann heard", "do": "save"})
    page = second.post(edit, mine | {"goal": "What Bob heard", "do": "save"})
    draft.refresh_from_db()
    kept = draft.content["goal"]
    over = second.post(edit, fields(page) | {"do": f"mine:{draft.revision}"})
    draft.refresh_from_db()

    assert (page.status_code, kept) == (409, "What Ann heard")
    words = text(page)
    assert "Ann saved this draft at" in words
    assert "The goal What Bob heard What Ann heard" in words
    assert fields(page)["goal"] == ["What Bob heard"]
    assert (over.status_code, draft.content["goal"]) == (302, "What Bob heard")
    assert draft.content["replaced"]["content"]["goal"] == "What Ann heard"
    assert draft.content["replaced"]["by"] == "Ann"


def test_a_save_by_itself_says_when_and_what_the_linter_says(sign_in):
    draft = make_draft()
    client = sign_in(make_user())
    edit = url("plan_edit", draft.member)
    data = fields(client.get(edit)) | {"goal": "", "do": "autosave"}

    answer = client.post(edit, data, headers=HTMX)

    html = answer.content.decode()
    assert 'id="plan-revision" value="3" hx-swap-oob="true"' in html
    assert re.search(r'id="notes-goal"[^>]*><p class="is-error">', html)
    assert "<form" not in html
    assert answer.headers["HX-Trigger-After-Settle"] == "plan-saved"


def test_a_save_by_itself_that_was_overtaken_stops_and_tells(sign_in):
    draft = make_draft()
    edit = url("plan_edit", draft.member)
    client = sign_in(make_user())
    data = fields(client.get(edit))
    client.post(edit, data | {"goal": "Newer", "do": "save"})

    answer = client.post(edit, data | {"goal": "Older", "do": "autosave"}, headers=HTMX)

    draft.refresh_from_db()
    html = answer.content.decode()
    assert draft.content["goal"] == "Newer"
    assert '<div id="plan-autosave" hx-swap-oob="true"></div>' in html
    assert "Your text is still here" in html


def test_the_editor_is_a_fragment_of_its_page(sign_in):
    draft = make_draft()
    client = sign_in(make_user())
    edit = url("plan_edit", draft.member)

    page, fragment = client.get(edit), client.get(edit, headers=HTMX)

    token = re.compile(rb'value="\w{64}"')
    assert token.sub(b"", fragment.content).strip() in token.sub(b"", page.content)
    assert "no-store" in page.headers["Cache-Control"]


def test_the_preview_is_what_the_member_will_see(sign_in):
    draft = make_draft(goal="Ship it", first_30="A first call")
    client = sign_in(make_user())

    page = client.get(url("plan_preview", draft.member))

    words = text(page)
    titles = [each["title"] for each in draft.content["milestones"]]
    assert "Ship it" in words
    assert "A first call" in words
    assert [title for title in titles if title not in words] == []
    assert "assumed" not in words
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert b"<form" not in page.content.partition(b"<main")[2]


def test_an_unfinished_draft_can_be_looked_at(sign_in):
    member = make_member()
    drafts.start(
        member=member, purpose=DraftPurpose.AGREE, anchor_on=TODAY, by=make_user(), at=NOON
    )
    client = sign_in(make_user())
    client.post(url("plan_edit", member), {"do": "add", "revision": "1", "goal": ""})

    assert client.get(url("plan_preview", member)).status_code == 200


# --- agree ---


def test_the_last_page_shows_what_will_be_and_one_press_agrees_it(sign_in):
    amy = make_user(name="Amy")
    draft = make_draft(by=amy)
    client = sign_in(amy)
    agree = url("plan_agree", draft.member)

    page = client.get(agree)
    answer = client.post(agree, {"revision": draft.revision})
    again = client.post(agree, {"revision": draft.revision})

    words = text(page)
    plan = Plan.objects.get()
    promised = [each["title"] for m in draft.content["milestones"] for each in m["promises"]]
    assert [title for title in promised if title not in words] == []
    assert (plan.member, plan.anchor_on, plan.agreed_by) == (draft.member, TODAY, amy)
    assert answer.headers["Location"] == url("member", draft.member)
    assert again.headers["Location"] == url("member", draft.member)
    assert AuditEntry.objects.filter(verb="plan.agreed").count() == 1


def test_what_must_be_mended_keeps_it_from_being_agreed(sign_in):
    draft = make_draft(goal="")
    client = sign_in(make_user())
    agree = url("plan_agree", draft.member)

    page = client.get(agree)
    answer = client.post(agree, {"revision": draft.revision})

    assert "Agree this plan" not in text(page)
    assert (answer.status_code, Plan.objects.count()) == (422, 0)
    assert "Nothing is agreed." in text(answer)


def test_a_warning_does_not_keep_it_from_being_agreed(sign_in):
    draft = make_draft(first_30="", first_60="", first_90="")

    page = sign_in(make_user()).get(url("plan_agree", draft.member))

    assert "Agree this plan" in text(page)


def test_a_text_that_was_not_shown_is_not_agreed(sign_in):
    draft = make_draft()
    client = sign_in(make_user())

    answer = client.post(url("plan_agree", draft.member), {"revision": draft.revision - 1})

    assert (answer.status_code, Plan.objects.count()) == (409, 0)
    assert "saved the draft in between" in text(answer)


def test_a_goal_that_nobody_said_is_not_agreed(sign_in):
    draft = make_draft(said_by="")

    answer = sign_in(make_user()).post(
        url("plan_agree", draft.member), {"revision": draft.revision}
    )

    assert (answer.status_code, Plan.objects.count()) == (422, 0)


def test_new_days_ask_for_a_reason_and_say_what_they_hide(sign_in):
    amy = make_user()
    draft = make_draft(by=amy, anchor_on=TODAY - timedelta(days=120))
    client = sign_in(amy)
    client.post(url("plan_agree", draft.member), {"revision": draft.revision})
    plan = Plan.objects.get()
    start = url("plan_start", draft.member)
    client.post(
        start, {"purpose": "replan", "begin_with": "current", "anchor_on": TODAY.isoformat()}
    )
    edit = url("plan_edit", draft.member)
    data = fields(client.get(edit))
    late = [name for name in data if name.endswith("-expected_day")]
    later = {name: str(int(data[name][0]) + 200) for name in late}

    silent = client.post(edit, data | {"do": "check"}, follow=True)
    client.post(edit, fields(silent) | later | {"reason": "A merger", "do": "save"})
    page = client.get(url("plan_agree", draft.member))
    revision = PlanDraft.objects.get(agreed_at=None).revision
    client.post(url("plan_agree", draft.member), {"revision": revision})

    assert "Say why the plan that was agreed is not kept." in text(silent)
    assert "What this hides:" in text(page)
    newest = Plan.objects.get(closed_on=None)
    assert (newest.version, newest.succession, newest.reason) == (2, "replanned", "A merger")
    assert newest.baseline == plan


def test_a_new_goal_says_what_is_carried_over_and_answers_the_change(sign_in):
    from success.services import milestones

    amy = make_user()
    draft = make_draft(by=amy)
    client = sign_in(amy)
    client.post(url("plan_agree", draft.member), {"revision": draft.revision})
    plan = Plan.objects.get()
    first = plan.milestones.order_by("position").first()
    milestones.achieve(
        milestone=first, on=TODAY, source="confirmed", by=amy, what_changed="So", at=NOON
    )
    change = GoalChange.objects.create(
        member=draft.member, words="We want to lead", by=None, at=NOON
    )
    client.post(
        url("plan_start", draft.member),
        {"purpose": "evolve", "begin_with": "current", "anchor_on": TODAY.isoformat()},
    )
    edit = url("plan_edit", draft.member)
    client.post(edit, fields(client.get(edit)) | {"do": "add"})
    page = client.get(edit)
    data = fields(page) | {"said_by": draft.content["said_by"], "reason": "They grew"}
    new = data["milestone"][2]
    data |= {f"{new}-title": "A third country buys it", f"{new}-expected_day": "120"}
    client.post(edit, data | {"do": "weights"})
    for side in ("member", "association"):
        client.post(edit, fields(client.get(edit)) | {"do": f"promise:{new}:{side}"})
    data = fields(client.get(edit))
    for number in (0, 1):
        data |= {
            f"{new}-p{number}-title": "Call the first buyer",
            f"{new}-p{number}-due_day": "90",
        }
    client.post(edit, data | {"do": "save"})
    last = client.get(url("plan_agree", draft.member))
    revision = PlanDraft.objects.get(agreed_at=None).revision
    client.post(url("plan_agree", draft.member), {"revision": revision})

    assert "We want to lead" in fields(page)["goal"]
    assert "reached, and carried over" in text(page)
    assert f"Reached already, and carried over {first.title}" in text(last)
    change.refresh_from_db()
    newest = Plan.objects.get(closed_on=None)
    assert (newest.succession, change.status) == ("goal_changed", "confirmed")
    assert newest.milestones.get(key=first.key).is_carried_over


def test_a_missing_fit_keeps_a_plan_from_being_agreed(sign_in):
    draft = make_draft()
    FitAssessment.objects.create(
        member=draft.member,
        fit="resource",
        status="missing",
        reason="Nobody has the time",
        on=TODAY,
        recorded_at=NOON,
    )

    answer = sign_in(make_user()).post(
        url("plan_agree", draft.member), {"revision": draft.revision}
    )

    assert (answer.status_code, Plan.objects.count()) == (422, 0)


# --- who may ---


@pytest.mark.parametrize("role", [Role.MSM, Role.DIRECTOR, Role.OPERATIONS])
def test_staff_write_plans(sign_in, role):
    draft = make_draft()

    assert sign_in(make_user(role=role)).get(url("plan_edit", draft.member)).status_code == 200


@pytest.mark.parametrize(
    "name", ["plan_start", "plan_edit", "plan_preview", "plan_agree", "member_plan"]
)
def test_a_member_writes_no_plan_and_a_stranger_is_sent_to_log_in(sign_in, client, name):
    draft = make_draft()
    theirs = make_user(role=Role.MEMBER, member=draft.member)

    assert sign_in(theirs).get(url(name, draft.member)).status_code == 403
    assert "/accounts/" in client.get(url(name, draft.member)).headers["Location"]


@pytest.mark.parametrize("name", ["plan_preview", "plan_pause", "plan_resume"])
def test_what_is_not_there_is_404(sign_in, name):
    assert sign_in(make_user()).get(url(name, make_member())).status_code == 404


def test_without_a_draft_the_editor_leads_to_the_start(sign_in):
    member = make_member()

    answer = sign_in(make_user()).get(url("plan_edit", member))

    assert answer.headers["Location"] == url("plan_start", member)


def test_an_act_that_nobody_knows_is_404_and_changes_nothing(sign_in):
    draft = make_draft()
    client = sign_in(make_user())
    edit = url("plan_edit", draft.member)

    answer = client.post(edit, fields(client.get(edit)) | {"do": "explode"})

    was = draft.revision
    draft.refresh_from_db()
    assert (answer.status_code, draft.revision) == (404, was)


# --- the desk ---


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_desk_shows_what_waits_at_the_same_number_of_queries(
    sign_in, item_count, django_assert_num_queries
):
    for _ in range(item_count):
        make_declaration(milestone=make_plan().milestones.first(), what_changed="It runs")
        GoalChange.objects.create(member=make_member(), words="Another goal", at=NOON)
        drafts.start(
            member=make_member(),
            purpose=DraftPurpose.AGREE,
            anchor_on=TODAY,
            by=make_user(),
            at=NOON,
        )
    client = sign_in(make_user())

    with django_assert_num_queries(9):
        page = client.get(reverse("success:plans"))

    assert text(page).count("“It runs”") == item_count
    assert text(page).count("“Another goal”") == item_count
