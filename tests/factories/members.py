"""Who acts: clients that are logged in, and users as the next request would see them."""

from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from gridgov.common.models import User


def client_for(user: User) -> APIClient:
    """A REST client with a token of the user."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {AuthToken.objects.create(user=user)[1]}")
    return client


def login(client: Client, user: User) -> Client:
    """The browser client with a session of the user."""
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def fresh(user: User) -> User:
    """The user as the next request sees it: nothing remembered about posts and places."""
    return User.objects.select_related("member").get(pk=user.pk)
