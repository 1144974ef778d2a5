"""What is edited in the admin pages stands in the audit trail with what was before; secrets and phones only as changed."""

import pytest
from django.test import Client

from gridgov.common.masking import HIDDEN
from gridgov.common.models import AuditEvent
from incidents.actions import NewProcedure, begin_procedure
from incidents.models import Category
from members.models import NoticeChannel
from tests.factories import login

pytestmark = pytest.mark.django_db


def trail() -> AuditEvent:
    return AuditEvent.objects.latest("pk")


def test_a_category_is_edited_with_before_and_after(town):
    row = Category.objects.select_related("procedure").get(pk=town.categories["request"].pk)
    old = row.procedure
    new = begin_procedure(township=town.grid, procedure=NewProcedure("own_way", "自定", {}), user=town.clerk)
    fields = {"name": "改名诉求", "procedure": new.pk, "is_active": "on", "public_note": ""}
    fields |= {"position": row.position, "rule_id": row.rule_id}
    page = f"/admin/incidents/category/{row.pk}/change/"
    assert login(Client(), town.clerk).post(page, fields).status_code == 302
    assert (trail().user, trail().township_code) == (town.clerk, town.code)
    assert trail().detail == {
        "what": "changed",
        "before": {"name": row.name, "procedure": f"{old} ({old.pk})", "for_grids": True},
        "after": {"name": "改名诉求", "procedure": f"{new} ({new.pk})", "for_grids": False},
    }


def test_what_is_saved_as_it_was_changes_nothing(town):
    row = Category.objects.get(pk=town.categories["request"].pk)
    fields = {"name": row.name, "procedure": row.procedure_id, "is_active": "on", "for_grids": "on"}
    fields |= {"position": row.position, "rule_id": row.rule_id}
    page = f"/admin/incidents/category/{row.pk}/change/"
    assert login(Client(), town.clerk).post(page, fields).status_code == 302
    assert trail().detail == {"what": "changed", "before": {}, "after": {}}


def test_a_persons_phone_is_not_kept(town):
    member = town.worker.member
    page = f"/admin/members/member/{member.pk}/change/"
    fields = {"name": member.name, "phone": "13800000123", "residence": member.residence_id or ""}
    assert login(Client(), town.clerk).post(page, fields).status_code == 302
    assert trail().detail == {
        "what": "changed",
        "before": {"phone": HIDDEN, "is_active": True},
        "after": {"phone": HIDDEN, "is_active": False},
    }


def test_the_address_of_a_channel_is_not_kept(town):
    row = NoticeChannel.objects.create(township=town.grid, name="群", url="wecombot://0123456789", kinds=[])
    page = f"/admin/members/noticechannel/{row.pk}/change/"
    fields = {"name": "群", "url": "wecombot://9876543210", "kinds": ["arrived"], "is_active": "on"}
    answer = login(Client(), town.clerk).post(page, fields)
    assert answer.status_code == 302
    assert trail().detail["after"]["url"] == HIDDEN
    assert "9876543210" not in str(trail().detail)


def test_a_login_is_edited_with_before_and_after_and_a_password_is_not_kept(town):
    page = f"/admin/common/user/{town.worker.pk}/change/"
    client = login(Client(), town.admin)
    assert client.post(page, {"username": town.worker.username}).status_code == 302
    assert trail().detail["before"] == {"is_active": True}
    assert trail().detail["after"] == {"is_active": False}
    secret = "Ein-ganz-neues-7"
    answer = client.post(
        f"/admin/common/user/{town.worker.pk}/password/",
        {"password1": secret, "password2": secret, "usable_password": "true"},
    )
    assert answer.status_code == 302
    assert trail().detail == {"what": "changed"}
