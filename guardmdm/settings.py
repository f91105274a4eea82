"""Django's settings, from the environment that guardmdm.env has checked."""

import os
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from enrollment.protocol import languages
from guardmdm.addresses import build_cache_url
from guardmdm.env import read_environment
from guardmdm.identity_provider import PROVIDER_ID, build_provider_settings
from guardmdm.logs import build_logging
from guardmdm.rest_conventions import CONVENTIONS

ENV = read_environment(os.environ)
BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = ENV.secret_key
DEBUG = False
ALLOWED_HOSTS = ENV.allowed_hosts
BASE_URL = ENV.base_url
IS_HTTPS = BASE_URL.startswith("https://")
DATA_DIR = ENV.data_dir

INSTALLED_APPS = [
    "organization",
    "scep",
    "devices",
    "policies",
    "enrollment",
    "webhooks",
    "guardmdm.apps.GuardmdmConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "bootstrap",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "lucide",
    "rest_framework",
]

# All but the first step aside for devices and programs: see guardmdm.middleware.
MIDDLEWARE = [
    "guardmdm.middleware.DatabaseOutage",
    "guardmdm.middleware.address",
    "guardmdm.middleware.no_store",
    "guardmdm.middleware.security",
    "guardmdm.middleware.content_security_policy",
    "guardmdm.middleware.static_files",
    "guardmdm.middleware.sessions",
    "guardmdm.middleware.common",
    "guardmdm.middleware.locale",
    "guardmdm.middleware.time_zone",
    "guardmdm.middleware.csrf",
    "guardmdm.middleware.authentication",
    "guardmdm.middleware.messages",
    "guardmdm.middleware.htmx",
    "allauth.account.middleware.AccountMiddleware",
    "guardmdm.middleware.frame_options",
    "guardmdm.middleware.password_change",
    "guardmdm.middleware.plain_path",
]

ROOT_URLCONF = "guardmdm.urls"
WSGI_APPLICATION = "guardmdm.wsgi.application"
APPEND_SLASH = False
AUTH_USER_MODEL = "organization.Administrator"

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
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"


def _databases() -> dict[str, Any]:
    database: dict[str, Any] = dict(dj_database_url.parse(ENV.database_url, conn_max_age=600))
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # WAL lets readers go on beside the one writer; IMMEDIATE takes the write lock at the
        # start of a transaction, where waiting for it works (a later upgrade fails at once).
        database["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            # The same pages change with every certificate: the later the log (4000 pages, 16 MB)
            # is carried over, the fewer are written twice, and the rarer is the wait for the disk.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                "PRAGMA wal_autocheckpoint=4000;"
            ),
        }
    else:
        database["ENGINE"] = "guardmdm.postgresql"
        database["CONN_HEALTH_CHECKS"] = True
        # A server that vanishes (its machine, the network) says no farewell; Linux waits for a
        # quarter of an hour, with all threads. What the URL says prevails.
        database["OPTIONS"] = {
            "connect_timeout": 5,
            "tcp_user_timeout": 20_000,  # milliseconds until what was sent must have arrived
            "keepalives_idle": 10,  # seconds without a word until the connection is tried
            "keepalives_interval": 5,
            "keepalives_count": 3,
            **database.get("OPTIONS", {}),
        }
        if database["OPTIONS"].get("sslrootcert") == "system":
            # psycopg2 brings an OpenSSL that looks for CAs where it was built: it is told
            # where this machine's are.
            folder = ssl.get_default_verify_paths().openssl_capath
            os.environ.setdefault("SSL_CERT_DIR", folder)
    return {"default": database}


DATABASES = _databases()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if ENV.broker_url.startswith("redis"):
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "guardmdm.redis_cache.EnduringRedisCache",
            # A database of its own: clearing the cache must not clear the broker's queue.
            "LOCATION": build_cache_url(ENV.broker_url),
            "KEY_PREFIX": ENV.key_ring.name,
            "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "guardmdm.file_cache.CountingFileCache",
            "LOCATION": str(DATA_DIR / "cache"),
            "TIMEOUT": 24 * 3600,  # an incremented counter lives this long, not five minutes
            "OPTIONS": {"MAX_ENTRIES": 2000},
        }
    }

GUARDMDM_KEY_RING = ENV.key_ring
CELERY_BROKER_URL = ENV.broker_url
TRUSTED_PROXIES = ENV.trusted_proxies
CLIENT_CERT_HEADER = ENV.client_cert_header
APNS_HOST, APNS_PORT, APNS_CA = ENV.apns_host, ENV.apns_port, ENV.apns_ca

# Whose devices pass for Apple's in the Profile Service: a PEM file, "" for Apple's own CA.
DEVICE_CA = ENV.device_ca
# Mails to people who are invited to enroll. Without a host none are sent.
EMAIL_BACKEND = "guardmdm.mail_backend.SmtpBackend"
EMAIL_HOST, EMAIL_PORT = ENV.mail_server.host, ENV.mail_server.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENV.mail_server.user, ENV.mail_server.password
EMAIL_USE_TLS, EMAIL_USE_SSL = ENV.mail_server.starttls, ENV.mail_server.implicit_tls
EMAIL_TIMEOUT = 20
EMAIL_CA = ENV.email_ca
DEFAULT_FROM_EMAIL = ENV.email_from

ALLOW_PRIVATE_URLS = ENV.allow_private_urls

# Ports: where a lower app asks a higher one for an answer.
SCEP_TOKEN_CHALLENGE_VERIFIER = "enrollment.services.scep_challenge.verify_token_challenge"  # noqa: S105
SCEP_SESSION_CHECKER = "enrollment.services.scep_challenge.check_session"
SCEP_SUBJECT_ATTRIBUTES = "enrollment.services.subject_attributes.describe_session"
SCEP_TOKEN_OF_SESSION = "enrollment.selectors.select_token_of_session"  # noqa: S105
SCEP_TOKEN_FAMILY = "enrollment.selectors.select_token_family"  # noqa: S105
MDM_ADMISSION = "enrollment.services.admission.admit"
MDM_RENEWAL_PROFILE = "enrollment.services.renewal.build_renewal_profile"
MDM_RETURN_PROFILE = "enrollment.services.return_profile.build_return_profile"

# Whether the users of Macs get channels of their own.
MDM_USER_CHANNEL = ENV.user_channel
# How often a device is asked for its facts.
INVENTORY_INTERVAL = timedelta(hours=ENV.inventory_hours)
# How far back logs and finished commands reach; None: for ever.
HISTORY_KEPT = timedelta(days=ENV.history_days) if ENV.history_days else None
# A device whose clock is off or whose system is old signs with SHA-1; see security notes.
MDM_SIGNATURE_ALLOW_SHA1 = True
# The largest a device may send; views apply their own, smaller limits first.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# Threads of each web process for downloads of packages, beside those for all else: serving.py.
DOWNLOAD_THREADS = 16
# Where nginx finds the packages' files, for itself alone: deploy/nginx.conf.
ACCEL_PREFIX = "/package-files/"

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/console/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "organization.services.sign_in.AccountAdapter"
# Where people sign in before they enroll, and administrators if they shall; no account is made.
SOCIALACCOUNT_ADAPTER = "organization.services.identity_provider.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = build_provider_settings(ENV.oidc)
OIDC_PROVIDER_ID = PROVIDER_ID
OIDC_CONSOLE = ENV.oidc_console
OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_NAME = ENV.oidc.issuer, ENV.oidc.client_id, ENV.oidc.name
MFA_ADAPTER = "organization.services.second_factors.SecondFactorAdapter"
ACCOUNT_FORMS = {
    "login": "organization.forms.sign_in.SignInForm",
    "change_password": "organization.forms.sign_in.ChangePasswordForm",
}
MFA_FORMS = {
    "add_webauthn": "organization.forms.passkeys.AddPasskeyForm",
    "login_webauthn": "organization.forms.passkeys.LoginPasskeyForm",
    "authenticate_webauthn": "organization.forms.passkeys.SecondPasskeyForm",
    "reauthenticate_webauthn": "organization.forms.passkeys.ProvePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True

SESSION_ENGINE = "guardmdm.session_store"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = ENV.own_origins
SECURE_CONTENT_TYPE_NOSNIFF = True
# With "no-referrer" browsers send `Origin: null` with forms, which the CSRF check refuses; the
# pages whose address holds a token answer with "no-referrer" of their own.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["organization.rest.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["organization.rest.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "organization.rest.negotiation.OneRenderer",
    "DEFAULT_PARSER_CLASSES": ["organization.rest.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "organization.rest.PublicCursorPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "organization.rest.filters.StrictFilterBackend",
        "organization.rest.filters.BoundedSearchFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "organization.rest.openapi.ProblemSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "organization.rest.errors.answer_error",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "GuardMDM",
    "DESCRIPTION": CONVENTIONS,
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "devices.rest.command_schema.add_command_schemas",
        "organization.rest.openapi.describe_requests",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AuthorityRole": "scep.models.CertificateAuthorityRole",
        "AuthorityState": "scep.models.CertificateAuthorityState",
        "CertificatePurpose": "scep.models.CertificatePurpose",
        "CertificateStatus": "scep.models.CertificateStatus",
        "ChallengeType": "scep.models.ChallengeType",
        "CommandState": "devices.models.CommandState",
        "DeliveryState": "webhooks.models.DeliveryState",
        "DeviceStatus": "devices.models.DeviceStatus",
        "HeldRequestState": "scep.models.HeldRequestState",
        "HookType": "scep.models.HookType",
        "InvitationState": "enrollment.models.InvitationState",
        "ItemKind": "policies.models.ItemKind",
        "ItemState": "policies.models.ItemState",
        "LogLevel": "enrollment.models.LogLevel",
        "PackageKind": "policies.models.PackageKind",
        "Platform": "devices.models.Platform",
        "Role": "organization.models.Role",
        "SecretKind": "devices.models.SecretKind",
        "ServerTrust": "organization.models.ServerTrust",
        "SessionState": "enrollment.models.SessionState",
        "TokenState": "enrollment.models.TokenState",
        "WebhookState": "webhooks.models.WebhookState",
    },
}

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "build" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "guardmdm.static_files.UsedFilesFinder",
]
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "guardmdm.static_files.UsedFilesStorage"},
}

LOGGING = build_logging(ENV.log_format)

LANGUAGE_CODE = "en"
# The enrollment page's. Libraries know fifty more, in which nothing of our own is written.
LANGUAGES = list(languages.LANGUAGES.items())
USE_I18N = True
FORMAT_MODULE_PATH = "guardmdm.formats"
USE_TZ = True
TIME_ZONE = "UTC"
