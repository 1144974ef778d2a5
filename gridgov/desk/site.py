"""The admin site: for whoever is staff, in the product's own words."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

# Django's own addresses that we do without: the first tells whoever asks whether something exists, and passwords have
# their own page.
LEFT_OUT = {"view_on_site", "password_change", "password_change_done"}


def to_login(wanted: str) -> HttpResponse:
    """The one page where people log in, which leads on to `wanted`."""
    return redirect(f"{settings.LOGIN_URL}?{urlencode({'next': wanted})}")


class GridgovAdminConfig(AdminConfig):
    default_site = "gridgov.desk.site.GridgovAdminSite"


class GridgovAdminSite(AdminSite):
    site_header = _("gridgov administration")
    site_title = _("gridgov")
    index_title = _("What you may manage")
    site_url = "/"
    final_catch_all_view = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only pages that ask our scope; those that other applications bring would ask Django's permissions."""
        if getattr(admin_class, "scoped", False):
            super().register(model_or_iterable, admin_class, **options)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            """One login for everything; whoever is logged in without a right to these pages finds nothing here."""
            if not request.user.is_authenticated:
                return to_login(request.get_full_path())
            if not self.has_permission(request):
                raise Http404
            return inner(request, *args, **kwargs)

        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise Http404
        return to_login(request.GET.get("next") or request.path)

    def get_urls(self) -> list[Any]:
        return [url for url in super().get_urls() if getattr(url, "name", "") not in LEFT_OUT]
