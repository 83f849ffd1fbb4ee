"""How the API names coverage segments."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from coverage.models import Segment


@extend_schema_serializer(component_name="Segment")
class SegmentRef(serializers.Serializer[Segment]):
    key = serializers.CharField()
    name = serializers.CharField()
