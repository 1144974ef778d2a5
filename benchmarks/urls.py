"""The product's addresses and the floor's."""

from django.urls import path

from benchmarks.floor.views import FloorList
from gridgov.urls import urlpatterns as product

urlpatterns = [path("api/floor/", FloorList.as_view()), *product]
