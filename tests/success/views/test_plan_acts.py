import json
import re
from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from members.enums import Role
from success.models import FitAssessment, GoalChange, Plan
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_affiliation,
    make_ask,
    make_declaration,
    make_member,
    make_outcome,
    make_person,
    make_plan,
    make_user,
)
from tests.success.views.conftest import HTMX
from tests.success.views.test_plans import text, url

pytestmark = pytest.mark.django_db
SOON = TODAY + timedelta(days=20)


@pytest.fixture
def plan():
    return make_plan(anchor_on=date(2026, 6, 1))


# --- promises ---


def test_promises_stand_in_two_columns_late_ones_first(sign_in, plan):
    make_accountability(plan=plan, title="Soon", due_on=SOON)
    make_accountability(plan=plan, title="Late", due_on=TODAY - timedelta(days=3))
    make_accountability(plan=plan, title="Theirs", side="member", due_on=SOON)

    words = text(sign_in(make_user()).get(url("member_promises", plan.member)))

    assert words.index("What they promised 1") < words.index("What we promised 2")
    assert words.index("Late") < words.index("Soon")
    assert "3 days late" in words


def test_the_kept_rates_of_both_sides_stand_below_the_promises(sign_in, plan):
    late = TODAY - timedelta(days=3)
    make_accountability(plan=plan, due_on=late)
    make_accountability(plan=plan, due_on=late, done_on=late)
    make_accountability(plan=plan, due_on=late - timedelta(days=365))
    make_accountability(plan=plan, side="member", due_on=late, done_on=late)
    make_accountability(due_on=late)  # to another member

    page = text(sign_in(make_user()).get(url("member_promises", plan.member)))

    assert "in the last year, we kept 1 of 2 on time, they 1 of 1." in page


@pytest.mark.parametrize(
    ("do", "said", "expected"),
    [
        ("keep", {"on": "2026-07-28", "evidence": "Sent"}, {"done_on": date(2026, 7, 28)}),
        ("waive", {"reason": "They merged"}, {"waived_reason": "They merged"}),
        ("move", {"due_on": "2026-09-01", "reason": "Holidays"}, {"due_on": date(2026, 9, 1)}),
    ],
)
def test_a_promise_is_settled_or_moved_by_a_form_of_its_own(sign_in, plan, do, said, expected):
    one = make_accountability(plan=plan, due_on=SOON)
    client = sign_in(make_user())
    address = url("promise", plan.member, one.public_id)

    page = client.get(address)
    answer = client.post(
        address, {"do": do} | {f"{do}-{name}": value for name, value in said.items()}
    )

    one.refresh_from_db()
    assert page.status_code == 200
    assert answer.headers["Location"] == url("member", plan.member) + "#promises"
    assert {name: getattr(one, name) for name in expected} == expected


def test_a_promise_is_handed_over_and_opened_again(sign_in, plan):
    ann = make_user(name="Ann")
    one = make_accountability(plan=plan, due_on=SOON, done_on=TODAY)
    client = sign_in(make_user())
    address = url("promise", plan.member, one.public_id)

    client.post(address, {"do": "reopen", "reopen-reason": "It bounced"})
    client.post(address, {"do": "hand_over", "hand_over-who": str(ann.public_id)})

    one.refresh_from_db()
    assert (one.done_on, one.owner) == (None, ann)


def test_a_day_that_has_passed_cannot_be_moved(sign_in, plan):
    one = make_accountability(plan=plan, due_on=TODAY - timedelta(days=3))
    client = sign_in(make_user())
    address = url("promise", plan.member, one.public_id)

    page = client.get(address)
    answer = client.post(
        address, {"do": "move", "move-due_on": "2026-09-01", "move-reason": "Later"}
    )

    assert "Another day" not in text(page)
    assert answer.status_code == 409
    assert "Meanwhile it was changed." in text(answer)


def test_what_was_typed_stays_where_it_was_refused(sign_in, plan):
    one = make_accountability(plan=plan, due_on=SOON)
    client = sign_in(make_user())
    data = {"do": "keep", "keep-on": "2027-01-01", "keep-evidence": "By post"}

    page = client.post(url("promise", plan.member, one.public_id), data, headers=HTMX)

    html = page.content.decode()
    assert page.status_code == 422
    assert "Choose a day that has come." in html
    assert "By post" in html
    assert "</html>" not in html


def test_a_script_hears_that_the_member_changed(sign_in, plan):
    one = make_accountability(plan=plan, due_on=SOON)
    data = {"do": "keep", "keep-on": "2026-07-29", "keep-evidence": ""}

    answer = sign_in(make_user()).post(
        url("promise", plan.member, one.public_id), data, headers=HTMX
    )

    heard = json.loads(answer.headers["HX-Trigger"])
    assert (answer.status_code, heard["member-changed"]) == (204, {"panel": "promises"})


def test_something_more_is_promised_while_the_plan_runs(sign_in, plan):
    person = make_affiliation(member=plan.member).person
    client = sign_in(make_user())
    data = {
        "do": "add",
        "add-side": "member",
        "add-title": "Name a lead",
        "add-due_on": "2026-09-01",
        "add-person": str(person.public_id),
        "add-milestone": "milestone-2",
    }

    client.post(url("promise_add", plan.member), data)

    made = plan.accountabilities.get()
    assert (made.title, made.person, made.owner) == ("Name a lead", person, None)
    assert made.milestone.key == "milestone-2"


# --- milestones ---


def test_a_milestone_is_confirmed_and_taken_back(sign_in, plan):
    client = sign_in(make_user())
    address = url("milestone", plan.member, "milestone-1")

    client.post(
        address,
        {"do": "achieve", "achieve-on": "2026-07-01", "achieve-what_changed": "It runs"},
    )
    reached = text(client.get(url("member_milestones", plan.member)))
    client.post(
        address, {"do": "revoke", "revoke-on": "2026-07-20", "revoke-reason": "It broke"}
    )

    milestone = plan.milestones.get(key="milestone-1")
    assert "reached 1 July 2026" in reached
    assert "“It runs”" in reached
    assert milestone.evidence_dates == [date(2026, 7, 1), date(2026, 7, 20)]


def test_a_declaration_is_answered_from_the_panel(sign_in, plan):
    said = make_declaration(
        milestone=plan.milestones.first(), on=date(2026, 7, 1), what_changed="We ship"
    )
    client = sign_in(make_user())

    panel = text(client.get(url("member_milestones", plan.member)))
    client.post(
        url("declaration", plan.member, said.public_id), {"do": "confirm", "confirm-answer": ""}
    )

    said.refresh_from_db()
    assert "“We ship” reached on 1 July 2026 Answer it" in panel
    assert said.status == "confirmed"


def test_a_declaration_is_declined_with_words_only(sign_in, plan):
    said = make_declaration(milestone=plan.milestones.first(), what_changed="We ship")
    client = sign_in(make_user())
    address = url("declaration", plan.member, said.public_id)

    silent = client.post(address, {"do": "decline", "decline-answer": ""})
    client.post(address, {"do": "decline", "decline-answer": "The second half is missing"})

    said.refresh_from_db()
    assert (silent.status_code, said.status) == (422, "declined")
    assert said.answer == "The second half is missing"


def test_a_file_is_saved_and_never_shown(sign_in, plan, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    said = make_declaration(milestone=plan.milestones.first(), attachment_name="proof.txt")
    said.attachment.save("kept.txt", ContentFile(b"<script>alert(1)</script>"))
    address = url("declaration_file", plan.member, said.public_id)

    answer = sign_in(make_user()).get(address)

    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="proof.txt"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_declaration_of_another_member_is_404(sign_in, plan):
    said = make_declaration(milestone=plan.milestones.first())
    client = sign_in(make_user())

    for name in ("declaration", "declaration_file"):
        assert client.get(url(name, make_member(), said.public_id)).status_code == 404


# --- what they want, and need ---


def test_a_goal_is_confirmed_and_a_stale_one_says_what_would_mend_it(sign_in):
    goal = make_outcome(
        goal="Lead the field", said_on=date(2025, 6, 1), confirmed_on=date(2025, 6, 1)
    )
    client = sign_in(make_user())

    stale = text(client.get(url("member_outcome", goal.member)))
    client.post(
        url("outcome_confirm", goal.member),
        {"do": "confirm", "confirm-on": "2026-07-28", "confirm-said_in": "call"},
    )
    fresh = text(client.get(url("member_outcome", goal.member)))

    goal.refresh_from_db()
    assert "Nobody has said for 423 days that it still holds." in stale
    assert "Nobody has said" not in fresh
    assert goal.confirmed_on == date(2026, 7, 28)


def test_another_goal_is_kept_beside(sign_in):
    goal = make_outcome()

    sign_in(make_user()).post(
        url("outcome_add", goal.member), {"do": "add", "add-goal": "Learn to teach"}
    )

    assert goal.member.outcomes.get(is_primary=False).goal == "Learn to teach"


def test_a_changed_goal_is_answered_or_written_anew(sign_in, plan):
    change = GoalChange.objects.create(member=plan.member, words="Grow abroad", at=NOON)
    client = sign_in(make_user())
    address = url("goal_change", plan.member, change.public_id)

    page = text(client.get(address))
    client.post(address, {"do": "decline", "decline-answer": "After the audit"})

    change.refresh_from_db()
    assert "Grow abroad" in page
    assert "Write the plan for the new goal" in page
    assert (change.status, change.answer) == ("declined", "After the audit")


def test_a_missing_fit_says_what_is_missing(sign_in):
    member = make_member()
    client = sign_in(make_user())
    address = url("fit", member, "resource")

    silent = client.post(address, {"do": "assess", "assess-status": "missing"})
    client.post(
        address,
        {"do": "assess", "assess-status": "missing", "assess-reason": "Nobody has time"},
    )

    assert silent.status_code == 422
    assert FitAssessment.objects.get().reason == "Nobody has time"
    assert "Nobody has time" in text(client.get(url("member_potential", member)))


# --- asks ---


def test_an_ask_says_why_it_may_not_be_asked_now(sign_in, plan):
    ask = make_ask(milestone=plan.milestones.first())
    client = sign_in(make_user())

    panel = text(client.get(url("member_asks", plan.member)))
    page = text(client.get(url("ask", plan.member, ask.public_id)))

    for words in (panel, page):
        assert "The milestone has not been reached." in words
    assert "Keep that we asked" not in page


def test_consent_is_kept_with_who_gave_it(sign_in, plan):
    ask = make_ask(milestone=plan.milestones.first(), consented_on=None)
    person = make_affiliation(member=plan.member, person=make_person(name="Kim")).person

    sign_in(make_user()).post(
        url("ask", plan.member, ask.public_id),
        {
            "do": "consent",
            "consent-on": "2026-07-20",
            "consent-person": str(person.public_id),
        },
    )

    ask.refresh_from_db()
    assert (ask.consented_on, ask.consented_by) == (date(2026, 7, 20), person)


# --- the plan, and what was changed ---


def test_a_plan_is_paused_and_goes_on(sign_in, plan):
    client = sign_in(make_user())

    client.post(
        url("plan_pause", plan.member),
        {"do": "pause", "pause-starts_on": "2026-07-01", "pause-reason": "Parental leave"},
    )
    paused = text(client.get(url("member_plan", plan.member)))
    client.post(url("plan_resume", plan.member), {"do": "resume", "resume-on": "2026-07-20"})

    pause = plan.pauses.get()
    assert "Paused since 1 July 2026 : Parental leave" in paused
    assert (pause.starts_on, pause.ends_on) == (date(2026, 7, 1), date(2026, 7, 20))


def test_what_was_changed_names_who_and_when(sign_in, plan):
    amy = make_user(name="Amy")
    client = sign_in(amy)

    client.post(
        url("plan_pause", plan.member),
        {"do": "pause", "pause-starts_on": "2026-07-01", "pause-reason": "Leave"},
    )
    words = text(client.get(url("member_changes", plan.member)))

    assert re.search(r"today, \d\d:\d\d , Amy", words)


# --- who may, and where it stands ---

EVERY = [
    "member_outcome",
    "member_milestones",
    "member_promises",
    "member_asks",
    "member_plan",
    "member_potential",
    "member_changes",
]


@pytest.mark.parametrize("name", EVERY)
def test_every_panel_is_guarded_and_fetches_itself(sign_in, plan, name):
    address = url(name, plan.member)

    fragment = sign_in(make_user()).get(address, headers=HTMX).content.decode()

    assert f'hx-get="{address}" hx-trigger="member-changed from:body"' in fragment
    assert sign_in(make_user(role=Role.MEMBER)).get(address).status_code == 403
    unknown = reverse(f"success:{name}", args=["00000000-0000-7000-8000-000000000000"])
    assert sign_in(make_user()).get(unknown).status_code == 404


def test_nothing_is_done_to_a_day_that_has_passed(sign_in, plan):
    from tests.factories import make_night

    make_night()
    make_accountability(plan=plan, due_on=SOON)
    client = sign_in(make_user())

    then = client.get(url("member_promises", plan.member) + "?as_of=2026-07-01", headers=HTMX)

    html = then.content.decode()
    assert "Done, or change" not in html
    assert "hx-trigger" not in html


def test_the_member_page_offers_to_agree_a_plan_where_there_is_none(sign_in):
    member = make_member()

    page = sign_in(make_user()).get(url("member", member))

    assert f'href="{url("plan_start", member)}"' in page.content.decode()
    assert Plan.objects.count() == 0
