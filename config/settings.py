"""Django's settings: what never changes is here, what an installation decides comes from config.environment."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy

import config.databases
from config import environment, logs, security, tracing
from payments.kernel import meterfiles

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = environment.load()

# Who we are
SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value()
KEY_PEPPER = ENVIRONMENT.key_pepper.get_secret_value()
PERSONAL_DATA_KEYS = ENVIRONMENT.data_keys  # the newest first
PRODUCTION = ENVIRONMENT.production
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENVIRONMENT.csrf_trusted_origins
TRUSTED_PROXIES = ENVIRONMENT.trusted_proxies
PUBLIC_URL = ENVIRONMENT.public_url.rstrip("/")
SIMULATOR_URL = ENVIRONMENT.simulator_url.rstrip("/")
RUN_DIR = ENVIRONMENT.run_dir
BANK_ACCOUNTS = ENVIRONMENT.currencies_at_banks

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin whose templates it replaces
    "unfold.contrib.filters",
    "config.backoffice.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "payments.apps.PaymentsConfig",
    "refunds.apps.RefundsConfig",
    "reporting.apps.ReportingConfig",
]
MIDDLEWARE = [
    "config.health.ProbesMiddleware",
    "config.measuring.MeasuringMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.security.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.staff.StaffMiddleware",
    "config.languages.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
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
            ],
        },
    },
]

# Where things are kept
DATABASES = config.databases.databases(ENVIRONMENT)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = ENVIRONMENT.redis_url.get_secret_value() if ENVIRONMENT.redis_url else ""
BROKER_URL = ENVIRONMENT.broker
LONE_WORKER = ENVIRONMENT.lone_worker

# Time, language, numbers
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español")]  # as those say it who speak it
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
FORMAT_MODULE_PATH = "config.formats"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"

# Files of reports and settlement, and how long a link to one opens it
REPORT_LINK = timedelta(minutes=15)
RAW_KEPT_DAYS = ENVIRONMENT.raw_kept_days  # what PSPs sent
REPORTS_KEPT = timedelta(days=ENVIRONMENT.reports_kept_days)

# Mail: nobody is written to unless an installation says who sends it
MAIL = urlsplit(ENVIRONMENT.smtp_url.get_secret_value() if ENVIRONMENT.smtp_url else "")
EMAIL_HOST = MAIL.hostname or ""
EMAIL_PORT = MAIL.port or (465 if MAIL.scheme == "smtps" else 587)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(MAIL.username or ""), unquote(MAIL.password or "")
EMAIL_USE_SSL = MAIL.scheme == "smtps"
EMAIL_USE_TLS = MAIL.scheme == "smtp" and bool(MAIL.username)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = ENVIRONMENT.mail_from

# Static files: hashed names and compressed by `collectstatic` in production, straight from the packages elsewhere
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if ENVIRONMENT.production else None
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
FILES_BUCKET = ENVIRONMENT.files_bucket  # empty: files are kept in RUN_DIR
STORAGES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if ENVIRONMENT.production
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}
if FILES_BUCKET:
    STORAGES["files"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": FILES_BUCKET,
            "endpoint_url": ENVIRONMENT.files_endpoint or None,
            "region_name": ENVIRONMENT.files_region or None,
            "signature_version": "s3v4",
            "file_overwrite": True,
            "querystring_expire": int(REPORT_LINK.total_seconds()),
        },
    }
WHITENOISE_USE_FINDERS = not ENVIRONMENT.production

# Security
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
LARGEST_UPLOAD = 5 * 1024 * 1024  # where files are handed in; the rest of a form stays within the line above
CONTENT_SECURITY_POLICY = {"DIRECTIVES": security.STRICT}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECOND_FACTOR = ENVIRONMENT.asks_second_factor
SESSION_ENGINE = "payments.staff.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, LANGUAGE_COOKIE_NAME = "session", "csrf", "language"
CSRF_COOKIE_HTTPONLY = True  # forms carry the token; no script reads the cookie
CSRF_COOKIE_SAMESITE = "Lax"
if ENVIRONMENT.production:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True
    # Browsers take these from us alone, over TLS alone, for every path (RFC 6265bis, section 4.1.3.2)
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SECURE_HSTS_SECONDS = 2 * 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^metrics$"]  # scraped from inside, past the TLS proxy
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CANARIES = ENVIRONMENT.canaries_through  # account -> the test account at which its synthetic payments are made

INCIDENTS_HURRY = ENVIRONMENT.incidents_hurry  # so many times shorter incidents wait, where they are shown around
REFUND_UNDO = timedelta(seconds=ENVIRONMENT.refund_undo_seconds)  # while people can take back what they refund
SETTLE_ALONE = ENVIRONMENT.limits_of_one  # minor units of a currency that one person settles without a second one
SETTLES_WITHIN = ENVIRONMENT.days_to_settle  # days until what was booked and not settled is missing at the PSP

GL_ACCOUNTS = ENVIRONMENT.gl_accounts  # what journals for the general ledger call our accounts, beyond our own names

WEBHOOK_TARGETS_ON_LOOPBACK = not ENVIRONMENT.production  # clients of development listen on this machine

# REST
REQUEST_LOG_SECONDS = 0 if ENVIRONMENT.countinghouse_env == "test" else 1.0  # tests write it themselves, or never
REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],  # the doors name theirs
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Countinghouse",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [],  # pydantic names its enumerations itself
}

# Back office
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
UNFOLD = {
    "SITE_TITLE": "Countinghouse",
    "SITE_HEADER": "Countinghouse",
    "SITE_SYMBOL": "account_balance_wallet",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("backoffice/favicon.svg")}
    ],
    "SITE_URL": None,
    "ACCOUNT": {"navigation": [{"title": gettext_lazy("My account"), "link": reverse_lazy("my_account")}]},
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": {"500": "#60a5fa", "600": "#1d4ed8", "700": "#1e40af"}},
    "STYLES": [lambda _request: static("backoffice/backoffice.css")],
    "SCRIPTS": [lambda _request: static("backoffice/backoffice.js")],
    "SIDEBAR": {"navigation": "reporting.admin.navigation.menu"},
    "DASHBOARD_CALLBACK": "reporting.admin.navigation.home",
}

# Monitoring: what web and worker processes of this machine count is kept in one place
METRICS_TOKEN = ENVIRONMENT.metrics_token.get_secret_value() if ENVIRONMENT.metrics_token else ""
if ENVIRONMENT.serves:
    meterfiles.keep_in(RUN_DIR / "metrics", role=ENVIRONMENT.countinghouse_role)
    tracing.begin(ENVIRONMENT)

# Logs
logs.configure()
LOGGING = logs.settings(level=ENVIRONMENT.log_level, form=ENVIRONMENT.log_format)
