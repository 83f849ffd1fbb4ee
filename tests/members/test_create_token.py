"""``create_token``: the secret is printed once, alone on its line."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from config.kernel import clock
from members.enums import Role
from members.models import ApiToken
from members.services.api_access import check_token
from tests.factories import make_user


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command("create_token", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.django_db
def test_command_prints_the_secret_of_a_new_token():
    user = make_user(email="ada@waymark.example")

    out, _ = run(
        "Ada@waymark.example", "--name", "export", "--days", "7",
        "--scope", "members.member.view", "--scope", "success.queue.view",
    )  # fmt: skip

    token = check_token(out.strip(), at=clock.now())
    assert (token.user, token.name) == (user, "export")
    assert token.scopes == ["members.member.view", "success.queue.view"]
    assert token.expires_at - token.created_at == timedelta(days=7)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["bob@waymark.example", "--name", "x"], "Nobody logs in as bob@waymark.example."),
        (["ada@waymark.example", "--name", "x"], "Say what it may do with --scope."),
        (["ada@waymark.example", "--name", "x", "--days", "0"], "1 to 366 days"),
        (
            ["ada@waymark.example", "--name", "x", "--scope", "success.night.view"],
            "may not success.night.view, only:\n  ",
        ),
    ],
)
def test_command_says_why_it_makes_no_token(arguments, reason):
    make_user(email="ada@waymark.example", role=Role.MSM)

    with pytest.raises(CommandError) as refusal:
        run(*arguments)

    assert reason in str(refusal.value)
    assert ApiToken.objects.count() == 0
