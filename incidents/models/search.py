"""The search index: which matters of a township have a gram.

A matter has a number within its township, given in order of arrival. Numbers stand in blocks; a row says in at most 512 bytes which
of a block's matters have one gram. (docs/adr/0017)
"""

import struct

from django.db import models

from incidents.models.incident import Incident

BLOCK = 4096  # matters
_BITMAP = BLOCK // 8  # bytes


class SearchEntry(models.Model):
    """A matter's number in the index. `fingerprint` is of the grams it was indexed with."""

    incident = models.OneToOneField(Incident, models.CASCADE, primary_key=True, related_name="search_entry")
    township_code = models.CharField(max_length=9)
    number = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["township_code", "number"], name="search_number_once")]

    def __str__(self) -> str:
        return f"{self.township_code} {self.number}"


class SearchBlock(models.Model):
    """Which matters of a block have a gram; block before gram, so that what is written stands together."""

    pk = models.CompositePrimaryKey("township_code", "block", "gram")
    township_code = models.CharField(max_length=9)
    block = models.PositiveIntegerField()
    gram = models.CharField(max_length=40)
    matters = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.township_code} {self.block} {self.gram}"


def pack(matters: int) -> bytes:
    """A set of places (bit n: the block's n-th matter) in few bytes: two for each, or from 256 on one bit for every place."""
    if matters.bit_count() >= _BITMAP // 2:
        return matters.to_bytes(_BITMAP, "little")
    places = []
    while matters:
        place = matters.bit_length() - 1
        places.append(place)
        matters ^= 1 << place
    return struct.pack(f"<{len(places)}H", *places)


def unpack(data: bytes | memoryview) -> int:
    data = bytes(data)
    if len(data) == _BITMAP:
        return int.from_bytes(data, "little")
    bits = bytearray(_BITMAP)
    for place in struct.unpack(f"<{len(data) // 2}H", data):
        bits[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(bits, "little")
