from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = _("Incidents")

    def ready(self) -> None:
        from gridgov.common.actions import SENDERS
        from gridgov.common.clockguard import NEWEST
        from incidents import receivers  # noqa: F401  connects them
        from incidents.actions.webhooks import TOPIC, deliver
        from incidents.querysets import lost_by_renaming, newest_step
        from members.querysets import KNOWN_BY_TITLE

        SENDERS[TOPIC] = deliver
        NEWEST.append(newest_step)
        KNOWN_BY_TITLE.append(lost_by_renaming)
