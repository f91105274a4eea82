"""The authorization code flow with PKCE; who signs in chooses, too, what goes wrong.

The sign-in form's field `fault` names a mistake or an attack: see FAULTS and `_alter_claims`.
"""

import base64
import hashlib
import html
import json
import secrets
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.oidc.signing import Key, build_jwk, encode, make_key, sign

PEOPLE: dict[str, dict[str, Any]] = {
    "ann": {"name": "Ann Lee", "email": "ann@example.com", "email_verified": True},
    "bob": {"given_name": "Bob", "family_name": "Ray", "email": "bob@example.com"},
    "eve": {"name": "Eve", "email": "ann@example.com", "email_verified": False},
    "ann2": {"name": "Ann Lee", "email": "ANN@example.com", "email_verified": True},
    "admin": {"name": "Ada", "email": "admin@example.com", "email_verified": True},
    "zoe": {"name": "Zoe", "email": "zoe@example.com", "email_verified": True},
    "kelvin": {"name": "K", "email": "\u212aim@example.com", "email_verified": True},
}


@dataclass
class Grant:
    """A code that waits to be redeemed."""

    user: str
    fault: str
    request: dict[str, str]


@dataclass
class Provider:
    issuer: str
    client_id: str
    client_secret: str
    key: Key = field(default_factory=make_key)
    strange_key: Key = field(default_factory=make_key)
    grants: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Grant] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def show_form(self, request: dict[str, str]) -> str:
        for name, value in (("response_type", "code"), ("client_id", self.client_id)):
            if request.get(name) != value:
                raise ValueError(f"{name} must be {value}")
        if "openid" not in request.get("scope", "").split():
            raise ValueError("scope lacks openid")
        if request.get("code_challenge_method") != "S256" or not request.get("nonce"):
            raise ValueError("PKCE with S256 and a nonce are required")
        kept = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in request.items()
        )
        return (
            f'<link rel="icon" href="data:,"><form method="post" action="/login">{kept}'
            '<input name="user"><input name="fault"><button>Sign in</button></form>'
        )

    def sign_in(self, form: dict[str, str]) -> str:
        """Return the address to go back to."""
        fault, answer = form.get("fault", ""), {"state": form.get("state", "")}
        if fault == "state":
            answer["state"] = secrets.token_urlsafe(12)
        if fault == "denied":
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            answer["iss"] = "https://other.example" if fault == "mix-up" else self.issuer
            self.grants[answer["code"]] = Grant(form["user"], fault, form)
        return f"{form['redirect_uri']}?{urlencode(answer)}"

    def redeem(self, form: dict[str, str]) -> dict[str, Any]:
        grant = self.grants.pop(form.get("code", ""), None)
        if grant is None or form.get("redirect_uri") != grant.request["redirect_uri"]:
            raise ValueError("invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if encode(digest) != grant.request["code_challenge"]:
            raise ValueError("invalid_grant")
        access = secrets.token_urlsafe(16)
        self.access[access] = grant
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 300}
        return answer if grant.fault == "no-id-token" else answer | {"id_token": self._sign(grant)}

    def tell(self, access: str) -> dict[str, Any]:
        grant = self.access[access]
        subject = "somebody-else" if grant.fault == "userinfo" else grant.user
        return {"sub": subject, **PEOPLE[grant.user]}

    def _sign(self, grant: Grant) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": grant.user,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": grant.request["nonce"],
            **PEOPLE[grant.user],
        }
        if "max_age" in grant.request or grant.fault.endswith("-session"):
            claims["auth_time"] = now - (3600 if grant.fault == "old-session" else 0)
        self._alter_claims(claims, fault=grant.fault)
        key = self.strange_key if grant.fault == "signature" else self.key
        alg = {"none": "none", "hs256": "HS256"}.get(grant.fault, "RS256")
        return sign(claims, key=key, kid="unknown" if grant.fault == "kid" else "k1", alg=alg)

    def _alter_claims(self, claims: dict[str, Any], *, fault: str) -> None:
        now = claims["iat"]
        claims |= {
            "nonce": {"nonce": "another"},
            "issuer": {"iss": "https://other.example"},
            "audience": {"aud": "another-client"},
            "azp": {"azp": "another-client"},
            "expired": {"iat": now - 900, "exp": now - 600},
            "future": {"iat": now + 3600},
            "no-subject": {"sub": ""},
        }.get(fault, {})
        gone = {
            "no-nonce": ["nonce"],
            "no-expiry": ["exp"],
            "no-auth-time": ["auth_time"],
        }.get(fault, [])
        if fault in ("userinfo", "only-userinfo"):
            gone = list(PEOPLE[claims["sub"]])
        for name in gone:
            del claims[name]


class Handler(BaseHTTPRequestHandler):
    """`provider` is set on the class before it serves."""

    provider: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration":
            self._send_json(self.provider.describe())
        elif url.path == "/jwks":
            self._send_json({"keys": [build_jwk(self.provider.key, kid="k1")]})
        elif url.path == "/userinfo":
            access = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self._send_json(self.provider.tell(access))
        elif url.path == "/authorize":
            self._show_form(query)
        else:
            self._send(404, b"", "text/plain")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if self.path == "/login":
            self.send_response(303)
            self.send_header("Location", self.provider.sign_in(form))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        try:
            self._check_client()
            self._send_json(self.provider.redeem(form))
        except ValueError as error:
            self._send_json({"error": str(error)}, status=400)

    def _show_form(self, query: dict[str, str]) -> None:
        try:
            self._send(200, self.provider.show_form(query).encode(), "text/html")
        except ValueError as error:
            self._send(400, str(error).encode(), "text/plain")

    def _check_client(self) -> None:
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(text).decode().partition(":")
        known = (self.provider.client_id, self.provider.client_secret)
        if kind != "Basic" or (unquote(user), unquote(password)) != known:
            raise ValueError("invalid_client")

    def _send_json(self, value: dict[str, Any], *, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def serve(port: int, *, client_id: str, client_secret: str) -> None:
    Handler.provider = Provider(f"http://127.0.0.1:{port}", client_id, client_secret)
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
