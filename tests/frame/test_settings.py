"""Production refuses to start on anything that is made for trying."""

import pytest

PRODUCTION = {
    "DEBUG": "off",
    "DATABASE_URL": "postgres://waymark:secret@database/waymark",
    "REDIS_URL": "redis://redis:6379/0",
    "SECRET_KEY": "a long random secret that nobody else has, of more than fifty characters",
    "ALLOWED_HOSTS": "members.example.org",
}
SETUP = "import django; django.setup(); from django.conf import settings; print({})"


def start(python, *, show="'started'", **environment: str) -> tuple[int, str]:
    process = python(
        "-c", SETUP.format(show), DJANGO_SETTINGS_MODULE="config.settings", **environment
    )
    said, _ = process.communicate()
    return process.returncode, said.splitlines()[-1]


@pytest.mark.parametrize(
    ("without", "complaint"),
    [
        ({"DATABASE_URL": ""}, "With DEBUG off, DATABASE_URL must be set: the embedded servers are for trying only."),
        ({"REDIS_URL": ""}, "With DEBUG off, REDIS_URL must be set: the embedded servers are for trying only."),
        ({"SECRET_KEY": "insecure-for-trying-only"}, "With DEBUG off, SECRET_KEY must be set to a secret."),
        ({"ALLOWED_HOSTS": ""}, "With DEBUG off, ALLOWED_HOSTS must name the hosts the site answers for."),
    ],
)  # fmt: skip
def test_production_refuses_with_one_clear_sentence(python, without, complaint):
    outcome = start(python, **{**PRODUCTION, **without})

    assert outcome == (1, f"django.core.exceptions.ImproperlyConfigured: {complaint}")


def test_production_starts_with_nothing_embedded_and_safe_cookies(python):
    shown = "[settings.WAYMARK_EMBEDDED, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SECURE_SSL_REDIRECT]"

    outcome = start(python, show=shown, **PRODUCTION)

    assert outcome == (0, "[None, True, True, True]")


def test_the_state_folder_may_hold_the_environment(python, state):
    (state / "env").write_text(
        "WAYMARK_ASSOCIATION=Society of Surveyors\nWAYMARK_TODAY=2026-07-29\n"
    )

    outcome = start(python, show="[settings.WAYMARK_ASSOCIATION, str(settings.WAYMARK_TODAY)]")

    assert outcome == (0, "['Society of Surveyors', '2026-07-29']")


def test_the_content_security_policy_has_no_unsafe_source(settings):
    sources = {
        str(source)
        for directive in settings.CONTENT_SECURITY_POLICY["DIRECTIVES"].values()
        for source in directive
    }

    assert sources == {"'none'", "'self'", "data:"}
