"""Field definitions shared by models."""

import uuid

from django.db import models


def public_id() -> "models.UUIDField[uuid.UUID, uuid.UUID]":
    """The identifier that leaves the system; the bigint key stays inside.

    The database makes it (UUIDv7, in order of making), for single rows and set-based inserts.
    """
    made_by_database = models.Func(function="waymark_uuid7", output_field=models.UUIDField())
    return models.UUIDField(db_default=made_by_database, unique=True, editable=False)
