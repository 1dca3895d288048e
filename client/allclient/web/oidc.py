"""Lets people log in by an OpenID Connect provider, where one is configured; Authlib speaks it."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request
from starlette.responses import Response

from allclient.errors import RefusedError
from allclient.needed import needing

if TYPE_CHECKING:
    from authlib.integrations.starlette_client import StarletteOAuth2App

SECRET_VARIABLE: Final = "ALLCLIENT_OIDC_SECRET"  # noqa: S105  its name

_ON_THE_WAY: Final = 600
"""Seconds that somebody may take at the provider."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider, and what the page is called there."""

    issuer: str
    client_id: str
    secret: str
    title: str = "OpenID Connect"
    """What the button says."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a provider names them: ``subject`` never changes and is never given to others."""

    subject: str
    name: str


@dataclass(frozen=True, slots=True)
class Errand:
    """Why somebody goes to the provider: to log in, if they left with neither of the two."""

    invitation: str = ""
    """The secret of a one-time link."""
    user_id: int = 0
    """Who wants to log in by the provider from now on as well."""


class Oidc:
    """The way to a provider and back, with state, nonce and PKCE."""

    def __init__(self, app: FastAPI, provider: Provider, secure: bool) -> None:
        with needing("OpenID Connect", "oidc"):
            from authlib.integrations.starlette_client import OAuth
            from starlette.middleware.sessions import SessionMiddleware

        self.provider = provider
        registry = OAuth()
        registry.register(
            "provider",
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_id=provider.client_id,
            client_secret=provider.secret,
            client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
        )
        self._client: StarletteOAuth2App = registry.provider
        # It holds what the answer is checked against, while somebody is at the provider.
        app.add_middleware(
            SessionMiddleware,
            secret_key=secrets.token_hex(32),
            session_cookie="allclient_oidc",
            max_age=_ON_THE_WAY,
            same_site="lax",
            https_only=secure,
        )

    async def leave(self, request: Request, back: str, errand: Errand) -> Response:
        """Return what leads a browser to the provider. Raises RefusedError where it is away."""
        request.session.clear()
        request.session["errand"] = dataclasses.astuple(errand)
        try:
            answer: Response = await self._client.authorize_redirect(request, back)
        except Exception as error:  # of the connection, or of what the provider says of itself
            raise RefusedError(
                f"{self.provider.title} does not answer ({type(error).__name__}); try again later"
            ) from error
        return answer

    async def arrive(self, request: Request) -> tuple[Identity, Errand]:
        """Return who came back, and what they left for.

        Raises:
            RefusedError: the provider did not say who it is, or not to this browser.
        """
        errand = Errand(*request.session.get("errand", ()))
        try:
            token: dict[str, Any] = await self._client.authorize_access_token(request)
            claims = token["userinfo"]
            subject, issuer = str(claims["sub"]), str(claims["iss"])
        except Exception as error:  # of state, nonce, signature, audience, time or connection
            raise RefusedError(
                f"{self.provider.title} did not confirm who you are ({type(error).__name__}); "
                "log in again"
            ) from error
        finally:
            request.session.clear()
        name = str(claims.get("name") or claims.get("preferred_username") or subject)
        return Identity(f"{issuer} {subject}", name), errand
