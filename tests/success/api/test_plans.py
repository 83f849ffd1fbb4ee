"""Templates, paths, plans, outcomes, promises, asks, reviews and the trail over REST."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from members.enums import Role
from members.models import AuditEntry, IdempotencyRecord
from success.engine.planning import from_data, to_data
from success.models import Accountability, Ask, Declaration, Milestone, Plan, PlanTemplate
from success.services import plans
from tests.factories import (
    NOON,
    TODAY,
    make_affiliation,
    make_assignment,
    make_declaration,
    make_member,
    make_offer,
    make_outcome,
    make_path,
    make_person,
    make_review,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"
UNKNOWN = "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42"
THEN = NOON - timedelta(days=9)


@pytest.fixture
def msm():
    return make_user(role=Role.MSM, name="Ada")


@pytest.fixture
def operations():
    return make_user(role=Role.OPERATIONS, name="Sam")


@pytest.fixture
def member():
    found = make_member(name="Acme")
    make_term(member=found)
    make_affiliation(member=found, person=make_person(name="Ann"))
    return found


@pytest.fixture
def plan(member, msm):
    """A plan agreed nine days ago, with an offer announced at its first milestone."""
    offer = make_offer()
    first, *rest = make_path().milestones
    return plans.agree(
        member=member,
        path=make_path(milestones=(replace(first, upsell=offer.key), *rest)),
        anchor_on=TODAY - timedelta(days=9),
        said_by=member.affiliations.get().person,
        by=msm,
        at=THEN,
    )


def said_by(member):
    return str(member.affiliations.get().person.public_id)


def by_day(path):
    """A path with its promises in the order of their days, as they are kept."""
    milestones = [
        each | {"promises": sorted(each["promises"], key=lambda promise: promise["due_day"])}
        for each in path["milestones"]
    ]
    return path | {"milestones": milestones}


def results(response):
    assert response.status_code == 200, response.json()
    return response.json()["results"]


def problem(response, status):
    """The body of a refusal, which is always problem+json."""
    assert response.status_code == status, response.json()
    assert response["Content-Type"] == "application/problem+json"
    return response.json()


def fields(response):
    return [error["field"] for error in problem(response, 400)["errors"]]


# Who may

READS = [
    "templates/", "plans/", "outcomes/", "goal-changes/", "fits/", "declarations/", "promises/",
    "asks/", "reviews/", "profiles/imports/", "profiles/export/", "audit/",
]  # fmt: skip
WRITES = [
    "templates/", "paths/lint/", "plans/", "outcomes/", "goal-changes/", "fits/",
    "declarations/", "promises/", "reviews/",
]  # fmt: skip


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("role", list(Role))
def test_staff_read_and_log_ins_of_members_do_not(api, path, role):
    response = api(make_user(role=role)).get(V1 + path)

    assert response.status_code == (403 if role == Role.MEMBER else 200)


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("role", list(Role))
def test_staff_write_and_log_ins_of_members_do_not(api, path, role):
    response = api(make_user(role=role)).post(V1 + path, {})

    keeps_templates = role in {Role.DIRECTOR, Role.OPERATIONS}
    may = keeps_templates if path == "templates/" else role != Role.MEMBER
    assert response.status_code == (400 if may else 403)
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", READS)
def test_strangers_are_401(api, path):
    problem(api().get(V1 + path), 401)


def test_token_reads_and_does_not_write_without_the_scope(api, msm, plan):
    from tests.factories import make_token

    _, secret = make_token(user=msm, scopes=["success.plan.view"])
    client = api(secret=secret)

    assert len(results(client.get(f"{V1}plans/"))) == 1
    problem(client.post(f"{V1}plans/{plan.public_id}/resume/", {"on": "2026-07-29"}), 403)
    problem(client.get(f"{V1}audit/"), 403)


OBJECTS = [
    "templates/{}/", "plans/{}/", "outcomes/{}/", "goal-changes/{}/", "declarations/{}/",
    "promises/{}/", "promises/{}/history/", "asks/{}/", "reviews/{}/", "reviews/{}/agenda/",
    "reviews/{}/calendar.ics/", "profiles/imports/{}/", "profiles/imports/{}/rows/",
]  # fmt: skip


@pytest.mark.parametrize("path", OBJECTS)
def test_what_is_not_there_is_404(api, msm, path):
    problem(api(msm).get(V1 + path.format(UNKNOWN)), 404)


ACTS = [
    "plans/{}/replan/", "plans/{}/evolve/", "plans/{}/pause/", "plans/{}/resume/",
    "plans/{}/achieve/", "plans/{}/revoke/", "outcomes/{}/confirm/", "goal-changes/{}/answer/",
    "declarations/{}/confirm/", "declarations/{}/decline/", "declarations/{}/withdraw/",
    "promises/{}/keep/", "promises/{}/reopen/", "promises/{}/waive/", "promises/{}/move/",
    "promises/{}/hand-over/", "asks/{}/consent/", "asks/{}/make/", "asks/{}/answer/",
    "asks/{}/withdraw/", "reviews/{}/move/", "reviews/{}/cancel/", "reviews/{}/hold/",
    "profiles/imports/{}/apply/", "profiles/imports/{}/undo/",
]  # fmt: skip


@pytest.mark.parametrize("path", ACTS)
def test_act_upon_what_is_not_there_is_never_done(api, msm, path):
    assert api(msm).post(V1 + path.format(UNKNOWN), {}).status_code in {400, 404}
    assert (
        api(make_user(role=Role.MEMBER)).post(V1 + path.format(UNKNOWN), {}).status_code == 403
    )


def test_review_of_another_msms_member_is_404(api, msm):
    theirs = make_review(organiser=make_user())
    make_assignment(member=theirs.member, owner=theirs.organiser)

    problem(api(msm).get(f"{V1}reviews/{theirs.public_id}/"), 404)
    problem(api(msm).post(f"{V1}reviews/{theirs.public_id}/cancel/", {}), 404)
    assert results(api(msm).get(f"{V1}reviews/")) == []


def test_no_answer_names_a_row_by_its_inner_number(api, msm, plan):
    for path in READS[:-3]:
        for row in results(api(msm).get(V1 + path)):
            assert not isinstance(row.get("id", ""), int)


# Paths


def test_lint_says_what_is_the_matter_and_writes_nothing(api, msm):
    entries = AuditEntry.objects.count()
    good = api(msm).post(f"{V1}paths/lint/", {"path": to_data(make_path())})
    bad = api(msm).post(f"{V1}paths/lint/", {"path": to_data(make_path(milestones=()))})

    assert good.json()["may_be_agreed"] is True
    assert bad.status_code == 200
    assert bad.json()["may_be_agreed"] is False
    assert {"severity", "code", "where", "words", "suggestion"} == bad.json()["findings"][
        0
    ].keys()
    assert (AuditEntry.objects.count(), Plan.objects.count()) == (entries, 0)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ({}, "path.goal"),
        ({"goal": 1}, "path.goal"),
        ({"goal": "g", "colour": "red"}, "path.colour"),
        ({"goal": "g", "milestones": [{"key": "a"}]}, "path.milestones.0.title"),
        ("goal", "path"),
        (None, "path"),
    ],
)
def test_what_is_no_path_is_refused_at_its_place(api, msm, path, field):
    assert field in fields(api(msm).post(f"{V1}paths/lint/", {"path": path}))


def test_path_comes_back_as_it_was_sent(api, msm, member):
    sent = to_data(make_path())
    made = api(msm).post(
        f"{V1}plans/",
        {"member": str(member.public_id), "path": sent, "anchor_on": "2026-07-29",
         "said_by": said_by(member)},
    )  # fmt: skip

    assert made.status_code == 201, made.json()
    assert by_day(made.json()["path"]) == by_day(sent)
    assert (
        to_data(from_data(json.loads(json.dumps(made.json()["path"])))) == made.json()["path"]
    )


# Templates


def template(**overrides):
    return {
        "key": "export", "title": "Selling abroad", "audience": "organisation",
        "path": to_data(make_path()),
    } | overrides  # fmt: skip


def test_template_is_made_shown_and_written_anew(api, operations):
    segment = make_segment()
    made = api(operations).post(f"{V1}templates/", template(segment=segment.key))
    anew = template(title="Selling further abroad")
    del anew["key"]
    changed = api(operations).put(f"{V1}templates/export/", anew)

    assert (made.status_code, changed.status_code) == (201, 200)
    assert made.json()["segment"]["key"] == segment.key
    assert changed.json()["title"] == "Selling further abroad"
    assert by_day(changed.json()["path"]) == by_day(to_data(make_path()))
    assert [
        row["key"] for row in results(api(operations).get(f"{V1}templates/?is_retired=false"))
    ] == ["export"]


def test_template_that_could_not_be_agreed_is_refused_at_its_places(api, operations):
    path = to_data(make_path())
    path["milestones"][0]["weight"] = 90

    assert all(
        f.startswith("path")
        for f in fields(api(operations).post(f"{V1}templates/", template(path=path)))
    )
    assert PlanTemplate.objects.filter(key="export").count() == 0


def test_key_of_a_template_is_taken_once(api, operations):
    api(operations).post(f"{V1}templates/", template())

    assert (
        problem(api(operations).post(f"{V1}templates/", template()), 409)["code"] == "conflict"
    )


# Plans


def test_plan_in_force_is_in_the_way_of_another(api, msm, plan):
    response = api(msm).post(
        f"{V1}plans/",
        {"member": str(plan.member.public_id), "path": to_data(make_path(goal="Else")),
         "anchor_on": "2026-07-29", "said_by": said_by(plan.member)},
    )  # fmt: skip

    problem(response, 409)


def test_plan_needs_somebody_who_said_it(api, msm, member):
    response = api(msm).post(
        f"{V1}plans/",
        {
            "member": str(member.public_id),
            "path": to_data(make_path()),
            "anchor_on": "2026-07-29",
        },
    )

    problem(response, 400)
    assert Plan.objects.count() == 0


def test_replan_and_evolve_make_versions(api, msm, plan):
    path = api(msm).get(f"{V1}plans/{plan.public_id}/").json()["path"]
    path["milestones"][1]["expected_day"] = 75
    replanned = api(msm).post(
        f"{V1}plans/{plan.public_id}/replan/",
        {"path": path, "on": "2026-07-29", "reason": "The fair is later"},
    )
    assert replanned.status_code == 201, replanned.json()
    path = replanned.json()["path"]
    path["goal"] = "We sell everywhere"
    evolved = api(msm).post(
        f"{V1}plans/{replanned.json()['id']}/evolve/",
        {
            "path": path,
            "on": "2026-07-29",
            "reason": "They grew",
            "said_by": said_by(plan.member),
        },
    )

    assert evolved.status_code == 201, evolved.json()
    shown = results(api(msm).get(f"{V1}plans/?member={plan.member.public_id}"))
    assert [(row["version"], row["succession"]) for row in shown] == [
        (3, "goal_changed"), (2, "replanned"), (1, "agreed"),
    ]  # fmt: skip
    assert shown[1]["baseline"] == str(plan.public_id)
    assert [r["version"] for r in results(api(msm).get(f"{V1}plans/?is_open=true"))] == [3]
    path["milestones"][1]["expected_day"] = 80
    again = api(msm).post(
        f"{V1}plans/{plan.public_id}/replan/",
        {"path": path | {"goal": plan.goal}, "on": "2026-07-29", "reason": "Late"},
    )
    problem(again, 409)


def test_replan_without_a_reason_is_refused(api, msm, plan):
    path = to_data(plans.path_of_plan(plan))
    url = f"{V1}plans/{plan.public_id}/replan/"

    assert fields(api(msm).post(url, {"path": path, "on": "2026-07-29"})) == ["reason"]
    assert fields(api(msm).post(url, {"path": path, "on": "2026-07-29", "reason": " "})) == [
        "reason"
    ]


def test_pause_and_resume(api, msm, plan):
    url = f"{V1}plans/{plan.public_id}/"
    pause = {"starts_on": "2026-07-25", "reason": "On leave"}
    paused = api(msm).post(f"{url}pause/", pause)
    twice = api(msm).post(f"{url}pause/", pause | {"reason": "Another"})
    resumed = api(msm).post(f"{url}resume/", {"on": "2026-07-28"})
    idle = api(msm).post(f"{url}resume/", {"on": "2026-07-29"})

    assert paused.json()["pauses"] == [pause | {"ends_on": None}]
    problem(twice, 409)
    assert resumed.json()["pauses"][0]["ends_on"] == "2026-07-28"
    problem(idle, 409)


def test_milestone_is_reached_and_its_evidence_withdrawn(api, msm, plan):
    url = f"{V1}plans/{plan.public_id}/"
    said = {"milestone": "m1", "on": "2026-07-28", "what_changed": "They sell"}
    reached = api(msm).post(f"{url}achieve/", said)
    revoked = api(msm).post(
        f"{url}revoke/", {"milestone": "m1", "on": "2026-07-29", "reason": "No"}
    )
    again = api(msm).post(
        f"{url}revoke/", {"milestone": "m1", "on": "2026-07-29", "reason": "No"}
    )

    assert reached.json()["milestones"][0]["evidence_dates"] == ["2026-07-28"]
    assert revoked.json()["milestones"][0]["evidence_dates"] == ["2026-07-28", "2026-07-29"]
    problem(again, 409)
    assert fields(api(msm).post(f"{url}achieve/", said | {"milestone": "m9"})) == ["milestone"]
    problem(api(msm).post(f"{url}achieve/", said | {"on": "2026-08-28"}), 400)


# Declarations


def test_declaration_is_made_and_confirmed_by_the_other_side(api, msm, plan):
    theirs = make_declaration(milestone=plan.milestones.get(key="m1"))
    url = f"{V1}declarations/{theirs.public_id}/"

    confirmed = api(msm).post(f"{url}confirm/", {"answer": "Well done"})

    assert (confirmed.json()["status"], confirmed.json()["answer"]) == (
        "confirmed",
        "Well done",
    )
    assert Milestone.objects.get(plan=plan, key="m1").evidence_dates == [theirs.on]
    problem(api(msm).post(f"{url}decline/", {"answer": "No"}), 409)


def test_declaring_twice_or_what_is_reached_is_409(api, msm, plan):
    body = {
        "plan": str(plan.public_id), "milestone": "m1", "on": "2026-07-28", "what_changed": "All",
    }  # fmt: skip
    made = api(msm).post(f"{V1}declarations/", body)

    assert made.status_code == 201
    assert made.json()["status"] == "waiting"
    problem(api(msm).post(f"{V1}declarations/", body | {"on": "2026-07-27"}), 409)
    withdrawn = api(msm).post(f"{V1}declarations/{made.json()['id']}/withdraw/", {})
    assert withdrawn.json()["status"] == "withdrawn"
    assert fields(api(msm).post(f"{V1}declarations/", body | {"plan": UNKNOWN})) == ["plan"]
    assert [
        r["status"] for r in results(api(msm).get(f"{V1}declarations/?status=waiting"))
    ] == []
    assert Declaration.objects.count() == 1


# Outcomes


def test_outcome_is_confirmed_and_the_list_narrowed(api, msm, plan):
    outcome = plan.outcome
    url = f"{V1}outcomes/{outcome.public_id}/confirm/"
    confirmed = api(msm).post(url, {"on": "2026-07-29", "said_in": "call"})

    assert confirmed.json()["confirmed_on"] == "2026-07-29"
    assert fields(api(msm).post(url, {"on": "2026-08-29", "said_in": "call"})) == ["on"]
    assert results(api(msm).get(f"{V1}outcomes/?confirmed_before=2026-07-29")) == []
    assert len(results(api(msm).get(f"{V1}outcomes/?holds=true&is_primary=true"))) == 1
    ended = make_outcome(ended_on=TODAY)
    problem(
        api(msm).post(
            f"{V1}outcomes/{ended.public_id}/confirm/", {"on": "2026-07-29", "said_in": "call"}
        ),
        409,
    )


def test_further_goal_changed_goal_and_fit_are_written_down(api, msm, plan):
    member = str(plan.member.public_id)
    further = api(msm).post(
        f"{V1}outcomes/", {"member": member, "goal": "A book", "on": "2026-07-29"}
    )
    change = api(msm).post(f"{V1}goal-changes/", {"member": member, "words": "Now Asia"})
    another = api(msm).post(f"{V1}goal-changes/", {"member": member, "words": "Now Africa"})
    url = f"{V1}goal-changes/{change.json()['id']}/answer/"
    wordless = api(msm).post(url, {"status": "declined"})
    declined = api(msm).post(url, {"status": "declined", "answer": "First things first"})
    again = api(msm).post(url, {"status": "confirmed"})
    fit = api(msm).post(
        f"{V1}fits/",
        {
            "member": member,
            "fit": "resource",
            "status": "missing",
            "reason": "Busy",
            "on": "2026-07-29",
        },
    )
    unreasoned = api(msm).post(
        f"{V1}fits/",
        {"member": member, "fit": "resource", "status": "missing", "on": "2026-07-29"},
    )

    assert (further.status_code, further.json()["is_primary"]) == (201, False)
    assert change.status_code == 201
    problem(another, 409)
    assert fields(wordless) == ["answer"]
    assert declined.json()["status"] == "declined"
    problem(again, 409)
    assert fit.status_code == 201
    assert fields(unreasoned) == ["reason"]


# Promises


def test_promise_is_made_handed_over_moved_kept_and_opened_again(api, msm, plan):
    bob = make_user(name="Bob")
    made = api(msm).post(
        f"{V1}promises/",
        {"plan": str(plan.public_id), "milestone": "m1", "side": "association",
         "title": "Write to them", "due_on": "2026-08-10"},
    )  # fmt: skip
    assert made.status_code == 201, made.json()
    url = f"{V1}promises/{made.json()['id']}/"
    steps = [
        api(msm).post(f"{url}hand-over/", {"owner": str(bob.public_id)}),
        api(msm).post(f"{url}move/", {"due_on": "2026-08-12", "reason": "Holiday"}),
        api(msm).post(f"{url}keep/", {"on": "2026-07-29", "evidence": "The letter"}),
        api(msm).post(f"{url}reopen/", {"reason": "It came back"}),
        api(msm).post(f"{url}waive/", {"reason": "Not needed"}),
    ]

    assert [s.status_code for s in steps] == [200] * 5
    assert [s.json()["status"] for s in steps] == ["open", "open", "kept", "open", "waived"]
    assert steps[1].json()["owner"]["name"] == "Bob"
    history = results(api(msm).get(f"{url}history/"))
    assert [step["verb"] for step in history] == [
        "waived", "reopened", "done", "moved", "handed_over", "made",
    ]  # fmt: skip
    problem(api(msm).post(f"{url}keep/", {"on": "2026-07-29"}), 409)


def test_promise_refuses_in_words(api, msm, plan):
    ours = Accountability.objects.filter(plan=plan, side="association").order_by("pk").first()
    url = f"{V1}promises/{ours.public_id}/"
    Accountability.objects.filter(pk=ours.pk).update(due_on="2026-07-20")
    stranger = make_affiliation().person

    assert (
        "passed"
        in problem(api(msm).post(f"{url}move/", {"due_on": "2026-08-12", "reason": "x"}), 409)[
            "detail"
        ]
    )
    problem(api(msm).post(f"{url}reopen/", {"reason": "x"}), 409)
    problem(api(msm).post(f"{url}keep/", {"on": "2026-08-29"}), 400)
    problem(api(msm).post(f"{url}hand-over/", {"person": str(stranger.public_id)}), 400)
    assert fields(api(msm).post(f"{url}hand-over/", {"owner": UNKNOWN})) == ["owner"]
    assert fields(api(msm).post(f"{url}keep/", {"on": "2026-07-29", "evidnce": "x"})) == [
        "evidnce"
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 6), ("side=member", 3), ("late=true", 1), ("late=false", 5), ("status=open", 6),
        ("status=kept", 0), ("owner=me", 1), ("owner=pool", 2), ("due_before=2026-07-21", 1),
        ("plan_in_force=true", 6), (f"member={UNKNOWN}", 0),
    ],
)  # fmt: skip
def test_promises_are_narrowed(api, msm, plan, query, count):
    late = Accountability.objects.filter(plan=plan, side="association").order_by("pk").first()
    Accountability.objects.filter(pk=late.pk).update(due_on="2026-07-20", owner=msm)

    assert len(results(api(msm).get(f"{V1}promises/?{query}"))) == count


@pytest.mark.parametrize(
    "query", ["late=perhaps", "side=x", "owner=x", "colour=red", "member=x"]
)
def test_filter_that_makes_no_sense_is_refused(api, msm, query):
    problem(api(msm).get(f"{V1}promises/?{query}"), 400)


# Asks


def test_ask_says_what_stands_against_it_and_waits_for_consent(api, msm, plan):
    ask = Ask.objects.get(plan=plan)
    url = f"{V1}asks/{ask.public_id}/"
    shown = api(msm).get(url).json()["eligibility"]
    made = problem(api(msm).post(f"{url}make/", {"on": "2026-07-29"}), 409)
    agreed = api(msm).post(
        f"{url}consent/", {"on": "2026-07-29", "person": said_by(plan.member)}
    )
    answer = api(msm).post(f"{url}answer/", {"status": "accepted", "on": "2026-07-29"})
    given_up = api(msm).post(f"{url}withdraw/", {})
    again = api(msm).post(f"{url}withdraw/", {})

    assert shown["is_eligible"] is False
    assert "They have not agreed to be asked." in shown["reasons"]
    assert made["reasons"] == shown["reasons"]
    assert agreed.json()["consented_by"]["name"] == "Ann"
    problem(answer, 409)
    assert given_up.json()["status"] == "withdrawn"
    problem(again, 409)


# Reviews


def test_review_is_agreed_moved_held_and_taken_into_a_calendar(api, msm, plan):
    made = api(msm).post(
        f"{V1}reviews/",
        {
            "member": str(plan.member.public_id),
            "starts_at": "2026-08-10T08:00:00Z",
            "time_zone": "Europe/Zurich",
        },
    )
    assert made.status_code == 201, made.json()
    assert (made.json()["organiser"]["name"], made.json()["guests"][0:1]) == ("Ada", [])
    url = f"{V1}reviews/{made.json()['id']}/"
    second = api(msm).post(
        f"{V1}reviews/",
        {"member": str(plan.member.public_id), "starts_at": "2026-08-11T08:00:00Z"},
    )
    moved = api(msm).post(f"{url}move/", {"starts_at": "2026-08-12T08:00:00Z", "sequence": 0})
    overtaken = api(msm).post(
        f"{url}move/", {"starts_at": "2026-08-13T08:00:00Z", "sequence": 0}
    )
    past = api(msm).post(f"{url}move/", {"starts_at": "2026-01-13T08:00:00Z"})
    event = api(msm).get(f"{url}calendar.ics/")

    assert problem(second, 409)["review"]["id"] == made.json()["id"]
    assert (moved.json()["sequence"], moved.json()["minutes"]) == (1, 45)
    assert problem(overtaken, 409)["review"]["sequence"] == 1
    problem(past, 400)
    assert event["Content-Type"].startswith("text/calendar")
    assert "SEQUENCE:1" in event.content.decode()
    assert api(msm).get(f"{url}agenda/").json()[0].keys() == {
        "topic", "title", "words", "lines", "note", "is_urgent",
    }  # fmt: skip
    held = api(msm).post(
        f"{url}hold/", {"on": "2026-07-29", "outcome": "On it", "gap_answer": "yes"}
    )
    assert held.json()["status"] == "held"
    problem(api(msm).post(f"{url}cancel/", {}), 409)
    assert len(results(api(msm).get(f"{V1}reviews/?status=held&organiser=me"))) == 1


# The trail


def test_trail_of_a_member_is_paged_and_narrowed(api, msm, plan):
    other = make_member()
    api(msm).post(f"{V1}goal-changes/", {"member": str(other.public_id), "words": "Else"})
    url = f"{V1}audit/?member={plan.member.public_id}"

    first = api(msm).get(f"{url}&page_size=1").json()
    rest = api(msm).get(f"{url}&page_size=100&cursor={first['next']}").json()["results"]
    verbs = [row["verb"] for row in first["results"] + rest]

    assert {row["member"]["name"] for row in first["results"] + rest} == {"Acme"}
    assert "plan.agreed" in verbs
    assert len(verbs) == AuditEntry.objects.filter(member=plan.member).count()
    assert [r["verb"] for r in results(api(msm).get(f"{V1}audit/?verb=goal_change.asked"))] == [
        "goal_change.asked"
    ]


# Twice


def test_post_sent_twice_is_done_once(api, msm, plan):
    body = {
        "plan": str(plan.public_id),
        "side": "member",
        "title": "Come",
        "due_on": "2026-08-10",
    }
    key = {"Idempotency-Key": "one"}
    first = api(msm).post(f"{V1}promises/", body, headers=key)
    again = api(msm).post(f"{V1}promises/", body, headers=key)
    other = api(msm).post(f"{V1}promises/", body | {"title": "Go"}, headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
    assert Accountability.objects.filter(title="Come").count() == 1
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.parametrize("item_count", [1, 3])
@pytest.mark.parametrize(
    "path",
    [
        "plans/",
        "promises/?side=member&due_before=2026-08-15",
        "asks/",
        "outcomes/",
        "audit/?verb=plan.agreed",
    ],
)
def test_lists_cost_the_same_number_of_queries_for_any_length(
    api, msm, item_count, path, django_assert_max_num_queries
):
    offer = make_offer()
    first, *rest = make_path().milestones
    for number in range(item_count):
        found = make_member(name=f"M{number}")
        make_term(member=found)
        person = make_affiliation(member=found).person
        plans.agree(
            member=found, path=make_path(milestones=(replace(first, upsell=offer.key), *rest)),
            anchor_on=TODAY - timedelta(days=9), said_by=person, by=msm, at=THEN,
        )  # fmt: skip
    client = api(msm)

    with django_assert_max_num_queries(3):  # session, user, rows
        assert len(results(client.get(V1 + path))) == item_count
