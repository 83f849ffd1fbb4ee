"""Plays over REST: read, written, judged, published, switched, and who would enter."""

from dataclasses import replace

import pytest

from members.enums import Role
from members.models import AuditEntry, IdempotencyRecord
from success.engine.playing import PlannedPlay, PlannedStep, to_data
from success.enums import VersionStatus
from success.models import Enrolment, Intervention, Play, PlayVersion
from success.services import playbook
from tests.factories import (
    NOON,
    TODAY,
    make_affiliation,
    make_enrolment,
    make_intervention,
    make_member,
    make_member_facts,
    make_play,
    make_segment,
    make_template,
    make_token,
    make_user,
)

pytestmark = pytest.mark.django_db
PLAYS = "/api/v1/plays/"
SOUND = PlannedPlay(
    aim="They reach the next point",
    start_kind="data",
    start={"fact": "behind_since"},
    audience={"fact": "behind_since", "op": "not_null"},
    stop={"fact": "we_owe_since", "op": "not_null"},
    reentry="occurrence",
    steps=(
        PlannedStep(act="Ask what would help"),
        PlannedStep(act="Look at it all", intent="escalate", changes="person", wait_days=7),
    ),
)
PUBLISH = {"inside": "stay", "effective_from": "2026-07-29"}


@pytest.fixture
def olga():
    return make_user(role=Role.OPERATIONS, name="Olga")


def at(play, *more):
    """The address of a play or of something under it."""
    return "/".join([PLAYS.rstrip("/"), getattr(play, "key", play), *more, ""])


def make_draft(by, *, planned=SOUND, play=None, title="Next point"):
    draft = playbook.start_draft(play=play, title=title, by=by, at=NOON)
    return playbook.save_draft(
        version=draft, planned=planned, revision=draft.revision, by=by, at=NOON
    )


def make_published(by, *, planned=SOUND, title="Next point"):
    return playbook.publish(
        version=make_draft(by, planned=planned, title=title), inside="stay",
        effective_from=TODAY, note="The first", by=by, at=NOON,
    ).play  # fmt: skip


def make_behind(**given):
    fields = {"behind_since": TODAY, "standing": "in_force", "state": "stalled"}
    return make_member_facts(**(fields | given)).member


def problem(response, status):
    """The body of a refusal, which is always problem+json."""
    assert response.status_code == status, response.json()
    assert response["Content-Type"] == "application/problem+json"
    return response.json()


def fields(response):
    return [error["field"] for error in problem(response, 400)["errors"]]


# Who may

READS = ["", "{}/", "{}/versions/", "{}/entering/"]
WRITES = ["", "{}/publish/", "{}/switch/"]
EVERY = [("get", path) for path in READS] + [
    ("post", ""), ("post", "{}/lint/"), ("put", "{}/draft/"), ("post", "{}/publish/"),
    ("post", "{}/switch/"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_strangers_are_401_and_logins_of_members_403(api, olga, method, path):
    key = make_published(olga).key
    member = api(make_user(role=Role.MEMBER))
    rows = AuditEntry.objects.count(), PlayVersion.objects.count()

    # before anything else is looked at: what is there and what is not are refused alike
    for asked in (key, "none"):
        problem(getattr(api(), method)(PLAYS + path.format(asked), {}), 401)
        problem(getattr(member, method)(PLAYS + path.format(asked), {}), 403)

    assert (AuditEntry.objects.count(), PlayVersion.objects.count()) == rows


@pytest.mark.parametrize("path", [*READS, "{}/lint/"])
@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.MSM, Role.OPERATIONS])
def test_staff_read_and_have_a_play_judged(api, olga, path, role):
    client = api(make_user(role=role))
    address = PLAYS + path.format(make_published(olga).key)

    answer = client.post(address, {}) if "lint" in path else client.get(address)

    assert answer.status_code == 200


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("role", list(Role))
def test_plays_are_written_by_directors_and_operations(api, olga, path, role):
    draft = make_draft(olga)
    writes = role in {Role.DIRECTOR, Role.OPERATIONS}
    client = api(make_user(role=role))

    said = client.post(PLAYS + path.format(draft.play.key), {"unknown": 1})
    saved = client.put(at(draft.play, "draft"), {"revision": 1, "play": to_data(SOUND)})

    assert said.status_code == (400 if writes else 403)
    assert saved.status_code == (200 if writes else 403)


def test_a_token_does_what_its_scopes_name(api, olga):
    play = make_published(olga)
    _, reading = make_token(user=olga, scopes=["success.play.view"])
    _, writing = make_token(user=olga, scopes=["success.play.edit"])
    off = {"is_active": False, "reason": "It is summer"}

    assert api(secret=reading).get(PLAYS).status_code == 200
    problem(api(secret=reading).post(at(play, "switch"), off), 403)
    problem(api(secret=writing).get(PLAYS), 403)
    assert api(secret=writing).post(at(play, "switch"), off).status_code == 200


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("get", ()), ("get", ("versions",)), ("get", ("entering",)), ("post", ("lint",)),
        ("put", ("draft",)), ("post", ("publish",)), ("post", ("switch",)),
    ],
)  # fmt: skip
def test_a_play_that_is_not_there_is_404(api, olga, method, more):
    body = {"play": to_data(SOUND)} if more == ("draft",) else {}

    problem(getattr(api(olga), method)(at("none", *more), body), 404)


# Reading


def test_plays_are_listed_by_title_with_what_they_are_doing(api, olga):
    make_play(title="Off", is_active=False)
    make_play(title="On")
    make_draft(olga, title="New")
    paused = make_play(title="Paused", is_active=False)
    Play.objects.filter(pk=paused.pk).update(paused_because="300 of 50 in a night")

    rows = api(olga).get(PLAYS).json()["results"]

    assert [
        (row["title"], row["activity"], row["version"], row["paused_because"]) for row in rows
    ] == [
        ("New", "new", None, ""),
        ("Off", "off", 1, ""),
        ("On", "on", 1, ""),
        ("Paused", "paused", 1, "300 of 50 in a night"),
    ]


@pytest.mark.parametrize("item_count", [1, 3])
def test_list_costs_the_same_for_any_length(api, olga, item_count, django_assert_num_queries):
    for _ in range(item_count):
        make_play()
    client = api(olga)

    with django_assert_num_queries(3):  # who asks, the plays
        rows = client.get(PLAYS).json()["results"]

    assert len(rows) == item_count


def test_list_goes_on_where_a_page_ended(api, olga):
    for title in ("A", "B", "C"):
        make_play(title=title)
    client = api(olga)

    first = client.get(PLAYS, {"page_size": 2}).json()
    rest = client.get(PLAYS, {"page_size": 2, "cursor": first["next"]}).json()

    assert [row["title"] for row in first["results"] + rest["results"]] == ["A", "B", "C"]
    assert rest["next"] is None
    assert fields(client.get(PLAYS, {"colour": "red"})) == ["colour"]


def test_a_play_is_shown_with_what_is_published_and_what_is_written(api, olga):
    play = make_published(olga)
    make_draft(olga, play=play, planned=replace(SOUND, aim="Another aim"))

    shown = api(olga).get(at(play)).json()

    assert shown["published"]["play"] == to_data(SOUND) | {"most_a_night": 50}
    assert (shown["published"]["status"], shown["published"]["change_note"]) == (
        "published",
        "The first",
    )
    assert (shown["draft"]["number"], shown["draft"]["revision"]) == (2, 1)
    assert shown["draft"]["play"]["aim"] == "Another aim"
    assert (shown["activity"], shown["version"]) == ("on", 1)


def test_versions_are_those_that_were_published_newest_first(api, olga):
    play = make_published(olga)
    second = make_draft(olga, play=play, planned=replace(SOUND, aim="Second"))
    playbook.publish(
        version=second, inside="stop", effective_from=TODAY, note="", by=olga, at=NOON
    )
    make_draft(olga, play=play, planned=replace(SOUND, aim="Third"))

    rows = api(olga).get(at(play, "versions")).json()

    assert [(row["number"], row["status"], row["play"]["aim"]) for row in rows] == [
        (2, "published", "Second"),
        (1, "superseded", SOUND.aim),
    ]


# Beginning and saving


def test_a_play_is_begun_written_and_read_as_it_was_sent(api, olga):
    client = api(olga)
    begun = client.post(PLAYS, {"title": "Next point"})
    key = begun.json()["key"]
    saved = client.put(at(key, "draft"), {"revision": 0, "play": to_data(SOUND)})

    assert (begun.status_code, saved.status_code) == (201, 200)
    assert (key, begun.json()["activity"], begun.json()["published"]) == (
        "next-point",
        "new",
        None,
    )
    assert saved.json()["play"] == to_data(SOUND)
    assert client.get(at(key)).json()["draft"] == saved.json()
    assert Intervention.objects.count() == 0


def test_what_is_published_begins_the_next_draft(api, olga):
    play = make_published(olga)
    said = to_data(SOUND) | {"aim": "Another aim"}

    saved = api(olga).put(at(play, "draft"), {"play": said})

    assert (saved.json()["number"], saved.json()["status"]) == (2, "draft")
    play.refresh_from_db()
    assert play.current.number == 1


def test_of_two_writers_the_second_is_409_and_writes_nothing(api, olga):
    draft = make_draft(olga)
    client = api(olga)
    mine, theirs = (to_data(replace(SOUND, aim=aim)) for aim in ("Mine", "Theirs"))

    assert (
        client.put(at(draft.play, "draft"), {"revision": 1, "play": theirs}).status_code == 200
    )
    refused = client.put(at(draft.play, "draft"), {"revision": 1, "play": mine})

    assert problem(refused, 409)["detail"] == "Somebody saved this play in between."
    assert PlayVersion.objects.get().aim == "Theirs"


def test_the_same_text_again_is_no_new_revision(api, olga):
    draft = make_draft(olga)
    body = {"revision": 1, "play": to_data(SOUND)}

    answers = [api(olga).put(at(draft.play, "draft"), body) for _ in range(3)]

    assert [answer.json()["revision"] for answer in answers] == [1, 1, 1]
    assert AuditEntry.objects.filter(verb="play.saved").count() == 1


def test_a_second_draft_and_a_revision_of_none_are_409(api, olga):
    play = make_published(olga)
    body = {"play": to_data(SOUND)}
    problem(api(olga).put(at(play, "draft"), body | {"revision": 4}), 409)

    assert api(olga).put(at(play, "draft"), body).status_code == 200
    problem(api(olga).put(at(play, "draft"), body), 409)
    assert PlayVersion.objects.filter(status=VersionStatus.DRAFT).count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"aim_days": "soon"}, "play.aim_days"),
        ({"colour": "red"}, "play.colour"),
        ({"start": {"fact": "joined_on", "offset_days": 99_999}}, "play.start"),
        ({"steps": [{"act": 7}]}, "play.steps.0.act"),
        ({"steps": [{"template": "no-such-words"}]}, "steps.0.template"),
        ({"never_withheld": True, "held_percent": 5}, "held_percent"),
        ({"held_percent": 51}, "play.held_percent"),
        ({"most_a_night": 0}, "play.most_a_night"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_its_place(api, olga, wrong, field):
    draft = make_draft(olga)
    body = {"revision": 1, "play": to_data(SOUND) | wrong}

    assert field in fields(api(olga).put(at(draft.play, "draft"), body))
    assert PlayVersion.objects.get().revision == 1


@pytest.mark.parametrize("play", [None, "a play", 3, []])
def test_what_is_no_play_at_all_is_refused(api, olga, play):
    draft = make_draft(olga)

    assert fields(api(olga).put(at(draft.play, "draft"), {"revision": 1, "play": play})) == [
        "play"
    ]


@pytest.mark.parametrize("title", ["", " ", "x" * 121])
def test_a_play_without_a_name_is_refused(api, olga, title):
    assert fields(api(olga).post(PLAYS, {"title": title})) == ["title"]
    assert Play.objects.count() == 0


def test_begun_twice_with_one_key_is_begun_once(api, olga):
    client = api(olga)
    key = {"HTTP_IDEMPOTENCY_KEY": "a"}

    first = client.post(PLAYS, {"title": "Next point"}, **key)
    again = client.post(PLAYS, {"title": "Next point"}, **key)
    other = client.post(PLAYS, {"title": "Another"}, **key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert problem(other, 422)["code"] == "idempotency_key_reused"
    assert (Play.objects.count(), IdempotencyRecord.objects.count()) == (1, 1)


# Judging


def test_lint_says_what_is_the_matter_and_writes_nothing(api, olga):
    draft = make_draft(olga)
    entries = AuditEntry.objects.count()
    client = api(olga)

    good = client.post(at(draft.play, "lint"), {}).json()
    bad = client.post(
        at(draft.play, "lint"), {"play": to_data(replace(SOUND, aim="", steps=()))}
    ).json()

    assert good["may_be_published"] is True
    assert bad["may_be_published"] is False
    assert {"aim", "steps"} <= {found["where"] for found in bad["findings"]}
    assert (AuditEntry.objects.count(), PlayVersion.objects.get().aim) == (entries, SOUND.aim)


def test_money_is_never_asked(api, olga):
    draft = make_draft(olga)
    rich = replace(SOUND, audience={"fact": "margin", "op": "eq", "value": 3})

    answer = api(olga).post(at(draft.play, "lint"), {"play": to_data(rich)}).json()

    assert answer["may_be_published"] is False
    assert [f["where"] for f in answer["findings"] if f["severity"] == "error"] == ["audience"]


# Publishing


def test_a_draft_is_published_and_nothing_is_left_to_publish(api, olga):
    draft = make_draft(olga)
    body = PUBLISH | {"revision": draft.revision, "note": "The first"}
    client = api(olga)

    done = client.post(at(draft.play, "publish"), body)

    assert done.status_code == 200
    assert (done.json()["status"], done.json()["change_note"], done.json()["number"]) == (
        "published",
        "The first",
        1,
    )
    assert client.get(at(draft.play)).json()["draft"] is None
    problem(client.post(at(draft.play, "publish"), body), 404)
    assert AuditEntry.objects.filter(verb="play.published").count() == 1


def test_published_twice_with_one_key_is_published_once(api, olga):
    draft = make_draft(olga)
    body = PUBLISH | {"revision": draft.revision}
    client = api(olga)

    first, again = (
        client.post(at(draft.play, "publish"), body, HTTP_IDEMPOTENCY_KEY="p") for _ in "12"
    )

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert AuditEntry.objects.filter(verb="play.published").count() == 1


def test_what_the_linter_forbids_is_refused_at_its_place(api, olga):
    draft = make_draft(olga, planned=replace(SOUND, aim=""))

    answer = api(olga).post(at(draft.play, "publish"), PUBLISH | {"revision": draft.revision})

    assert fields(answer) == ["path.aim"]
    assert Play.objects.get().current is None


def test_what_was_saved_in_between_is_not_published(api, olga):
    draft = make_draft(olga)
    playbook.save_draft(
        version=draft, planned=replace(SOUND, aim="B"), revision=draft.revision, by=olga,
        at=NOON,
    )  # fmt: skip

    answer = api(olga).post(at(draft.play, "publish"), PUBLISH | {"revision": draft.revision})

    problem(answer, 409)
    assert Play.objects.get().current is None


@pytest.mark.parametrize(
    ("inside", "left"),
    [("stay", (None, 1)), ("move", (None, 2)), ("stop", ("switched_off", 1))],
)
def test_those_inside_stay_move_or_stop(api, olga, inside, left):
    play = make_published(olga)
    entry = make_enrolment(play=play)
    draft = make_draft(olga, play=play, planned=replace(SOUND, aim="Another aim"))
    body = {"revision": draft.revision, "inside": inside, "effective_from": "2026-07-29"}

    assert api(olga).post(at(play, "publish"), body).status_code == 200

    entry.refresh_from_db()
    assert (entry.end or None, entry.version.number) == left


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"inside": "forget"}, "inside"),
        ({"inside": None}, "inside"),
        ({"effective_from": "soon"}, "effective_from"),
        ({"effective_from": "2026-07-28"}, "effective_from"),
        ({"revision": "x"}, "revision"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_publication_that_says_too_little_is_refused(api, olga, wrong, field):
    draft = make_draft(olga)

    answer = api(olga).post(at(draft.play, "publish"), PUBLISH | {"revision": 1} | wrong)

    assert fields(answer) == [field]
    assert Play.objects.get().current is None


# Switching


def test_switched_off_it_ends_and_closes_and_switched_on_it_goes_on(api, olga):
    play = make_published(olga)
    item = make_intervention(play=play)
    client = api(olga)

    off = client.post(at(play, "switch"), {"is_active": False, "reason": "It is summer"})
    again = client.post(at(play, "switch"), {"is_active": False, "reason": "Still"})
    on = client.post(at(play, "switch"), {"is_active": True, "reason": "It is autumn"})

    assert [answer.json()["activity"] for answer in (off, again, on)] == ["off", "off", "on"]
    item.refresh_from_db()
    assert (item.status, Enrolment.objects.get().end) == ("closed", "switched_off")
    verbs = AuditEntry.objects.filter(verb__startswith="play.switched").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == [
        "play.switched_off", "play.switched_on"
    ]  # fmt: skip


def test_a_play_that_stopped_by_itself_goes_on(api, olga):
    play = make_published(olga)
    Play.objects.filter(pk=play.pk).update(is_active=False, paused_because="Too many")

    answer = api(olga).post(at(play, "switch"), {"is_active": True, "reason": "I looked"})

    assert (answer.json()["activity"], answer.json()["paused_because"]) == ("on", "")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"is_active": False}, "reason"),
        ({"is_active": False, "reason": " "}, "reason"),
        ({"reason": "Why"}, "is_active"),
        ({"is_active": "perhaps", "reason": "Why"}, "is_active"),
    ],
)
def test_nobody_switches_without_a_word(api, olga, body, field):
    play = make_published(olga)

    assert fields(api(olga).post(at(play, "switch"), body)) == [field]
    play.refresh_from_db()
    assert play.is_active


# Who would enter


def test_who_would_enter_is_told_with_why_and_how(api, olga):
    segment = make_segment(delivery="message", channels=["email"])
    template = make_template()
    steps = (replace(SOUND.steps[0], template=template.key), SOUND.steps[1])
    draft = make_draft(olga, planned=replace(SOUND, steps=steps))
    place = make_affiliation(is_primary_contact=True)
    told = make_behind(member=place.member, contact=place.person, segment=segment)
    seen = make_behind(member=make_member(name="Seen"))
    make_member_facts(member=make_member(name="Well"))

    answer = api(olga).get(at(draft.play, "entering")).json()

    assert (answer["total"], answer["messages"], answer["items"], answer["held"]) == (
        2,
        1,
        1,
        0,
    )
    assert {(row["member"]["id"], row["hand"], row["channel"]) for row in answer["rows"]} == {
        (str(told.public_id), "system", "email"),
        (str(seen.public_id), "person", ""),
    }
    assert {row["occurred_on"] for row in answer["rows"]} == {"2026-07-29"}
    assert all("29 July 2026" in row["why"] for row in answer["rows"])
    assert (Enrolment.objects.count(), Intervention.objects.count()) == (0, 0)


def test_who_would_enter_goes_on_where_a_page_ended(api, olga):
    members = [make_behind() for _ in range(51)]
    draft = make_draft(olga)
    client = api(olga)

    first = client.get(at(draft.play, "entering")).json()
    rest = client.get(at(draft.play, "entering"), {"after": first["after"]}).json()

    shown = [row["member"]["id"] for row in first["rows"] + rest["rows"]]
    assert shown == [str(member.public_id) for member in members]
    assert (first["total"], rest["total"], rest["after"]) == (51, 51, None)


@pytest.mark.parametrize("after", ["x", "-1", "٣", "9" * 40])
def test_a_page_that_is_none_is_refused(api, olga, after):
    draft = make_draft(olga)

    answer = api(olga).get(at(draft.play, "entering"), {"after": after})

    assert problem(answer, 400)["detail"] == "after: A valid integer is required."


def test_a_play_that_cannot_be_asked_says_so(api, olga):
    draft = make_draft(olga, planned=replace(SOUND, start={}))

    assert fields(api(olga).get(at(draft.play, "entering"))) == ["play"]


def test_entries_are_said_to_be_left_alone(api, olga):
    draft = make_draft(olga, planned=replace(SOUND, held_percent=50))
    for _ in range(20):
        make_behind()

    answer = api(olga).get(at(draft.play, "entering")).json()

    held = [row for row in answer["rows"] if row["is_held"]]
    assert 0 < len(held) == answer["held"] < 20


# What it has changed, and what it would have been


def test_its_effect_and_back_tests_are_found_by_its_key(api, olga):
    play = make_published(olga)
    client = api(olga)
    asked = {
        "play": play.key,
        "first_on": "2025-01-01",
        "last_on": "2025-03-31",
        "every_days": 30,
    }

    effect = client.get(f"/api/v1/measures/effects/{play.key}")
    made = client.post("/api/v1/backtests/", asked, HTTP_IDEMPOTENCY_KEY="b")
    again = client.post("/api/v1/backtests/", asked, HTTP_IDEMPOTENCY_KEY="b")
    found = client.get("/api/v1/backtests/", {"play": play.key}).json()["results"]
    other = client.get("/api/v1/backtests/", {"play": "none"}).json()["results"]

    assert (effect.status_code, effect.json()["play"]) == (200, play.key)
    assert (made.status_code, again.json()) == (202, made.json())
    assert ([row["id"] for row in found], other) == ([made.json()["id"]], [])
    assert made.json()["definition"]["aim"] == SOUND.aim
