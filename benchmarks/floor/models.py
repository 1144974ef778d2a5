"""What a bare application would keep of the same report: one row and one event, a key and a sort index each."""

import uuid

from django.db import models


class FloorReport(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    client_uuid = models.UUIDField()
    grid = models.CharField(max_length=30)
    category = models.CharField(max_length=40)
    title = models.CharField(max_length=80)
    description = models.TextField()
    occurred_at = models.DateTimeField(null=True)
    source = models.CharField(max_length=10)
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    accuracy_m = models.IntegerField(null=True)
    address = models.CharField(max_length=120)
    photos_expected = models.IntegerField(default=0)
    requester_name = models.CharField(max_length=40)
    requester_phone = models.CharField(max_length=30)
    status = models.CharField(max_length=12)
    version = models.IntegerField(default=1)
    reported_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.pk)


class FloorEvent(models.Model):
    report = models.ForeignKey(FloorReport, models.CASCADE)
    action = models.CharField(max_length=20)
    note = models.TextField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.action
