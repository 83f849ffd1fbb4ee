"""What a member says: who of them may, what becomes of it, and that no word is lost."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.factories import (
    TODAY,
    make_accountability,
    make_assignment,
    make_member,
    make_outcome,
    make_person,
    make_user,
)
from tests.success.views.portal_people import (
    add_milestone,
    announced,
    declared,
    late_plan,
    login,
    words,
)

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def member():
    found = make_member(name="Harbour Works")
    late_plan(found)
    make_outcome(member=found)
    make_assignment(member=found, owner=make_user(name="Mira Lindqvist"))
    return found


@pytest.fixture
def plan(member):
    return member.plans.get()


@pytest.fixture
def kim(client, member):
    user = login(member, name="Kim Adeyemi", person=make_person(name="Kim Adeyemi"))
    client.force_login(user)
    return user


def address(name, *args):
    return reverse(f"success:{name}", args=args)


def acts(plan):
    """Each thing that can be said, as (who may, address, form)."""
    ours = make_accountability(plan=plan, done_on=TODAY)
    theirs = plan.accountabilities.get(side="member")
    ask = announced(plan.milestones.get(position=4))
    day = TODAY.isoformat()
    return [
        ("lead", address("path_goal_confirm"), {}),
        ("lead", address("path_goal"), {"words": "Another"}),
        ("lead", address("path_closer"), {"answer": "yes"}),
        ("lead", address("path_ask_agree", ask.public_id), {}),
        ("lead", address("path_ask_refuse", ask.public_id), {}),
        ("lead", address("path_ask", ask.public_id), {"answer": "yes"}),
        ("lead", address("path_review_book"), {}),
        ("lead", address("path_review_move"), {}),
        ("lead", address("path_review_cancel"), {}),
        (
            "contributor",
            address("path_declare", "milestone-2"),
            {"on": day, "what_changed": "x"},
        ),
        ("contributor", address("path_withdraw", "milestone-2"), {}),
        ("contributor", address("path_keep", theirs.public_id), {"on": day}),
        ("contributor", address("path_helped", ours.public_id), {"helped": "yes"}),
    ]


@pytest.mark.parametrize("part", ["reader", "contributor"])
def test_who_may_not_is_refused_and_told_who_may(client, member, plan, part):
    login(member, name="Kim Adeyemi")
    login(make_member(), name="Somebody Else")
    asked = [act for act in acts(plan) if part == "reader" or act[0] == "lead"]
    client.force_login(login(member, part))

    answers = [client.post(url, form) for _, url, form in asked]

    assert {answer.status_code for answer in answers} == {403}
    assert all(
        "Kim Adeyemi speaks for Harbour Works here." in answer.content.decode()
        for answer in answers
    )
    assert plan.milestones.get(position=2).declarations.count() == 0
    assert member.goal_changes.count() == 0


def test_a_contributor_may_say_what_is_done(client, member, plan):
    asked = [act for act in acts(plan) if act[0] == "contributor"]
    client.force_login(login(member, "contributor"))

    assert {client.post(url, form).status_code for _, url, form in asked} == {302}


@pytest.mark.parametrize(
    ("part", "shown", "hidden"),
    [
        ("lead", ("Still right", "Our goal has changed", "This is done", "You may ask"), ()),
        (
            "contributor",
            ("This is done",),
            ("Still right<", "goal has changed", "You may ask<"),
        ),
        ("reader", (), ("Still right<", "goal has changed", "This is done", "You may ask<")),
    ],
)
def test_buttons_that_one_may_not_use_are_not_shown(client, member, part, shown, hidden):
    announced(member.plans.get().milestones.get(position=4))
    login(member, name="Kim Adeyemi")
    client.force_login(login(member, part))

    html = client.get(address("path")).content.decode()

    assert [text for text in shown if text not in html] == []
    assert [text for text in hidden if text in html] == []
    assert ("Kim Adeyemi speaks for" in html) == (part != "lead")


def test_staff_cannot_speak_for_a_member(client, plan):
    client.force_login(make_user())

    assert {client.post(url, form).status_code for _, url, form in acts(plan)} == {403}


def test_nothing_of_another_member_can_be_reached(client, kim):
    other = late_plan(make_member())
    declaration = declared(other.milestones.get(position=2))
    theirs = other.accountabilities.get(side="member")
    ask = announced(other.milestones.get(position=4))
    day = TODAY.isoformat()

    asked = [
        client.get(address("path_promise", theirs.public_id)),
        client.post(address("path_keep", theirs.public_id), {"on": day}),
        client.post(address("path_ask_agree", ask.public_id)),
        client.post(address("path_ask_refuse", ask.public_id)),
        client.get(address("path_ask", ask.public_id)),
        client.get(address("path_attachment", declaration.public_id)),
    ]

    assert {answer.status_code for answer in asked} == {404}


# --- the goal ---------------------------------------------------------------------------------


def test_the_goal_is_still_right(client, member, kim):
    for _ in range(2):  # pressed twice
        assert client.post(address("path_goal_confirm")).status_code == 302

    outcome = member.outcomes.get()
    assert outcome.confirmed_on == TODAY
    assert [(one.said_in, one.by) for one in outcome.confirmations.all()] == [("portal", kim)]
    assert "You said today that it is still right." in words(
        client.get(address("path")).content.decode()
    )


def test_the_goal_has_changed_waits_for_an_answer(client, member, kim):
    answer = client.post(address("path_goal"), {"words": "Be certified"}, follow=True)

    change = member.goal_changes.get()
    assert (change.words, change.status, change.by) == ("Be certified", "waiting", kim)
    assert "We have it, and Mira Lindqvist answers you." in words(answer.content.decode())


def test_a_changed_goal_sent_twice_is_one(client, member, kim):
    for _ in range(2):
        client.post(address("path_goal"), {"words": "Be certified"})

    assert member.goal_changes.count() == 1


def test_another_goal_while_one_waits_is_refused_and_its_words_kept(client, member, kim):
    client.post(address("path_goal"), {"words": "Be certified"})

    answer = client.post(address("path_goal"), {"words": "Or something else"})

    assert answer.status_code == 422
    assert "A changed goal was said before" in answer.content.decode()
    assert "Or something else" in answer.content.decode()


def test_a_changed_goal_needs_words(client, member, kim):
    answer = client.post(address("path_goal"), {"words": "  "})

    assert answer.status_code == 422
    assert "Say in your own words what the goal is now." in answer.content.decode()
    assert member.goal_changes.count() == 0


# --- milestones -------------------------------------------------------------------------------


def declare(client, key="milestone-2", **changes):
    form = {"on": TODAY.isoformat(), "what_changed": "We release each week."}
    return client.post(address("path_declare", key), form | changes)


def test_it_is_done_waits_for_who_confirms(client, plan, kim):
    answer = declare(client)

    assert answer.url == address("path_milestone", "milestone-2")
    said = words(client.get(answer.url).content.decode())
    assert "Waiting for Mira Lindqvist to confirm." in said
    assert "We release each week." in said
    assert "Take it back" in said


def test_it_is_done_sent_twice_is_said_once(client, plan, kim):
    declare(client)
    again = declare(client)

    assert again.status_code == 302
    assert plan.milestones.get(position=2).declarations.count() == 1


def test_where_one_word_suffices_it_is_reached_at_once(client, plan, kim):
    add_milestone(plan, 5, evidence_kind="declared")

    answer = declare(client, "milestone-5")

    said = words(client.get(answer.url).content.decode())
    assert "Reached on 29 July 2026." in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"what_changed": ""}, "Say in a sentence what is different now."),
        ({"on": (TODAY + timedelta(days=1)).isoformat()}, "That day is still to come."),
        ({"on": "yesterday"}, "Choose a day"),
        ({"on": "2020-01-01"}, "before the plan began"),
    ],
)
def test_bad_words_of_a_milestone_are_said_beside_the_field(client, plan, kim, changes, said):
    answer = declare(client, **changes)

    html = answer.content.decode()
    assert answer.status_code == 422
    assert said in html
    assert plan.milestones.get(position=2).declarations.count() == 0
    if "what_changed" not in changes:
        assert "We release each week." in html


def test_a_picture_goes_along_and_can_be_had_again(client, plan, kim, settings, tmp_path):
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        }
    }
    declare(client, attachment=SimpleUploadedFile("proof.png", PNG, "image/png"))

    declaration = plan.milestones.get(position=2).declarations.get()
    answer = client.get(address("path_attachment", declaration.public_id))

    assert b"".join(answer.streaming_content) == PNG
    assert answer["Content-Disposition"] == 'attachment; filename="proof.png"'


def test_a_file_that_is_not_what_it_says_is_refused(client, plan, kim):
    bad = SimpleUploadedFile("proof.png", b"<script>", "image/png")

    answer = declare(client, attachment=bad)

    assert answer.status_code == 422
    assert "The file is not what its name says." in answer.content.decode()


def test_what_was_said_can_be_taken_back_and_said_anew(client, plan, kim):
    declare(client)
    for _ in range(2):
        client.post(address("path_withdraw", "milestone-2"))
    declare(client)

    said = plan.milestones.get(position=2).declarations
    assert sorted(said.values_list("status", flat=True)) == ["waiting", "withdrawn"]


def test_a_no_shows_its_answer_and_the_form_again(client, plan, kim):
    declared(
        plan.milestones.get(position=2),
        status="declined",
        answer="The second release is missing.",
        answered_by=make_user(name="Mira Lindqvist"),
    )

    html = client.get(address("path_milestone", "milestone-2")).content.decode()

    assert "Mira Lindqvist answered: The second release is missing." in words(html)
    assert "Say it anew" in html


def test_a_milestone_seen_in_the_records_says_so_and_may_be_told(client, plan, kim):
    rule = {"rule": "first", "areas": ["maintainer"]}
    add_milestone(plan, 5, evidence_rule=rule, evidence_kind="derived")

    html = client.get(address("path_milestone", "milestone-5")).content.decode()

    assert "The public records show this by themselves" in html
    assert 'name="what_changed"' in html


@pytest.mark.parametrize("key", ["nothing", "milestone-9"])
def test_a_milestone_that_is_not_there_is_not_found(client, kim, key):
    assert client.get(address("path_milestone", key)).status_code == 404
    assert declare(client, key).status_code == 404


# --- promises ---------------------------------------------------------------------------------


def test_a_promise_of_theirs_is_kept_with_how_it_can_be_seen(client, plan, kim):
    promise = plan.accountabilities.get(side="member")
    form = {"on": TODAY.isoformat(), "evidence": "It is Ada."}

    for _ in range(2):
        assert client.post(address("path_keep", promise.public_id), form).status_code == 302

    promise.refresh_from_db()
    assert (promise.done_on, promise.evidence) == (TODAY, "It is Ada.")
    assert "Name a contact done on 29 July 2026" in words(
        client.get(address("path")).content.decode()
    )


def test_a_promise_kept_on_a_day_to_come_is_refused(client, plan, kim):
    promise = plan.accountabilities.get(side="member")
    form = {"on": (TODAY + timedelta(days=2)).isoformat(), "evidence": "Almost"}

    answer = client.post(address("path_keep", promise.public_id), form)

    assert answer.status_code == 422
    assert "Almost" in answer.content.decode()


def test_a_promise_of_ours_is_not_theirs_to_mark(client, plan, kim):
    promise = plan.accountabilities.get(side="association")

    answer = client.post(address("path_keep", promise.public_id), {"on": TODAY.isoformat()})

    assert answer.status_code == 404


def test_something_helped(client, plan, kim):
    promise = make_accountability(plan=plan, title="An introduction", done_on=TODAY)
    url = address("path_promise", promise.public_id)

    assert 'value="no"' in client.get(f"{url}?helped=no").content.decode()
    for helped in ("yes", "no"):  # they thought again
        form = {"helped": helped, "words": "Too short."}
        client.post(address("path_helped", promise.public_id), form)

    said = promise.helpfulness.get()
    assert (said.helped, said.words, said.by) == (False, "Too short.", kim)
    assert "You said: it did not help. “Too short.”" in words(
        client.get(address("path")).content.decode()
    )


def test_whether_it_helped_needs_a_choice(client, plan, kim):
    promise = make_accountability(plan=plan, done_on=TODAY)

    answer = client.post(address("path_helped", promise.public_id), {"words": "Good"})

    assert answer.status_code == 422
    assert "Good" in answer.content.decode()


# --- what we ask ------------------------------------------------------------------------------


def test_they_may_be_asked_or_not_in_advance(client, plan, kim):
    ask = announced(plan.milestones.get(position=4))

    for _ in range(2):
        client.post(address("path_ask_agree", ask.public_id))
    ask.refresh_from_db()
    assert (ask.consented_on, ask.consented_by) == (TODAY, kim.person)

    for _ in range(2):
        client.post(address("path_ask_refuse", ask.public_id))
    ask.refresh_from_db()
    assert ask.status == "withdrawn"
    assert "What we may ask you later" not in client.get(address("path")).content.decode()


def test_what_was_asked_is_answered_once(client, plan, kim):
    first = plan.milestones.get(position=1)
    first.events.create(
        achieved=True, on=TODAY, source="confirmed", recorded_at="2026-02-01T12:00Z"
    )
    first.evidence_source = "confirmed"
    first.save()
    ask = announced(first, consented_on=TODAY)
    ask.status, ask.asked_on = "asked", TODAY
    ask.save()
    url = address("path_ask", ask.public_id)

    assert "May we quote a few words of yours?" in client.get(url).content.decode()
    for _ in range(2):
        assert client.post(url, {"answer": "no", "words": "Not yet"}).status_code == 302

    ask.refresh_from_db()
    assert (ask.status, ask.answer) == ("refused", "Not yet")


# --- am I getting closer? ---------------------------------------------------------------------


def test_getting_closer_is_asked_once_in_thirty_days(client, member, kim):
    url = address("path_closer")
    assert "Are you getting closer" in client.get(address("path")).content.decode()
    assert client.get(f"{url}?answer=unsure").context["form"].initial["answer"] == "unsure"

    for answer in ("no", "yes"):
        client.post(url, {"answer": answer, "words": "Nobody has time."})

    said = member.gap_answers.get()
    assert (said.answer, said.words, said.said_in) == ("no", "Nobody has time.", "portal")
    assert "Are you getting closer" not in client.get(address("path")).content.decode()

    member.gap_answers.update(on=TODAY - timedelta(days=30))
    assert "Are you getting closer" in client.get(address("path")).content.decode()


# --- a session that has ended -----------------------------------------------------------------


def sent_when_signed_out(client, user, url, form):
    """Log out unseen, send the form, and log in again; the page they come back to."""
    client.cookies.clear()
    answer = client.post(url, form | {"reader": str(user.public_id)})
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("account_login"))
    return answer.url.partition("next=")[2]


@pytest.mark.parametrize("who", ["kim", "somebody else"])
def test_words_sent_after_the_session_ended_stand_in_the_form_again(
    client, member, plan, kim, who
):
    url = address("path_declare", "milestone-2")
    form = {"on": "2026-07-20", "what_changed": "We release each week."}

    back = sent_when_signed_out(client, kim, url, form)
    user = kim if who == "kim" else login(member)
    user.set_password("correct horse battery")
    user.save()
    client.post(
        f"{reverse('account_login')}?next={back}",
        {"login": user.email, "password": "correct horse battery", "next": back},
    )
    html = client.get(back).content.decode()

    assert back == address("path_milestone", "milestone-2")
    assert ("We release each week." in html) == (who == "kim")
    assert ("You had been signed out." in html) == (who == "kim")
    assert ('value="2026-07-20"' in html) == (who == "kim")

    client.post(url, form)
    other = client.get(address("path_milestone", "milestone-3")).content.decode()
    assert plan.milestones.get(position=2).declarations.count() == 1
    assert "You had been signed out." not in other


def test_what_is_only_pressed_leads_back_to_the_path(client, kim):
    back = sent_when_signed_out(client, kim, address("path_goal_confirm"), {})

    assert back == address("path")
