import os
import subprocess
import sys
from ssl import get_default_verify_paths

import pytest
from django.test import Client

from guardmdm.addresses import build_cache_url
from guardmdm.env import SettingsError, read_environment


@pytest.fixture
def read(tmp_path):
    def call(**variables):
        environ = {f"GUARDMDM_{name}": text for name, text in variables.items()}
        return read_environment({"GUARDMDM_DATA_DIR": str(tmp_path), **environ})

    return call


def test_everything_has_a_default(read, tmp_path):
    env = read()
    assert env.base_url == "http://127.0.0.1:8000"
    assert env.database_url == f"sqlite:///{tmp_path}/guardmdm.sqlite3"
    assert env.broker_url == "filesystem://localhost"
    assert (env.apns_host, env.apns_port) == ("api.push.apple.com", 443)


def test_further_hosts_take_no_name_away(read):
    env = read(BASE_URL="https://mdm.example.com", ALLOWED_HOSTS="other.example")
    assert env.allowed_hosts == [
        "mdm.example.com", "localhost", "127.0.0.1", "[::1]", "other.example",
    ]  # fmt: skip


def test_forms_come_from_each_name_of_the_server(read):
    env = read(BASE_URL="https://mdm.example.com:8443", ALLOWED_HOSTS="console.example .corp *")
    assert env.own_origins == [
        "https://mdm.example.com:8443",
        "https://console.example", "https://console.example:8443",
        "https://*.corp", "https://*.corp:8443",
    ]  # fmt: skip
    assert read(ALLOWED_HOSTS="console.example").own_origins == ["http://127.0.0.1:8000"]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://MDM.Example.com:443", "https://mdm.example.com"),
        ("https://[2001:DB8:0::7]:8443", "https://[2001:db8::7]:8443"),
        ("http://MDM.corp:80", "http://mdm.corp"),
    ],
)
def test_forms_are_taken_when_names_are_not_written_as_browsers_do(read, url, origin):
    assert read(BASE_URL=url).own_origins == [origin]
    others = read(BASE_URL="https://mdm.example.com", ALLOWED_HOSTS="Console.Example .Corp")
    assert others.own_origins[1:] == ["https://console.example", "https://*.corp"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("origin", "status"), [("https://console.example", 200), ("https://evil.example", 403)]
)
def test_a_form_is_taken_at_another_name_when_a_proxy_ends_tls(read, settings, origin, status):
    env = read(BASE_URL="https://mdm.example.com", ALLOWED_HOSTS="console.example")
    settings.ALLOWED_HOSTS, settings.CSRF_TRUSTED_ORIGINS = env.allowed_hosts, env.own_origins
    browser = Client(enforce_csrf_checks=True, headers={"Host": "console.example"})
    browser.get("/accounts/login/")
    values = {"login": "a@example.com", "password": "wrong"}
    values["csrfmiddlewaretoken"] = browser.cookies["csrftoken"].value
    answer = browser.post("/accounts/login/", values, headers={"Origin": origin})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://[2001:db8::7]:8443", "[2001:db8::7]:8443"),
        ("https://[2001:DB8:0::7]", "[2001:db8::7]"),  # as browsers write it
        ("https://[2001:DB8:0::7]", "[2001:DB8:0::7]"),
    ],
)
def test_the_server_knows_itself_when_its_name_is_an_ipv6_address(read, rf, settings, url, host):
    settings.ALLOWED_HOSTS = read(BASE_URL=url).allowed_hosts
    assert rf.get("/", headers={"Host": host}).get_host() == host


def test_a_secret_made_at_the_first_start_stays_and_is_private(read, tmp_path):
    first, second = read(), read()
    assert first.secret_key == second.secret_key
    assert first.key_ring == second.key_ring
    for name in ("secret_key", "encryption_keys"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encryption_keys", "secret_key"]


def test_the_environment_shows_no_secret(read):
    env = read()
    assert env.secret_key not in repr(env)


def test_an_identity_provider_is_read_and_its_secret_is_not_shown(read, tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    env = read(
        OIDC_ISSUER="https://login.example.com/tenant",
        OIDC_CLIENT_ID="guardmdm",
        OIDC_CLIENT_SECRET_FILE=str(tmp_path / "secret"),
    )
    assert (env.oidc.client_secret, env.oidc.name) == ("s3cret", "login.example.com")
    assert "s3cret" not in repr(env)


def test_a_mail_server_is_read_from_its_address(read):
    env = read(
        EMAIL_URL="submission://mdm%40example.com:p%2Fw%40d@mail.example.com",
        EMAIL_FROM="mdm@example.com",
    )
    server = env.mail_server
    assert (server.host, server.port, server.starttls) == ("mail.example.com", 587, True)
    assert (server.user, server.password) == ("mdm@example.com", "p/w@d")
    assert "p/w@d" not in repr(env)


def test_a_setting_is_read_from_its_file(read, tmp_path):
    (tmp_path / "given").write_text("postgres://u:p@db/x\n")
    assert read(DATABASE_URL_FILE=str(tmp_path / "given")).database_url == "postgres://u:p@db/x"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"BASEURL": "x"}, "GUARDMDM_BASEURL is not a setting"),
        ({"NOTHING_FILE": "/x"}, "GUARDMDM_NOTHING_FILE is not a setting"),
        ({"SECRET_KEY": "a", "SECRET_KEY_FILE": "/etc/hostname"}, "are both set"),
        ({"SECRET_KEY_FILE": "/does/not/exist"}, "cannot be read"),
        ({"BASE_URL": "mdm.example.com"}, "must be like https://"),
        ({"BASE_URL": "https://mdm.example.com/mdm"}, "must not have a path"),
        ({"BASE_URL": "https://mdm.example.com:99999"}, "must be like https://"),
        ({"APNS_PORT": "https"}, "must be a port"),
        ({"LOG_FORMAT": "xml"}, "one of json, console"),
        ({"ENCRYPTION_KEYS": "abc"}, "ENCRYPTION_KEYS"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8 proxy"}, "not 'proxy'"),
        ({"CLIENT_CERT_HEADER": "Client-Cert"}, "needs GUARDMDM_TRUSTED_PROXIES"),
        ({"CLIENT_CERT_HEADER": "X_Client_Cert", "TRUSTED_PROXIES": "10.0.0.1"}, "Client-Cert"),
        ({"CLIENT_CERT_HEADER": "Mdm-Signature", "TRUSTED_PROXIES": "10.0.0.1"}, "Client-Cert"),
        ({"EMAIL_URL": "submission://mail.example.com"}, "are set together"),
        ({"EMAIL_FROM": "mdm@example.com"}, "are set together"),
        ({"EMAIL_URL": "mail.example.com", "EMAIL_FROM": "a@b.example"}, "must be like submission"),
        ({"EMAIL_URL": "smtps://m:99999", "EMAIL_FROM": "a@b.example"}, "EMAIL_URL"),
        ({"EMAIL_URL": "smtp://u:p@m.example", "EMAIL_FROM": "a@b.example"}, "in clear"),
        ({"EMAIL_URL": "smtps://u:p/q@m.example", "EMAIL_FROM": "a@b.example"}, "EMAIL_URL"),
        ({"EMAIL_URL": "smtps://m.example", "EMAIL_FROM": "MDM <a@b.example>"}, "EMAIL_FROM"),
        ({"OIDC_CLIENT_ID": "x"}, "OIDC_ISSUER is missing"),
        ({"OIDC_CONSOLE": "yes"}, "set OIDC_ISSUER too"),
        ({"OIDC_CONSOLE": "maybe"}, "OIDC_CONSOLE"),
        ({"OIDC_ISSUER": "https://id.example.com"}, "client id"),
        ({"OIDC_ISSUER": "http://id.example.com", "OIDC_CLIENT_ID": "x"}, "https://login"),
        ({"OIDC_ISSUER": "https://x/?a=b", "OIDC_CLIENT_ID": "x"}, "https://login"),
        (
            {"OIDC_ISSUER": "https://x/.well-known/openid-configuration", "OIDC_CLIENT_ID": "x"},
            "without /.well-known",
        ),
        ({"DATABASE_URL": "mysql://u@db/x"}, "DATABASE_URL"),
        ({"BROKER_URL": "amqp://mq"}, "BROKER_URL"),
        ({"BROKER_URL": "redis://cache/zero"}, "database number"),
        ({"BASE_URL": "https://[::1"}, "must be like https://"),
        ({"BASE_URL": "https://user:password@mdm.example.com"}, "must be like https://"),
        ({"BASE_URL": "https://mdm example.com"}, "must be like https://"),
        ({"BASE_URL": "https://münchen.example"}, "must be like https://"),
        ({"BASE_URL": "https://*"}, "must be like https://"),
        ({"DATABASE_URL": "postgres://u:p@db:99999/x"}, "DATABASE_URL cannot be read"),
        ({"DATABASE_URL": "postgres://[::1/x"}, "DATABASE_URL cannot be read"),
        ({"DATABASE_URL": "postgres://u:p@db"}, "must name a database"),
        ({"DATABASE_URL": "sqlite://"}, "must name a file"),
        ({"DATABASE_URL": "sqlite://:memory:"}, "must name a file"),
        ({"BROKER_URL": "redis://cache/²"}, "database number"),
        ({"BROKER_URL": "redis://cache:abc/0"}, "host or port"),
        ({"BROKER_URL": "redis://[::1/0"}, "host or port"),
        ({"BROKER_URL": "redis://u:p/q@cache/0"}, "escape"),
        ({"BROKER_URL": "rediss://cache/0?ssl_cert_reqs=never"}, "ssl_cert_reqs=required"),
        ({"ALLOWED_HOSTS": "https://mdm.example.com"}, "ALLOWED_HOSTS must be like"),
        ({"ALLOWED_HOSTS": "a.example, mdm.example.com:8443"}, "not 'mdm.example.com:8443'"),
        ({"APNS_HOST": "https://api.push.apple.com"}, "APNS_HOST must be like"),
        ({"APNS_HOST": "api.push.apple.com:443"}, "APNS_HOST must be like"),
        ({"APNS_PORT": "²"}, "must be a port"),
        ({"INVENTORY_HOURS": "²"}, "must be 1 to 168"),
        ({"OIDC_ISSUER": "https://x:abc", "OIDC_CLIENT_ID": "x"}, "OIDC_ISSUER"),
        ({"APNS_CA": "/does/not/exist/ca.pem"}, None),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start_with_one_line(read, variables, said):
    if said is None:  # the file of a fake APNs may appear later
        read(**variables)
        return
    with pytest.raises(SettingsError) as refusal:
        read(**variables)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"\xff\xfe", "is no text")])
def test_the_start_is_refused_when_a_settings_file_holds_nothing(read, tmp_path, content, said):
    """Keys made anew, in place of those that the file should hold, would open no secret."""
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"ENCRYPTION_KEYS_FILE: {path} {said}"):
        read(ENCRYPTION_KEYS_FILE=str(path))
    assert not (tmp_path / "encryption_keys").exists()


def test_an_empty_variable_is_not_set_when_its_file_is(read, tmp_path):
    (tmp_path / "format").write_text("json\n")
    assert read(LOG_FORMAT="", LOG_FORMAT_FILE=str(tmp_path / "format")).log_format == "json"
    assert read(LOG_FORMAT_FILE="").log_format == "console"


@pytest.mark.parametrize(
    "variables",
    [
        {"BASE_URL": "HTTPS://MDM.example.com:8443/"},
        {"BASE_URL": "http://[::1]:8000"},
        {"BASE_URL": "https://mdm_1.internal."},
        {"ALLOWED_HOSTS": "*, .example.com mdm.example.com [fe80::1] 10.0.0.1"},
        {"APNS_HOST": "[::1]"},
        {"DATABASE_URL": "postgres:///?service=mdm"},
        {"DATABASE_URL": "postgres://u:p@%2Fvar%2Frun%2Fpostgresql/mdm"},
        {"BROKER_URL": "redis:///"},
    ],
)
def test_the_server_starts_when_a_setting_is_rare_but_right(read, variables):
    read(**variables)


def test_an_operator_sees_the_line_and_no_traceback(tmp_path):
    environ = {"PATH": os.environ["PATH"], "GUARDMDM_DATA_DIR": str(tmp_path), "GUARDMDM_X": "1"}
    result = subprocess.run(
        [sys.executable, "manage.py", "check"], env=environ, capture_output=True, text=True
    )
    assert result.returncode != 0
    assert result.stderr.strip() == "GUARDMDM_X is not a setting of GuardMDM."


def test_the_cache_has_the_database_after_the_brokers():
    assert build_cache_url("redis://:secret@cache:6379/0") == "redis://:secret@cache:6379/1"
    assert build_cache_url("redis://cache") == "redis://cache/1"


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        ("?sslmode=verify-full&sslrootcert=system", get_default_verify_paths().openssl_capath),
        ("?sslmode=verify-full&sslrootcert=/etc/ca.pem", None),
    ],
)
def test_postgresqls_driver_is_told_where_the_machines_cas_are(options, folder, tmp_path):
    """It brings an OpenSSL of its own, which looks for them where it was built."""
    environ = {
        "PATH": os.environ["PATH"],
        "GUARDMDM_DATA_DIR": str(tmp_path),
        "GUARDMDM_DATABASE_URL": f"postgres://u:p@db/x{options}",
    }
    code = "import os, guardmdm.settings; print(os.environ.get('SSL_CERT_DIR'))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(folder)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("rediss://:p%2Fq@cache/0", "rediss://:p%2Fq@cache/0?ssl_cert_reqs=required"),
        ("rediss://cache?ssl_cert_reqs=CERT_NONE", "rediss://cache?ssl_cert_reqs=none"),
        (
            "rediss://cache/0?ssl_ca_certs=/etc/ca.pem",
            "rediss://cache/0?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required",
        ),
        ("redis://cache/0", "redis://cache/0"),
    ],
)
def test_the_brokers_certificate_is_checked_unless_its_url_says_no(given, used, tmp_path):
    environ = {"GUARDMDM_DATA_DIR": str(tmp_path), "GUARDMDM_BROKER_URL": given}
    assert read_environment(environ).broker_url == used


@pytest.mark.parametrize("name", ["allow_private_urls", "user_channel"])
@pytest.mark.parametrize(
    ("text", "on"), [("", False), ("no", False), ("0", False), ("yes", True), ("True", True)]
)
def test_a_switch_is_on_only_when_its_setting_says_so(name, text, on, tmp_path):
    environ = {"GUARDMDM_DATA_DIR": str(tmp_path), f"GUARDMDM_{name.upper()}": text}
    assert getattr(read_environment(environ), name) is on


@pytest.mark.parametrize("name", ["ALLOW_PRIVATE_URLS", "USER_CHANNEL"])
def test_start_stops_when_a_switch_is_neither_yes_nor_no(name, tmp_path):
    environ = {"GUARDMDM_DATA_DIR": str(tmp_path), f"GUARDMDM_{name}": "maybe"}
    with pytest.raises(SettingsError, match=name):
        read_environment(environ)


@pytest.mark.parametrize("days", ["90", "730", "36500", "0"])
def test_history_reaches_back_as_far_as_is_said(read, days):
    assert read(HISTORY_DAYS=days).history_days == int(days)


@pytest.mark.parametrize("days", ["89", "36501", "-1", "for ever", "00", "²", "9" * 5000])
def test_the_start_is_refused_when_history_has_no_possible_length(read, days):
    with pytest.raises(SettingsError, match="HISTORY_DAYS must be 90 to 36500"):
        read(HISTORY_DAYS=days)
