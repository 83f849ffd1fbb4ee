"""``Authorization: Bearer wm_…``: who a token speaks for, and what it may."""

from typing import TYPE_CHECKING

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from config.kernel import clock
from members.models import ApiToken, User
from members.services.api_access import BadToken, check_token

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema
    from rest_framework.request import Request

SCHEME = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """Take a bearer token; ``request.auth`` is then the token, whose scopes narrow the role."""

    def authenticate(self, request: "Request") -> tuple[User, ApiToken] | None:
        said = get_authorization_header(request).decode("latin-1").split()
        if not said or said[0].lower() != SCHEME.lower():
            return None
        if len(said) != 2:  # the word and the token
            raise AuthenticationFailed("A bearer token is one word.")
        try:
            token = check_token(said[1], at=clock.now())
        except BadToken as error:
            # why is told to nobody: a revoked secret may be in the wrong hands
            raise AuthenticationFailed("This token is unknown, expired or revoked.") from error
        return token.user, token

    def authenticate_header(self, request: "Request") -> str:
        return f'{SCHEME} realm="api"'


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped base
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token made by `python manage.py create_token`: `wm_…`.",
        }
