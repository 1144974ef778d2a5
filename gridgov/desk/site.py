"""The admin site: for whoever is staff, in the product's own words."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class GridgovAdminConfig(AdminConfig):
    default_site = "gridgov.desk.site.GridgovAdminSite"


class GridgovAdminSite(AdminSite):
    site_header = _("gridgov administration")
    site_title = _("gridgov")
    index_title = _("What you may manage")
    site_url = "/"
