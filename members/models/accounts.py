from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from members.enums import PortalRole, Role
from members.models.fields import public_id as public_id_field
from members.models.members import Member, Person


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        fields.setdefault("role", Role.OPERATIONS)
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A log-in. ``role`` says what it may do, ``visible_to`` whose rows it sees."""

    public_id = public_id_field()
    email = models.EmailField(unique=True)
    name = models.TextField()
    role = models.TextField(choices=Role)
    member = models.ForeignKey(
        Member,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="users",
        help_text="the member whose portal this log-in opens",
    )
    person = models.OneToOneField(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="user"
    )
    portal_role = models.TextField(
        choices=PortalRole,
        default=PortalRole.READER,
        help_text="what a member's log-in may do on the member's own pages",
    )
    time_zone = models.TextField(default="UTC", help_text="IANA zone of this person's clock")
    weekly_hours = models.PositiveSmallIntegerField(
        default=0, help_text="hours a week available for members"
    )
    is_demo = models.BooleanField(default=False, help_text="made for a demonstration")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="may open Django's admin site")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="an_address_opens_one_account"),
            models.CheckConstraint(
                condition=Q(role="member", member__isnull=False)
                | (~Q(role="member") & Q(member__isnull=True)),
                name="a_member_login_belongs_to_a_member",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def roles(self) -> tuple[str, ...]:
        """The names that permissions are granted to: the role, and a member's part in it."""
        if self.role != Role.MEMBER:
            return (str(self.role),)
        return (str(self.role), f"{Role.MEMBER}.{self.portal_role}")
