from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        from gridgov.common.actions import SENDERS
        from members import receivers  # noqa: F401  connects them
        from members.actions.channels import NOTICE, deliver_notice

        SENDERS[NOTICE] = deliver_notice
