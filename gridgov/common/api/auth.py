"""Tokens: who is asking. Nothing is written per request."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken, get_digest_token
from knox.settings import CONSTANTS, knox_settings
from rest_framework.exceptions import AuthenticationFailed

from gridgov.common import clock
from gridgov.common.models import User
from gridgov.common.prepared import Prepared

TOKEN_OF: Prepared[AuthToken] = Prepared(
    lambda digest: AuthToken.objects.select_related("user__member").filter(digest=digest)
)


class TokenAuthentication(KnoxAuthentication):  # type: ignore[misc]
    """`Authorization: Token <token>`: one query for the token, its user and the user's member.

    knox itself looks at every token of the user and deletes old ones on the way; here that waits for the next login.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        try:
            digest = hash_token(token.decode("ascii"))
        except UnicodeDecodeError as error:
            raise AuthenticationFailed(_("This token is not valid.")) from error
        row = next(iter(TOKEN_OF(digest)), None)
        if row is None or not row.user.is_active or (row.expiry is not None and row.expiry <= clock.now()):
            raise AuthenticationFailed(_("This token is not valid."))
        return row.user, row


@transaction.atomic
def issue_token(*, user: User) -> tuple[AuthToken, str]:
    """A new token and its text, which is shown once. The oldest beyond the limit and the expired ones end."""
    now = clock.now()
    kept = AuthToken.objects.filter(user=user, expiry__gt=now).order_by("-created", "digest")
    living = kept.values_list("digest", flat=True)[: knox_settings.TOKEN_LIMIT_PER_USER - 1]
    AuthToken.objects.filter(user=user).exclude(digest__in=list(living)).delete()
    digest, text = get_digest_token()
    token = AuthToken(
        digest=digest,
        token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH],
        user=user,
        expiry=now + knox_settings.TOKEN_TTL,
    )
    token.save(force_insert=True)
    return token, text


def revoke_token(*, token: Any) -> None:
    """Ends one token; the others of the same person stay."""
    token.delete()
