from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "gridgov.plans"

    def ready(self) -> None:
        from gridgov.plans import receivers  # noqa: F401  connects them
