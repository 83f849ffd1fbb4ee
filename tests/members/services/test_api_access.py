"""Tokens, and answers that are given once."""

import hashlib
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from members.enums import Role
from members.models import ApiToken, IdempotencyRecord, Member
from members.services.api_access import (
    Answer,
    BadToken,
    KeyReused,
    ScopeNotGranted,
    answer_once,
    check_token,
    create_token,
    revoke_token,
)
from tests.factories import NOON, make_member, make_token, make_user

DAY = timedelta(days=1)


@pytest.mark.django_db
def test_token_keeps_only_a_hash_of_its_secret():
    token, secret = make_token()

    token.refresh_from_db()
    assert secret.startswith("wm_")
    assert token.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert check_token(secret, at=NOON) == token


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("at", "works"),
    [(NOON, True), (NOON + DAY - timedelta(seconds=1), True), (NOON + DAY, False)],
)
def test_token_works_until_it_expires(at, works):
    _, secret = make_token(expires_at=NOON + DAY)

    if works:
        assert check_token(secret, at=at).name == "test"
    else:
        with pytest.raises(BadToken, match="expired"):
            check_token(secret, at=at)


@pytest.mark.django_db
def test_token_of_somebody_gone_unknown_or_revoked_is_refused():
    gone, secret_of_gone = make_token()
    gone.user.is_active = False
    gone.user.save()
    revoked, secret_of_revoked = make_token()
    revoke_token(token=revoked, at=NOON)
    revoke_token(token=revoked, at=NOON + DAY)

    why = {}
    for secret in (secret_of_gone, secret_of_revoked, "wm_guess"):
        with pytest.raises(BadToken) as refusal:
            check_token(secret, at=NOON)
        why[secret] = str(refusal.value)

    assert list(why.values()) == ["its user is not active", "revoked", "unknown"]
    revoked.refresh_from_db()
    assert revoked.revoked_at == NOON


@pytest.mark.django_db
def test_two_tokens_live_side_by_side_at_a_rotation():
    user = make_user()
    (old, old_secret), (new, new_secret) = make_token(user=user), make_token(user=user)

    assert [check_token(s, at=NOON) for s in (old_secret, new_secret)] == [old, new]


@pytest.mark.django_db
def test_token_cannot_do_what_its_user_cannot():
    with pytest.raises(ScopeNotGranted, match=r"success\.night\.view"):
        make_token(
            user=make_user(role=Role.MSM),
            scopes=["members.member.view", "success.night.view"],
        )
    assert ApiToken.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong", [{"scopes": []}, {"expires_at": NOON}], ids=["no scope", "no time"]
)
def test_token_that_would_open_nothing_is_not_made(wrong):
    said = {"scopes": ["members.member.view"], "expires_at": NOON + DAY} | wrong
    with pytest.raises(ValueError, match="token"):
        create_token(user=make_user(), name="x", at=NOON, **said)


def ask(user, answer, *, key="k", request_hash="h"):
    return answer_once(user=user, key=key, request_hash=request_hash, at=NOON, answer=answer)


@pytest.mark.django_db
def test_answer_is_worked_out_once_and_then_repeated():
    user, worked = make_user(), []

    def answer():
        worked.append(1)
        return Answer(status=409, body={"detail": "taken"})

    given = [ask(user, answer) for _ in range(3)]
    ask(make_user(), answer)

    assert [(a.status, a.body, a.is_replayed) for a in given] == [
        (409, {"detail": "taken"}, False),
        (409, {"detail": "taken"}, True),
        (409, {"detail": "taken"}, True),
    ]
    assert len(worked) == 2


@pytest.mark.django_db
def test_key_of_another_request_is_refused():
    user = make_user()
    ask(user, lambda: Answer(status=200, body=1))

    with pytest.raises(KeyReused):
        ask(user, lambda: Answer(status=200, body=2), request_hash="other")


@pytest.mark.django_db
def test_failure_of_ours_leaves_the_key_unused():
    user = make_user()

    def fails():
        Member.objects.create(name="half done", created_at=NOON)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ask(user, fails)
    bad = ask(user, lambda: Answer(status=503, body=None))
    good = ask(user, lambda: Answer(status=200, body=1))

    assert (bad.status, good.status, good.is_replayed) == (503, 200, False)
    assert Member.objects.filter(name="half done").count() == 0
    assert IdempotencyRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_second_request_at_the_same_moment_waits_and_repeats():
    user, member = make_user(), make_member()
    begun, go_on, given = threading.Event(), threading.Event(), {}

    def slow():
        begun.set()
        go_on.wait(20)
        Member.objects.filter(pk=member.pk).update(name=f"{member.name} once")
        return Answer(status=200, body="first")

    def run(name, answer):
        try:
            given[name] = ask(user, answer)
        finally:
            connection.close()

    def waiting():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return cursor.fetchone()[0]

    first = threading.Thread(target=run, args=("first", slow))
    second = threading.Thread(target=run, args=("second", lambda: Answer(status=200, body="x")))
    first.start()
    begun.wait(20)
    second.start()
    for _ in range(20_000):
        if waiting():
            break
    go_on.set()
    first.join(20)
    second.join(20)

    assert (given["first"].body, given["first"].is_replayed) == ("first", False)
    assert (given["second"].body, given["second"].is_replayed) == ("first", True)
    member.refresh_from_db()
    assert member.name.endswith(" once")
