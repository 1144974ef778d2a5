"""The Celery application. Everything about it is configured in settings (names starting with CELERY_)."""

import logging
import os
from typing import Any

from celery import Celery, Task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")

logger = logging.getLogger(__name__)


class HeldTask(Task):  # type: ignore[misc]
    """Recurring work stands still while the system time is earlier than what is already recorded."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from gridgov.common import clockguard  # noqa: PLC0415  models are not loaded when workers import this

        if clockguard.written_later() is not None:
            logger.error(
                "%s does not run: the system time is earlier than what is already recorded", self.name
            )
            return None
        return super().__call__(*args, **kwargs)


app = Celery("gridgov", task_cls=HeldTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
