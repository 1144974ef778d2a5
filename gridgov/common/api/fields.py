"""Fields and bases of what comes in. Nothing is accepted that nobody reads."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from gridgov.common.errors import Invalid
from gridgov.common.paging import Key

YEARS = range(2000, 2101)
SIX_PLACES = Decimal("0.000001")


class Strict(serializers.Serializer[Any]):
    """An input whose unknown fields are mistakes, named in the answer."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError(
                    {str(name): [_("There is no such field.")] for name in unknown}
                )
        return super().to_internal_value(data)


class Uuid(serializers.UUIDField):
    """Written as text; a number that could be read as one is a mistake."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Writing(Strict):
    """The body of a writing call. `client_uuid` makes it safe to send it again."""

    client_uuid = Uuid(
        help_text=gettext_lazy(
            "Made by the client, once per thing to be written: the same number is the same thing."
        )
    )


class Moment(serializers.DateTimeField):
    """A time with its offset, between 2000 and 2100."""

    default_error_messages = {
        "offset": gettext_lazy("Give the offset too, as in 2026-11-23T09:00:00+08:00."),
        "range": gettext_lazy("The year must lie between 2000 and 2100."),
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("offset")
        if value.year not in YEARS:
            self.fail("range")
        return super().enforce_timezone(value)


class Coordinate(serializers.FloatField):
    """Degrees in WGS-84, kept with six places (about 10 cm); phones send more."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        return Decimal(repr(value)).quantize(SIX_PLACES) if abs(value) <= 180 else value

    def to_representation(self, value: Any) -> float:
        return float(value)


class Cursor(serializers.CharField):
    """A place in a list of things with `key_type` as their id."""

    def __init__(self, *, key_type: type = UUID, **options: Any) -> None:
        self.key_type = key_type
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            key = Key.decode(text)
        except Invalid as error:
            raise serializers.ValidationError(str(error.detail)) from error
        if not isinstance(key.id, self.key_type) or key.at.year not in YEARS:
            raise serializers.ValidationError(
                _("This page address is not valid; start again from the first page.")
            )
        return key
