"""Logging in and out, being locked out, the language, the password."""

import pytest
from django.test import Client
from knox.models import AuthToken

from gridgov.common.models import AuditEvent, User
from tests.factories import login, township

pytestmark = pytest.mark.django_db
PASSWORD = "long-enough-1"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("wang", PASSWORD)


def test_login_leads_to_the_page_that_was_asked_for(user):
    client = Client()
    response = client.post(
        "/login/?next=/inbox/", {"username": "wang", "password": PASSWORD, "next": "/inbox/"}
    )
    assert (response.status_code, response.url) == (302, "/inbox/")


def test_login_does_not_lead_outside(user):
    data = {"username": "wang", "password": PASSWORD, "next": "https://example.org/"}
    assert Client().post("/login/", data).url == "/"


def test_sixth_wrong_password_is_told_when_to_try_again(user):
    client = Client()
    wrong = {"username": "wang", "password": "wrong"}
    answers = [client.post("/login/", wrong) for _ in range(5)]
    assert answers[0].status_code == 200
    last = client.post("/login/", {"username": "wang", "password": PASSWORD})
    assert last.status_code == 429
    assert last["Retry-After"] == "900"
    assert "<time" in last.content.decode()


def test_logout_is_a_post(user):
    client = login(Client(), user)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").url == "/login/"
    assert client.get("/").status_code == 302


def test_language_is_chosen_by_post_and_kept_in_a_cookie(user):
    client = login(Client(), user)
    assert client.get("/")["Content-Language"] == "zh-hans"
    response = client.post("/language/", {"language": "en", "next": "/inbox/"})
    assert response.url == "/inbox/"
    assert client.get("/")["Content-Language"] == "en"


def test_new_password_ends_tokens_and_is_in_the_audit_trail(user):
    AuthToken.objects.create(user=user)
    client = Client()
    client.post("/login/", {"username": "wang", "password": PASSWORD})
    new = {"old_password": PASSWORD, "new_password1": "quite-another-2", "new_password2": "quite-another-2"}
    assert client.post("/password/", new).status_code == 302
    assert not AuthToken.objects.filter(user=user).exists()
    assert AuditEvent.objects.filter(user=user, subject="password").exists()
    assert client.get("/").status_code == 200


def test_post_without_token_says_what_to_do(user):
    client = login(Client(enforce_csrf_checks=True), user)
    response = client.post("/logout/")
    assert response.status_code == 403
    assert 'class="plain-page"' in response.content.decode()


def test_login_without_a_township_says_who_sets_it_up(user):
    assert "message-warning" in Client().get("/login/").content.decode()
    township(villages=1, groups_per_village=1)
    assert "message-warning" not in Client().get("/login/").content.decode()


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_pages_take_no_other_method(client, method):
    assert getattr(client, method)("/login/").status_code == 405
