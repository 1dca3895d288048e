"""A small OpenID Connect provider on this machine: discovery, a code with PKCE, signed tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "allclient", "the secret of the page"


class LocalProvider:
    """Whoever comes is ``subject``; ``claims`` and ``key`` of the next tokens may be wrong."""

    def __init__(self) -> None:
        self.subject, self.name = "7f3a", "Jane Doe"
        self.claims: dict[str, Any] = {}
        self.key = self.own_key = RSAKey.generate_key(2048, parameters={"kid": "1"})
        self.codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> LocalProvider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path)
        if path.path == "/authorize":
            asked = dict(parse_qsl(path.query))
            assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
            assert asked["code_challenge_method"] == "S256"
            code = secrets.token_hex(8)
            self.codes[code] = asked
            back = urlencode({"code": code, "state": asked["state"]})
            request.send_response(302)
            request.send_header("location", f"{asked['redirect_uri']}?{back}")
            request.end_headers()
        elif path.path == "/jwks":
            _answer(request, {"keys": [self.own_key.as_dict(private=False)]})
        else:
            assert path.path == "/.well-known/openid-configuration"
            _answer(
                request,
                {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "jwks_uri": f"{self.url}/jwks",
                    "id_token_signing_alg_values_supported": ["RS256"],
                },
            )

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.codes.pop(sent["code"])
        challenge = hashlib.sha256(sent["code_verifier"].encode()).digest()
        assert asked["code_challenge"] == base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        assert request.headers["authorization"] == f"Basic {login}"
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": self.subject,
            "name": self.name,
            "nonce": asked["nonce"],
            "iat": int(time.time()),
            "exp": int(time.time()) + 60,
        }
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims | self.claims, self.key)
        _answer(request, {"access_token": "x", "token_type": "Bearer", "id_token": token})


def _answer(request: BaseHTTPRequestHandler, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    request.send_response(200)
    request.send_header("content-type", "application/json")
    request.send_header("content-length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)
