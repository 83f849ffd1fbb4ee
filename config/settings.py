"""One settings file, driven by the environment; see README.md for the variables.

Importing it starts nothing: where DATABASE_URL or REDIS_URL is absent it only computes where
the embedded server will listen. With DEBUG off it refuses to run on anything made for trying.
"""

import datetime as dt
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy

from config import embedded, logs

BASE_DIR = Path(__file__).resolve().parent.parent
INSECURE_KEY = "insecure-for-trying-only"

env = environ.Env()
STATE_DIR = Path(env.str("WAYMARK_STATE", str(BASE_DIR / ".waymark"))).resolve()
if (STATE_DIR / "env").is_file():
    environ.Env.read_env(STATE_DIR / "env")

DEBUG = env.bool("DEBUG", True)
SECRET_KEY = env.str("SECRET_KEY", INSECURE_KEY)
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else []
)
DATABASE_URL = env.str("DATABASE_URL", "")
REDIS_URL = env.str("REDIS_URL", "")

if not DEBUG:
    missing = "With DEBUG off, {} must be set: the embedded servers are for trying only."
    if not DATABASE_URL:
        raise ImproperlyConfigured(missing.format("DATABASE_URL"))
    if not REDIS_URL:
        raise ImproperlyConfigured(missing.format("REDIS_URL"))
    if SECRET_KEY == INSECURE_KEY:
        raise ImproperlyConfigured("With DEBUG off, SECRET_KEY must be set to a secret.")
    if not ALLOWED_HOSTS:
        raise ImproperlyConfigured(
            "With DEBUG off, ALLOWED_HOSTS must name the hosts the site answers for."
        )

# The association. WAYMARK_TODAY pins its today, as the demo does; only the clock reads it.
WAYMARK_ASSOCIATION = env.str("WAYMARK_ASSOCIATION", "Your association")
WAYMARK_TIME_ZONE = env.str("WAYMARK_TIME_ZONE", "UTC")
WAYMARK_TODAY: dt.date | None = (
    dt.date.fromisoformat(pinned) if (pinned := env.str("WAYMARK_TODAY", "")) else None
)
# Where links in mail lead, and what stands under each mail that people may stop.
WAYMARK_SITE_URL = env.str("WAYMARK_SITE_URL", f"http://localhost:{env.int('PORT', 8000)}/")
WAYMARK_CONTACT = env.str("WAYMARK_CONTACT", "")
# From and until when nobody is written to, by the reader's own clock.
WAYMARK_QUIET_HOURS = tuple(
    dt.time.fromisoformat(said)
    for said in env.str("WAYMARK_QUIET_HOURS", "20:00-08:00").split("-", 1)
)

# Apps, top to bottom: an app imports only from those below it.
INSTALLED_APPS = [
    "success",
    "community",
    "communications",
    "coverage",
    "engagement",
    "members",
    "config.kernel",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "anymail",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",  # before staticfiles: runserver serves as production does
    "django.contrib.staticfiles",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.kernel.pace.rate_headers",
    "config.kernel.not_found.NotFound",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.kernel.context.shell",
            ],
        },
    },
]

# Database, Redis and work.
_servers = embedded.Servers(
    state=STATE_DIR,
    postgres=not DATABASE_URL,
    redis=not REDIS_URL,
    throw_away=env.bool("WAYMARK_THROW_AWAY", False),
)
WAYMARK_EMBEDDED: embedded.Servers | None = (
    None if DATABASE_URL and REDIS_URL else _servers
)  # None: nothing is embedded
DATABASES: dict[str, dict[str, Any]] = {
    "default": (env.db_url_config(DATABASE_URL) if DATABASE_URL else _servers.database())
    | {
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", 60),
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = REDIS_URL or _servers.redis_url()
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "waymark",
    }
}
CELERY_BROKER_URL = (
    f"redis+socket://{urlsplit(REDIS_URL).path}" if REDIS_URL.startswith("unix:") else REDIS_URL
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A task lost with its worker comes back; one that runs longer than this is delivered twice,
# which is harmless (tasks are idempotent) and wasteful.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 4 * 60 * 60}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_DEFAULT_QUEUE = "waymark"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"  # beat only ticks; what is due where, our code computes from rows
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "success.tick", "schedule": 60.0, "options": {"expires": 55}},
}

# Who may in. Accounts are made by the association; nobody signs up by themselves.
AUTH_USER_MODEL = "members.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "config.accounts.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_EMAIL_VERIFICATION = "none"  # staff enter addresses; a mailed code proves one
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # the form does not tell, and strangers get no mail
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = WAYMARK_ASSOCIATION
# How many proxies stand before the site; rate limits need the caller's address.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", 0)

# Mail: a folder, unless EMAIL_URL (SMTP) or EMAIL_BACKEND (an anymail provider) is given.
EMAIL_FILE_PATH = str(STATE_DIR / "mail")
EMAIL_BACKEND = env.str("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
if env.str("EMAIL_URL", ""):
    vars().update(env.email_url("EMAIL_URL"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "waymark@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", 30)  # seconds; a server that hangs holds up nobody
ANYMAIL: dict[str, Any] = env.json("ANYMAIL", default={})
# user:password pairs by which a provider's calls are let in, two while one replaces the other;
# without one there are no addresses for such calls.
if secrets := env.list("WEBHOOK_SECRETS", default=[]):
    ANYMAIL["WEBHOOK_SECRET"] = secrets
# Answers to replies@our.domain go to replies+<message>@our.domain; blank: to the sender's own.
REPLY_ADDRESS = env.str("REPLY_ADDRESS", "")

# The browser's side.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
    }
}
X_FRAME_OPTIONS = "DENY"
# Django's own admin site, for emergencies: a path such as "admin/"; empty, there is none.
WAYMARK_ADMIN_PATH = env.str("WAYMARK_ADMIN_PATH", "")
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
if not DEBUG:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 365 * 24 * 60 * 60)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    if env.int("TRUSTED_PROXIES", 0):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Pin the scheme of links in mail that no request is behind.
    ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": STATE_DIR / "files"},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# No collectstatic on a laptop. Said here, since a test run turns DEBUG off afterwards.
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

FILTERS_EMPTY_CHOICE_LABEL = gettext_lazy("Any")

# The API.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "members.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.kernel.permissions.HasPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["config.kernel.api.FilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "config.kernel.api.KeysetPagination",
    "DEFAULT_THROTTLE_CLASSES": ["config.kernel.pace.RateLimit"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.kernel.problems.handle",
    "URL_FORMAT_OVERRIDE": None,  # there is one format
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
WAYMARK_API_RATE = env.int("WAYMARK_API_RATE", 600)  # requests a minute, for each caller
SPECTACULAR_SETTINGS = {
    "TITLE": "Waymark",
    "DESCRIPTION": "Members, the work on their behalf, and what it comes to.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "Advocacy": "success.enums.Advocacy",
        "Answer": "success.enums.Answer",
        "AskAnswer": "success.api.asks.ANSWER_CHOICES",
        "AskKind": "success.enums.AskKind",
        "AskStatus": "success.enums.AskStatus",
        "BacktestStatus": "success.enums.BacktestStatus",
        "Cadence": "communications.enums.Cadence",
        "Channel": "coverage.enums.Channel",
        "EvidenceSource": "success.enums.EvidenceSource",
        "Format": "communications.enums.Format",
        "Fit": "success.enums.Fit",
        "FitStatus": "success.enums.FitStatus",
        "GoalAnswer": "success.api.outcomes.ANSWER_CHOICES",
        "InterventionStatus": "success.enums.InterventionStatus",
        "Guidance": "coverage.enums.Guidance",
        "Level": "coverage.enums.Level",
        "MemberKind": "members.enums.MemberKind",
        "Modality": "coverage.enums.Modality",
        "PlanBatchStatus": "success.enums.PlanBatchStatus",
        "ProfileImportStatus": "success.enums.ProfileImportStatus",
        "Purpose": "communications.enums.Purpose",
        "RebalancingStatus": "coverage.enums.RebalancingStatus",
        "Resources": "coverage.enums.Resources",
        "RevenueStatus": ["provisional", "final"],
        "ReviewStatus": "success.enums.ReviewStatus",
        "RowAction": "members.enums.RowAction",
        "Side": "success.enums.Side",
        "Standing": "success.enums.Standing",
        "State": "success.enums.State",
        "SuppressionKind": "communications.enums.SuppressionKind",
        "VariableKind": "communications.enums.VariableKind",
        "VersionStatus": "success.enums.VersionStatus",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Language and time. Instants are stored in UTC and shown in the association's zone.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = WAYMARK_TIME_ZONE

LOGGING = logs.configuration(machine_readable=not DEBUG, level=env.str("LOG_LEVEL", "INFO"))
