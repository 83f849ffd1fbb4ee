"""How the API names members and colleagues."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from members.models import Member, User


@extend_schema_serializer(component_name="Colleague")
class UserRef(serializers.Serializer[User]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class MemberRef(serializers.Serializer[Member]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
