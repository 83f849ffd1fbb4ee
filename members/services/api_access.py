"""Keys to the REST API, and answers that are given once and then repeated."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db import transaction

from config.kernel.permissions import permissions_of
from members.models import ApiToken, IdempotencyRecord, User

PREFIX = "wm_"
SECRET_BYTES = 32


class ScopeNotGranted(ValueError):
    """A token cannot do what its user's role cannot; ``scopes`` are the ones too many."""

    def __init__(self, scopes: Iterable[str]) -> None:
        self.scopes = sorted(scopes)
        super().__init__(", ".join(self.scopes))


class BadToken(Exception):
    """The secret opens nothing: unknown, expired, revoked, or its user is gone."""


class KeyReused(Exception):
    """The key was used before, for another request."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request came to; ``is_replayed`` says that nothing was done this time."""

    status: int
    body: Any
    is_replayed: bool = False


def create_token(
    *, user: User, name: str, scopes: Iterable[str], at: datetime, expires_at: datetime
) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which nobody can be told again.

    ``scopes`` are permissions. Raises ``ScopeNotGranted`` for those the user's role lacks, and
    ``ValueError`` for none at all or an expiry that is not ahead. Older tokens stay valid: at a
    rotation two live side by side until one is revoked or expires.
    """
    asked = {str(scope) for scope in scopes}
    if not asked:
        raise ValueError("A token without a scope would open nothing.")
    if beyond := asked - permissions_of(user):
        raise ScopeNotGranted(beyond)
    if expires_at <= at:
        raise ValueError("A token expires after it is made.")
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        secret_hash=_hash(secret),
        scopes=sorted(asked),
        created_at=at,
        expires_at=expires_at,
    )
    return token, secret


def check_token(secret: str, *, at: datetime) -> ApiToken:
    """Return the live token a secret belongs to, with its user; raises ``BadToken`` otherwise.

    One query, by hash; what was found is compared once more in constant time.
    """
    known = _hash(secret)
    token = ApiToken.objects.select_related("user").filter(secret_hash=known).first()
    if token is None or not hmac.compare_digest(token.secret_hash, known):
        raise BadToken("unknown")
    if token.revoked_at is not None and token.revoked_at <= at:
        raise BadToken("revoked")
    if token.expires_at <= at:
        raise BadToken("expired")
    if not token.user.is_active:
        raise BadToken("its user is not active")
    return token


def revoke_token(*, token: ApiToken, at: datetime) -> None:
    """End a token now; one that has ended already keeps its time."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at)


@transaction.atomic
def answer_once(
    *, user: User, key: str, request_hash: str, at: datetime, answer: Callable[[], Answer]
) -> Answer:
    """Give the answer that ``key`` was given before; else work it out, keep it and give it.

    The unique row is written first, so a second request with the key waits for the first to
    commit and then repeats its answer. If ``answer`` raises, everything is undone and the key
    stays unused; a failure of ours (500 and up) is given but not kept either. Raises
    ``KeyReused`` where the key belongs to a request with another hash.
    """
    mine = IdempotencyRecord(
        user=user, key=key, request_hash=request_hash, status=0, created_at=at
    )
    IdempotencyRecord.objects.bulk_create([mine], ignore_conflicts=True)
    record = IdempotencyRecord.objects.select_for_update().get(user=user, key=key)
    if record.request_hash != request_hash:
        raise KeyReused(key)
    if record.status:
        return Answer(status=record.status, body=record.body, is_replayed=True)
    given = answer()
    if given.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        record.delete()
    else:
        record.status, record.body = given.status, given.body
        record.save(update_fields=["status", "body"])
    return given


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
