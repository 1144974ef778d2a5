"""Addresses below /open311/v2/; the form of the answer is the last part of each."""

from django.urls import re_path

from incidents.api.open311 import views

FORM = r"\.(?P<form>json|xml)$"
app_name = "open311"

urlpatterns = [
    re_path(rf"^services{FORM}", views.service_list, name="services"),
    re_path(rf"^services/(?P<code>[^/]{{1,40}}){FORM}", views.service_definition, name="service"),
    re_path(rf"^requests{FORM}", views.requests, name="requests"),
    re_path(rf"^requests/(?P<number>[0-9-]{{1,20}}){FORM}", views.one_request, name="request"),
    re_path(rf"^tokens/(?P<token>[^/]{{1,40}}){FORM}", views.token, name="token"),
]
