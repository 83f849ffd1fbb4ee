from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Trim

from members.enums import MemberKind
from members.models.fields import public_id as public_id_field
from members.querysets import MemberQuerySet


class Member(models.Model):
    """An account of the association: an organisation, or a person who is a member themselves.

    What is derived from dated facts (standing, state, segment) is not kept here.
    """

    public_id = public_id_field()
    kind = models.TextField(choices=MemberKind, default=MemberKind.ORGANISATION)
    name = models.TextField()
    homepage_url = models.TextField(blank=True)
    language = models.TextField(
        blank=True, default="", db_default="", help_text="in which they like to be spoken to"
    )
    time_zone = models.TextField(
        blank=True, default="", db_default="", help_text="IANA zone of their clock"
    )
    details = models.JSONField(
        default=dict,
        blank=True,
        help_text="further columns of the source, as they were written",
    )
    chapter = models.GeneratedField(
        expression=Trim(
            Coalesce(
                KeyTextTransform("chapter", "details"),
                KeyTextTransform("Chapter", "details"),
                Value("", output_field=models.TextField()),
                output_field=models.TextField(),
            ),
            output_field=models.TextField(),
        ),
        output_field=models.TextField(),
        db_persist=True,
        help_text="the column of that name in the source; blank: nobody said one",
    )
    quiet_through = models.DateField(
        null=True,
        help_text="day of the last import; nothing dated up to then may send a message",
    )
    created_at = models.DateTimeField()

    objects = MemberQuerySet.as_manager()

    class Meta:
        indexes = [
            # the member list pages by (name, id)
            models.Index(fields=["name", "id"], name="member_by_name"),
            # few associations have chapters: whether there is any, and whose members they are
            models.Index(
                fields=["chapter"], condition=~Q(chapter=""), name="member_by_chapter"
            ),
            # search looks inside present and former names, accents and typos forgiven
            GinIndex(
                OpClass(
                    models.Func("name", "details", function="waymark_plain_names"),
                    name="gin_trgm_ops",
                ),
                name="member_plain_names_trgm",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MemberIdentity(models.Model):
    """How another system calls this member."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="identities")
    source = models.TextField()
    external_id = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="an_external_id_names_one_member"
            ),
        ]
        indexes = [
            # people search by the identifier alone, whichever system it is from
            models.Index(fields=["external_id"], name="identity_by_external_id"),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class Person(models.Model):
    """Somebody at a member, or the member themselves; may be known by a pseudonym only."""

    public_id = public_id_field()
    name = models.TextField()
    email = models.EmailField(blank=True)
    source = models.TextField(blank=True)
    external_id = models.TextField(blank=True)
    is_simulated = models.BooleanField(default=False, help_text="made for a demonstration")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"],
                condition=~Q(external_id=""),
                name="an_external_id_names_one_person",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Affiliation(models.Model):
    """A person's place at a member, from a day until (exclusive) another."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="affiliations")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="affiliations")
    title = models.TextField(blank=True)
    is_primary_contact = models.BooleanField(default=False)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gt=models.F("starts_on")),
                name="an_affiliation_ends_after_it_starts",
            ),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(is_primary_contact=True, ends_on=None),
                name="a_member_has_one_primary_contact",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} at {self.member}"
