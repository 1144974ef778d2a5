"""The Celery application as beat needs it: the broker and the timetable, without Django's apps (a third of the memory).

Beat only rings, by the tasks' names. The worker's application is `gridgov.celery`.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")

app = Celery("gridgov", fixups=[])
app.config_from_object("gridgov.settings", namespace="CELERY")
