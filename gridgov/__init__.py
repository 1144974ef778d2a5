"""gridgov: the roof over the five rooms. Imports only the Celery application, so that tasks register."""

from gridgov.celery import app as celery_app

__all__ = ["celery_app"]
