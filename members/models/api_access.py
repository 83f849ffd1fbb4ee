from django.contrib.postgres.fields import ArrayField
from django.db import models

from members.models.accounts import User
from members.models.fields import public_id as public_id_field


class ApiToken(models.Model):
    """A key to the REST API: scoped, expiring, and known to us only by its hash."""

    public_id = public_id_field()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.TextField()
    secret_hash = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the secret"
    )
    scopes = ArrayField(models.TextField(), default=list, help_text="permissions it may use")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class IdempotencyRecord(models.Model):
    """The answer given to a request that carried an Idempotency-Key, to be given again."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="a_key_is_answered_once"),
        ]

    def __str__(self) -> str:
        return self.key
