"""All settings, read from the environment; both profiles are this one file.

Embedded (default): SQLite, filesystem broker, local-memory cache. Production: DATABASE_URL and REDIS_URL are given.
"""

import os
import secrets
from pathlib import Path
from typing import Any

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent


def _kept_secret(path: Path) -> str:
    """A random key made at the first start and kept beside the data, so that sessions survive a restart."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_urlsafe(50)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key)
    except FileExistsError:  # another process was first
        return path.read_text().strip()
    return key


# --- The machine -------------------------------------------------------------------------------------------------
HOST = env.str("HOST", "127.0.0.1")
PORT = env.int("PORT", 8000)
PUBLIC_URL = env.str("PUBLIC_URL", f"http://{HOST}:{PORT}").rstrip("/")
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
GRIDGOV_DATA = Path(env.str("GRIDGOV_DATA", str(BASE_DIR / "var"))).resolve()
GRIDGOV_DEMO = env.bool("GRIDGOV_DEMO", True)
GRIDGOV_PLAN = env.int("GRIDGOV_PLAN", 6)
GRIDGOV_DEMO_PASSWORD = env.str("GRIDGOV_DEMO_PASSWORD", "")

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "") or _kept_secret(GRIDGOV_DATA / "secret-key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
_public_host = environ.urlparse(PUBLIC_URL).hostname
ALLOWED_HOSTS = ALLOWED_HOSTS or sorted({"127.0.0.1", "localhost", HOST, _public_host} - {None, "0.0.0.0"})
SECURE = PUBLIC_URL.startswith("https://")

# --- Applications ------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "gridgov.desk.site.GridgovAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "axes",
    "csp",
    "django_htmx",
    "simple_history",
    "gridgov.common",
    "grids",
    "members",
    "incidents",
    "inspections",
    "assessments",
    "gridgov.plans",
    "gridgov.desk",
    "gridgov.simulation",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "gridgov.common.middleware.RequestMiddleware",
    "gridgov.common.middleware.MethodMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "gridgov.common.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gridgov.common.middleware.PasswordMiddleware",
    "gridgov.common.middleware.ClockMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "gridgov.urls"
WSGI_APPLICATION = "gridgov.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gridgov.desk.context.frame",
            ],
        },
    },
]

# --- Database, cache, broker -------------------------------------------------------------------------------------
DATABASES: dict[str, Any] = {
    "default": env.db_url("DATABASE_URL", f"sqlite:///{GRIDGOV_DATA / 'gridgov.sqlite3'}"),
}
EMBEDDED = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if EMBEDDED:
    # IMMEDIATE: a write lock from the first statement; DEFERRED lost 11 to 17 % of writes with 8 writers.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
        "PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A matter with all it points to is eight tables: to weigh every order of them took PostgreSQL ten times as long as
    # to read the one row. Joins stand in the order in which they are best read, so four at a time are weighed.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault(
        "options", "-c join_collapse_limit=4 -c jit=off"
    )
# Off where a pooler gives each transaction another session of the server.
PREPARED_STATEMENTS = env.bool("GRIDGOV_PREPARED_STATEMENTS", True)
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["ATOMIC_REQUESTS"] = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "gridgov",
        }
    }
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "global_keyprefix": "gridgov:",
        "visibility_timeout": 60,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    _spool = GRIDGOV_DATA / "spool"
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_spool / "messages"),
        "data_folder_out": str(_spool / "messages"),
        "control_folder": str(_spool / "control"),
        "polling_interval": 0.2,
    }

# The database is the truth, the broker only a bell: no results, no ETA, tasks expire within their period.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_BEAT_SCHEDULE = {
    "escalate-what-is-late": {
        "task": "incidents.tasks.sweep_overdue",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
    "relay-outbox": {
        "task": "gridgov.common.tasks.relay_outbox",
        "schedule": 30.0,
        "options": {"expires": 25},
    },
    "index-for-search": {
        "task": "incidents.tasks.index_for_search",
        "schedule": 10.0,
        "options": {"expires": 9},
    },
    # every ten minutes, so also at 00:00, when posts and leaves begin and end
    "apply-appointments": {
        "task": "members.tasks.apply_appointments",
        "schedule": crontab(minute="*/10"),
        "options": {"expires": 590},
    },
    "follow-appointments": {
        "task": "incidents.tasks.follow_appointments",
        "schedule": crontab(minute="*/10"),
        "options": {"expires": 590},
    },
    # in the morning, several times in case one is missed: said once a day
    "tell-daily-lists": {
        "task": "incidents.tasks.tell_of_neglected",
        "schedule": crontab(hour="7-10", minute="30"),
        "options": {"expires": 3000},
    },
    "drop-lost-uploads": {
        "task": "incidents.tasks.drop_lost_uploads",
        "schedule": 3600.0,
        "options": {"expires": 3000},
    },
    "clean-up": {
        "task": "gridgov.common.tasks.clean_up",
        "schedule": 3600.0,
        "options": {"expires": 3000},
    },
}

# --- People ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "common.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_DISABLE_ACCESS_LOG = True  # gridgov keeps its own audit trail
AXES_LOCKOUT_CALLABLE = "gridgov.desk.views.locked_out"
AXES_IPWARE_PROXY_COUNT = len(TRUSTED_PROXIES) or None
AXES_VERBOSE = False

SESSION_COOKIE_NAME = "gridgov_session"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_NAME = "gridgov_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE and TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if SECURE else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- REST --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["gridgov.common.api.auth.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["gridgov.common.api.parsing.JSONBody"],
    "DEFAULT_SCHEMA_CLASS": "gridgov.common.api.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["gridgov.common.api.throttles.UserThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "user": env.str("GRIDGOV_THROTTLE_USER", "600/min"),
        "login": env.str("GRIDGOV_THROTTLE_LOGIN", "30/min"),
        "open311": env.str("GRIDGOV_THROTTLE_OPEN311", "120/min"),
    },
    "EXCEPTION_HANDLER": "gridgov.common.api.problems.problem_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is no parameter of ours
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS answers 405
}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Token",
    "TOKEN_TTL": __import__("datetime").timedelta(days=30),
    "AUTO_REFRESH": False,  # no write per request
    "TOKEN_LIMIT_PER_USER": 10,
    "USER_SERIALIZER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "gridgov",
    "DESCRIPTION": "Township grid governance: report, handle, follow up.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "IncidentStatusEnum": "incidents.enums.Status",
        "AssessmentStatusEnum": "assessments.enums.AssessmentStatus",
        "GridKindEnum": "grids.enums.Kind",
        "CategoryKindEnum": "incidents.enums.CategoryKind",
        "DutyKindEnum": "members.enums.DutyKind",
        "FileKindEnum": "gridgov.common.enums.FileKind",
    },
}

# --- Language and time -------------------------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LANGUAGE_COOKIE_NAME = "gridgov_language"
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["gridgov.common.formats"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

# --- What goes out ---------------------------------------------------------------------------------------------
# Networks inside that webhooks and notices may be sent to; without it only addresses on the internet.
GRIDGOV_WEBHOOK_ALLOW = env.list("GRIDGOV_WEBHOOK_ALLOW", default=[])

# --- Files -------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # straight from static/: nothing to collect, so no STATIC_ROOT
MEDIA_ROOT = GRIDGOV_DATA / "media"  # never served by path: always through scope
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
UPLOAD_LIMITS = {  # bytes of one file, by kind
    "photo": env.int("GRIDGOV_UPLOAD_PHOTO_MB", 20) << 20,
    "document": env.int("GRIDGOV_UPLOAD_DOCUMENT_MB", 20) << 20,
    "video": env.int("GRIDGOV_UPLOAD_VIDEO_MB", 50) << 20,
    "audio": env.int("GRIDGOV_UPLOAD_AUDIO_MB", 20) << 20,
}
UPLOAD_MAX_BYTES = max(UPLOAD_LIMITS.values())
UPLOAD_KEEP_DAYS = 7  # an upload whose report never came

# --- Logs --------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "axes": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS = [
    "guardian.W001",  # the backend is there; ANONYMOUS_USER_NAME is off on purpose
]
