"""The Celery application as beat needs it: the broker and the timetable, without Django's apps (a third of the memory).

Beat only rings, by the tasks' names. The worker's application is `gridgov.celery`.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")

# Not the current one: in a process that has both, tasks belong to the worker's.
app = Celery("gridgov", fixups=[], set_as_current=False)
app.config_from_object("gridgov.settings", namespace="CELERY")
