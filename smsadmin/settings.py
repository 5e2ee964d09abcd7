"""All settings, top to bottom, driven by the environment. `.env.example` documents every variable."""

import os
from pathlib import Path
from typing import Any

import environ
from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _

from smsadmin.keys import local_keys

ROOT = Path(__file__).resolve().parent.parent
env = environ.Env()
if (ROOT / ".env").exists():
    env.read_env(ROOT / ".env")

DATA_DIR = Path(env("DATA_DIR", default=ROOT / "data")).resolve()
PORT = env.int("PORT", default=8000)
SANDBOX_PORT = env.int("SANDBOX_PORT", default=8001)

# --- The outside world ------------------------------------------------------------------------------

# Without a real provider configured, everything outside is played by the sandbox.
SANDBOX = env.bool("SANDBOX", default="AIRCALL_BASE_URL" not in os.environ)
_sandbox_url = f"http://127.0.0.1:{SANDBOX_PORT}"

BASE_URL = env("BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
AIRCALL_BASE_URL = env(
    "AIRCALL_BASE_URL", default=f"{_sandbox_url}/aircall" if SANDBOX else "https://api.aircall.io"
).rstrip("/")
HUBSPOT_BASE_URL = env(
    "HUBSPOT_BASE_URL", default=f"{_sandbox_url}/hubspot" if SANDBOX else "https://api.hubapi.com"
).rstrip("/")
CALLR_BASE_URL = env(
    "CALLR_BASE_URL", default=f"{_sandbox_url}/callr" if SANDBOX else "https://api.callr.com"
).rstrip("/")
TWILIO_BASE_URL = env(
    "TWILIO_BASE_URL", default=f"{_sandbox_url}/twilio" if SANDBOX else "https://api.twilio.com"
).rstrip("/")
# Messaging services have a host of their own.
TWILIO_MESSAGING_BASE_URL = env(
    "TWILIO_MESSAGING_BASE_URL",
    default=f"{_sandbox_url}/twilio/messaging" if SANDBOX else "https://messaging.twilio.com",
).rstrip("/")
# Of the global region; an account in another one has its own address in its options.
SYNTHFLOW_BASE_URL = env(
    "SYNTHFLOW_BASE_URL", default=f"{_sandbox_url}/synthflow" if SANDBOX else "https://api.synthflow.ai"
).rstrip("/")
HUBSPOT_API_VERSION = env("HUBSPOT_API_VERSION", default="2026-03")
HUBSPOT_CLIENT_SECRET = env("HUBSPOT_CLIENT_SECRET", default="sandbox-client-secret" if SANDBOX else "")
# The app in HubSpot, for portals that are connected by OAuth and for publishing the action.
HUBSPOT_CLIENT_ID = env("HUBSPOT_CLIENT_ID", default="sandbox-client-id" if SANDBOX else "")
HUBSPOT_APP_ID = env("HUBSPOT_APP_ID", default="123456" if SANDBOX else "")
HUBSPOT_DEVELOPER_KEY = env("HUBSPOT_DEVELOPER_KEY", default="sandbox-developer-key" if SANDBOX else "")
HUBSPOT_DEVELOPER_TOKEN = env("HUBSPOT_DEVELOPER_TOKEN", default="")
# Whether the action's definition must do without a field that depends on two others.
HUBSPOT_ONE_DEPENDENCY = env.bool("HUBSPOT_ONE_DEPENDENCY", default=False)
HUBSPOT_AUTHORIZE_URL = env(
    "HUBSPOT_AUTHORIZE_URL",
    default=f"{_sandbox_url}/hubspot/oauth/authorize"
    if SANDBOX
    else "https://app.hubspot.com/oauth/authorize",
)
# The integration that Aircall gave a partner, for accounts that are connected by OAuth.
AIRCALL_CLIENT_ID = env("AIRCALL_CLIENT_ID", default="sandbox-aircall-client" if SANDBOX else "")
AIRCALL_CLIENT_SECRET = env("AIRCALL_CLIENT_SECRET", default="sandbox-aircall-secret" if SANDBOX else "")
AIRCALL_AUTHORIZE_URL = env(
    "AIRCALL_AUTHORIZE_URL",
    default=f"{_sandbox_url}/aircall/oauth/authorize"
    if SANDBOX
    else "https://dashboard.aircall.io/oauth/authorize",
)
# How long a HubSpot execution may wait for the provider before it is answered with BLOCK.
HUBSPOT_ANSWER_WAIT = env.float("HUBSPOT_ANSWER_WAIT", default=4.0)
HUBSPOT_ANSWER_WAITERS = env.int("HUBSPOT_ANSWER_WAITERS", default=2)

# Aircall documents 120 requests a minute in one place and 60 in another: pace for the smaller one.
AIRCALL_REQUESTS_PER_MINUTE = env.int("AIRCALL_REQUESTS_PER_MINUTE", default=60)
# Callr documents no limit; an example of its own makes one request a second.
CALLR_REQUESTS_PER_MINUTE = env.int("CALLR_REQUESTS_PER_MINUTE", default=60)
# Twilio documents no figure, only that too many requests at once are refused; it queues what it takes.
TWILIO_REQUESTS_PER_MINUTE = env.int("TWILIO_REQUESTS_PER_MINUTE", default=300)
PROVIDER_CONNECT_TIMEOUT = env.float("PROVIDER_CONNECT_TIMEOUT", default=5.0)
PROVIDER_READ_TIMEOUT = env.float("PROVIDER_READ_TIMEOUT", default=30.0)
DISPATCH_LEASE = env.float("DISPATCH_LEASE", default=PROVIDER_READ_TIMEOUT + PROVIDER_CONNECT_TIMEOUT + 25)
DISPATCH_THREADS = env.int("DISPATCH_THREADS", default=8)
DISPATCH_LINGER = env.float("DISPATCH_LINGER", default=0.4)
# Whether webhooks may go to private addresses and without TLS, so to what is behind our own firewall.
NOTICE_PRIVATE_HOSTS = env.bool("NOTICE_PRIVATE_HOSTS", default=SANDBOX)
# The same of what call flows may call.
FLOW_PRIVATE_HOSTS = env.bool("FLOW_PRIVATE_HOSTS", default=SANDBOX)
# How long each process may rely on configuration it has read (seconds).
CONFIGURATION_TTL = env.float("CONFIGURATION_TTL", default=1.0)
# Requests a minute that one API key may make.
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=600)
# Calls a minute that one AI agent may make.
AGENT_REQUESTS_PER_MINUTE = env.int("AGENT_REQUESTS_PER_MINUTE", default=120)
# Pages that may call /mcp/ from a browser, beside our own: their origins, as in https://inspector.example.com.
MCP_ALLOWED_ORIGINS = env.list("MCP_ALLOWED_ORIGINS", default=[])

# --- Django -----------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="") or local_keys(DATA_DIR)["SECRET_KEY"]
# Fernet keys, newest first: the first encrypts, all decrypt.
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[]) or [
    local_keys(DATA_DIR)["FIELD_ENCRYPTION_KEY"]
]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

INSTALLED_APPS = [
    "smsadmin.workspaces",
    "smsadmin.directory",
    "smsadmin.connections",
    "smsadmin.crm",
    "smsadmin.actions",
    "smsadmin.sending",
    "smsadmin.failures",
    "smsadmin.resends",
    "smsadmin.incoming",
    "smsadmin.notices",
    "smsadmin.privacy",
    "smsadmin.exports",
    "smsadmin.trials",
    "smsadmin.quotas",
    "smsadmin.api",
    "smsadmin.writeback",
    "smsadmin.pacing",
    "smsadmin.consent",
    "smsadmin.inbox",
    "smsadmin.classic",
    "smsadmin.flows",
    "smsadmin.senders",
    "smsadmin.agents",
    "smsadmin.routing",
    "smsadmin.hooks",
    "smsadmin.dashboard",
    "smsadmin.sandbox",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "auditlog",
    "csp",
    "django_filters",
    "django_htmx",
    "django_structlog",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "smsadmin.dashboard.middleware.only_utf8",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "smsadmin.workspaces.middleware.WorkspaceMiddleware",
    "smsadmin.dashboard.middleware.worded_405",
]

# What machines call has no session, no messages and no CSRF token, and answers a burst (smsadmin/wsgi.py).
MACHINE_PATHS = (
    "/hubspot/actions/",
    "/hubspot/options/",
    "/aircall/webhooks/",
    "/aircall/callbacks/",
    "/callr/webhooks/",
    "/twilio/",
    "/mcp",
    "/agents/tools",
    "/agents/webhooks/",
    "/api/",
    "/healthz",
    "/readyz",
)
# Among them, what people open.
PEOPLE_PATHS = ("/api/v1/docs/",)
MACHINE_MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]

ROOT_URLCONF = "smsadmin.urls"
WSGI_APPLICATION = "smsadmin.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "smsadmin.dashboard.context.frame",
            ],
        },
    }
]
FORM_RENDERER = "smsadmin.dashboard.forms.Renderer"

# --- Database ---------------------------------------------------------------------------------------

_database: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # Writers queue for at most 20 s; readers never wait. NORMAL may lose the last commits on power loss.
    _synchronous = env("SQLITE_SYNCHRONOUS", default="NORMAL")
    _database["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={_synchronous};",
    }
    # Tests use threads and processes, which an in-memory database cannot serve.
    _database["TEST"] = {"NAME": env("TEST_DATABASE", default=str(DATA_DIR / f"test-{os.getpid()}.sqlite3"))}
else:
    _database["OPTIONS"] = {
        "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL", default=16)},
        "prepare_threshold": 5,  # for the statement of sending/ledger.py: planning it costs more than running it
    }
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Count sign-ins, and the API's requests. Memory does for one web process, which is what `make run` starts; each has its
# own there, or sign-ins would push the counts of requests out, and such counts those of sign-ins.
CACHES = {
    "default": env.cache_url("CACHE_URL", default="locmemcache://"),
    "api": env.cache_url("CACHE_URL", default="locmemcache://api?max_entries=100000"),
}

# --- Celery -----------------------------------------------------------------------------------------

CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_URL = env("BROKER_URL", default="")
# A broker that is gone must not hold up an acceptance: the sweep rings again.
CELERY_BROKER_CONNECTION_TIMEOUT = 1.0
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
}
if not CELERY_BROKER_URL:
    _folder = DATA_DIR / "broker"
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    _folder.mkdir(exist_ok=True)
    CELERY_BROKER_URL = "filesystem://"
    CELERY_BROKER_TRANSPORT = "smsadmin.broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_folder),
        "data_folder_out": str(_folder),
        "control_folder": str(_folder / "control"),
        "polling_interval": 0.05,
    }
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "refresh the directory": {"task": "smsadmin.directory.tasks.refresh_all", "schedule": 600.0},
    "sweep the queue": {"task": "smsadmin.sending.tasks.sweep", "schedule": 5.0},
    "write back": {"task": "smsadmin.writeback.tasks.sweep", "schedule": 5.0},
    "log on records": {"task": "smsadmin.writeback.tasks.log_messages", "schedule": 5.0},
    "make up for lost ends": {"task": "smsadmin.writeback.tasks.make_up", "schedule": 60.0, "args": [1]},
    "make up for old ones": {"task": "smsadmin.writeback.tasks.make_up", "schedule": 3_600.0, "args": [240]},
    "tell of opt-outs": {"task": "smsadmin.consent.tasks.sweep", "schedule": 15.0},
    "take up what providers told": {"task": "smsadmin.incoming.tasks.sweep", "schedule": 5.0},
    "look unknown messages up": {"task": "smsadmin.incoming.tasks.look_up_unknown", "schedule": 15.0},
    "gather charges": {"task": "smsadmin.incoming.tasks.gather_charges", "schedule": 900.0},
    "gather charges of what waited": {
        "task": "smsadmin.incoming.tasks.gather_charges",
        "schedule": 10_800.0,
        "args": [True],
    },
    "gather replies": {"task": "smsadmin.inbox.tasks.sweep", "schedule": 30.0},
    "look after webhooks": {"task": "smsadmin.incoming.tasks.look_after_webhooks", "schedule": 600.0},
    "heartbeat": {"task": "smsadmin.dashboard.tasks.heartbeat", "schedule": 15.0},
    "sweep out": {"task": "smsadmin.dashboard.tasks.sweep_out", "schedule": 86_400.0},
    "take up exports": {"task": "smsadmin.exports.tasks.sweep", "schedule": 15.0},
    "clean up exports": {"task": "smsadmin.exports.tasks.clean_up", "schedule": 3_600.0},
    "purge": {"task": "smsadmin.privacy.tasks.purge", "schedule": 3_600.0},
    "take up resends": {"task": "smsadmin.resends.tasks.sweep", "schedule": 5.0},
    "follow up agents' calls": {"task": "smsadmin.agents.tasks.sweep", "schedule": 5.0},
    "take up runs of flows": {"task": "smsadmin.flows.tasks.sweep", "schedule": 5.0},
    "tell of the end of the classic action": {"task": "smsadmin.classic.tasks.sweep", "schedule": 3_600.0},
    "watch failures": {"task": "smsadmin.notices.tasks.watch", "schedule": 30.0},
    "deliver notices": {"task": "smsadmin.notices.tasks.deliver", "schedule": 30.0},
    "deliver events to hooks": {"task": "smsadmin.hooks.tasks.deliver", "schedule": 10.0},
    "tell hooks of causes": {"task": "smsadmin.hooks.tasks.watch", "schedule": 30.0},
    "compare quotas": {
        "task": "smsadmin.quotas.tasks.compare_everywhere",
        "schedule": crontab(hour="3", minute="17"),  # UTC
    },
    "take up comparisons": {"task": "smsadmin.quotas.tasks.sweep", "schedule": 30.0},
}

# --- People -----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "smsadmin.workspaces.adapter.AccountAdapter"
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="smsadmin@localhost")

# --- Language and time ------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [ROOT / "locale"]
TIME_ZONE = "UTC"
USE_I18N = USE_TZ = True

# --- Files ------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": env("STATIC_STORAGE", default="whitenoise.storage.CompressedManifestStaticFilesStorage")
    },
}

# --- Safety -----------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # Tabler draws its form controls with data: images
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
_behind_proxy = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _behind_proxy else None
# Whose failed sign-ins are counted: else one stranger locks out everybody who comes through the proxy.
ALLAUTH_TRUSTED_PROXY_COUNT = int(_behind_proxy)
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
SECURE_HSTS_SECONDS = 31_536_000 if BASE_URL.startswith("https://") else 0
# Two copies on one machine share the host name, and so would share cookies.
SESSION_COOKIE_NAME = f"smsadmin_session_{PORT}"
CSRF_COOKIE_NAME = f"smsadmin_csrf_{PORT}"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# --- Logs -------------------------------------------------------------------------------------------

LOG_LEVEL = env("LOG_LEVEL", default="INFO")
DJANGO_STRUCTLOG_CELERY_ENABLED = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "smsadmin.logs.formatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "django_structlog": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # a 404 or a refused form is no news
        "kombu.connection": {"level": "ERROR"},  # warns that a folder has no host name
        "celery.worker.consumer.connection": {"level": "WARNING"},
    },
}
