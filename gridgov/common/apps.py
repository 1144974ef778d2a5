from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CommonConfig(AppConfig):
    name = "gridgov.common"
    label = "common"
    verbose_name = _("Logins and trail")

    def ready(self) -> None:
        from gridgov.common import audit  # noqa: F401  registers the receivers of login signals
