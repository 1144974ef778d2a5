"""Is it there already? Near in place, time and words; and joining instead of reporting."""

import hashlib
import io
import uuid
from decimal import Decimal

import pytest
from django.test import Client
from PIL import Image

from grids.querysets import Place
from incidents.actions import attach, join
from incidents.models import Incident, Part, Upload
from incidents.search.similar import alike, distance, root_causes
from tests.api.conftest import API, problem
from tests.factories import client_for, fresh, incident, login

HERE = (Decimal("34.260000"), Decimal("117.430000"))


def titles(town, user, text="", category="request", grid=None, point=None) -> list[str]:
    found = alike(fresh(user), grid=grid or town.groups[0], category=category, text=text, point=point)
    return [near.incident.title for near in found.near]


@pytest.fixture
def pond(town) -> Incident:
    return incident(town, title="鱼塘漏水", description="村东鱼塘漏水,影响道路", address="大槐树下")


def test_similar_by_words_where_there_is_no_point(town, pond):
    incident(town, title="无关", description="有人咨询社保")
    assert titles(town, town.worker, "大槐树旁边的鱼塘又漏水了") == ["鱼塘漏水"]
    assert titles(town, town.worker, "树倒了") == []


def test_similar_by_place_and_category_where_there_are_no_words(town, pond):
    assert titles(town, town.worker) == ["鱼塘漏水"]
    assert titles(town, town.worker, category="dispute") == []
    assert titles(town, town.village_head, grid=town.groups[1]) == []


def test_similar_by_point_says_how_far(town):
    incident(town, title="这里", latitude=HERE[0], longitude=HERE[1])
    incident(town, title="远处", latitude=HERE[0] + Decimal("0.05"), longitude=HERE[1])
    near = (HERE[0] + Decimal("0.000900"), HERE[1])
    found = alike(
        fresh(town.worker), grid=town.groups[0], category="request", text="完全不同的话", point=near
    ).near
    assert [(one.incident.title, one.metres) for one in found] == [("这里", 100)]


def test_distance_on_the_globe():
    assert round(distance((Decimal(0), Decimal(0)), (Decimal(0), Decimal(1)))) == 111195
    assert distance(HERE, HERE) == 0


def test_similar_takes_recently_closed_ones_and_no_older_ones(town, clock):
    incident(town, "closed", title="鱼塘漏水", description="鱼塘漏水")
    incident(town, "rejected", title="鱼塘漏水不受理", description="鱼塘漏水", escalate=True)
    clock("2026-12-22T09:00")
    assert titles(town, town.worker, "鱼塘漏水") == ["鱼塘漏水"]
    clock("2026-12-24T09:00")
    assert titles(town, town.worker, "鱼塘漏水") == []


def test_similar_has_the_photo(town, pond):
    call, picture = pond.client_uuid, io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(picture, "JPEG")
    data = picture.getvalue()
    upload, _replayed = attach(
        user=fresh(town.worker), client_uuid=uuid.uuid4(), incident_client_uuid=call,
        sha256=hashlib.sha256(data).hexdigest(), file=io.BytesIO(data), name="a.jpg",
    )  # fmt: skip
    (near,) = alike(fresh(town.worker), grid=town.groups[0], category="request", text="鱼塘漏水").near
    assert near.photo == upload.pk


def test_similar_stays_in_scope(town, pond):
    assert titles(town, town.worker2, "鱼塘漏水") == []
    there = town.groups_of(town.villages[1])[0]
    incident(town, title="路过报的", description="鱼塘漏水", grid=there)
    assert titles(town, town.worker, "鱼塘漏水", grid=there) == ["路过报的"]
    assert titles(town, town.village_head, "鱼塘漏水", grid=there) == []


def test_similar_adds_at_most_three_statements_however_many_there_are(
    town, pond, django_assert_max_num_queries
):
    user = fresh(town.worker)
    titles(town, user)  # who one is was asked already by the request
    counted = []
    for _ in range(2):
        asker = fresh(town.worker)
        asker.is_active and alike(asker, grid=town.groups[1], category="request", text="别的")
        with django_assert_max_num_queries(3) as captured:
            alike(asker, grid=town.groups[0], category="request", text="鱼塘漏水")
        counted.append(len(captured))
        incident(town, title="鱼塘漏水二", description="鱼塘漏水")
    assert counted[0] == counted[1]


def test_again_and_again_is_a_root_cause(town, clock):
    for title in ("一", "二"):
        incident(town, "closed", title=title)
    found = alike(fresh(town.worker), grid=town.groups[0], category="request")
    assert (found.repeated, found.has_cause) == (2, False)
    incident(town, title="三")
    incident(town, "rejected", title="不算", escalate=True)
    incident(town, title="别的网格", user=town.worker2, grid=town.groups_of(town.villages[1])[0])
    found = alike(fresh(town.worker), grid=town.groups[0], category="request")
    assert (found.repeated, found.has_cause) == (3, True)
    place = Place(town.code, "township", leaf=False)
    (cause,) = root_causes([place])
    assert (cause.grid_code, cause.category_code, cause.count) == (town.groups[0].code, "request", 3)
    assert root_causes([Place(town.villages[1].code, "village", leaf=False)]) == []
    page = login(Client(), town.clerk).get("/").content.decode()
    assert f"grid={cause.grid_code}&amp;category=request" in page
    clock("2027-01-25T09:00")
    assert root_causes([place]) == []


# --- over REST and in the form -----------------------------------------------------------------------------------


def test_similar_over_rest(town, pond):
    query = {"grid": town.groups[0].code, "category": "request", "text": "鱼塘漏水了"}
    body = client_for(town.worker).get(f"{API}incidents/similar/", query).json()
    (near,) = body["results"]
    assert near["incident"]["number"] == pond.number
    assert near["metres"] is None
    assert near["photo"] is None
    assert 0.5 < near["shared"] <= 1
    assert body["repeated"] == 1
    assert client_for(town.worker2).get(f"{API}incidents/similar/", query).json()["results"] == []
    problem(client_for(town.leader).get(f"{API}incidents/similar/", query), 403, "forbidden")
    problem(
        client_for(town.worker).get(f"{API}incidents/similar/", query | {"grid": "320371109"}),
        400,
        "unknown_grid",
    )


def test_form_shows_what_is_there_while_one_types(town, pond):
    client = login(Client(), town.worker)
    page = client.get("/incidents/new/").content.decode()
    assert 'hx-get="/incidents/similar/"' in page
    typed = {"grid": town.groups[0].code, "category": "request", "description": "鱼塘漏水"}
    piece = client.get("/incidents/similar/", typed).content.decode()
    assert "鱼塘漏水" in piece
    assert f'formaction="/incidents/{pond.pk}/join/"' in piece
    for missing in typed:
        assert "鱼塘漏水" not in client.get("/incidents/similar/", typed | {missing: ""}).content.decode()
    assert "鱼塘漏水" not in client.get("/incidents/similar/", typed | {"grid": "x"}).content.decode()


def test_form_says_what_the_plan_says_of_the_category(town):
    client = login(Client(), town.worker)
    assert '<p id="basis"' in client.get("/incidents/new/").content.decode()

    def piece(**typed):
        return client.get("/incidents/similar/", {"grid": town.groups[0].code, **typed}).content.decode()

    assert "《镇网格化服务管理实施意见》第八部分（五）" in piece(category="request")
    for typed in ({"category": ""}, {"category": "nothing"}, {"category": "request", "grid": "x"}):
        assert "《" not in piece(**typed)
    assert 'id="basis"' not in piece(
        category="request", place="1"
    )  # the form for phone calls has no such line


def test_joining_adds_a_note_a_part_and_the_photos(town, pond):
    neighbour = fresh(town.village_head)
    call = uuid.uuid4()
    outcome = join(user=neighbour, incident=pond, note="我也看见了", client_uuid=call)
    assert not outcome.replayed
    row = pond.history.get(action="join")
    assert (row.note, row.actor) == ("我也看见了", neighbour.member)
    assert Part.objects.filter(incident=pond, member=neighbour.member, role="helper").exists()
    assert join(user=fresh(town.village_head), incident=pond, note="我也看见了", client_uuid=call).replayed
    assert pond.history.filter(action="join").count() == 1
    page = login(Client(), town.clerk).get(f"/incidents/{pond.pk}/").content.decode()
    assert "我也看见了" in page
    assert "反映同一问题" in page


def test_joining_from_the_form_takes_the_photos_along(town, pond):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(picture, "JPEG")
    picture.seek(0)
    picture.name = "a.jpg"
    body = {
        "client_uuid": str(uuid.uuid4()), "grid": town.groups[0].code, "category": "request", "description": "还在漏",
        "photos": picture,
    }  # fmt: skip
    client = login(Client(), town.village_head)
    assert client.post(f"/incidents/{pond.pk}/join/", body).status_code == 302
    assert Upload.objects.get().incident_id == pond.pk
    assert Incident.objects.count() == 1


def test_joining_over_rest_and_its_refusals(town, pond):
    def send(user, matter, **body):
        return client_for(user).post(
            f"{API}incidents/{matter.pk}/join/", {"client_uuid": str(uuid.uuid4()), "note": "同一件事"} | body
        )

    assert send(town.village_head, pond).status_code == 201
    problem(send(town.worker2, pond), 404, "not_found")
    problem(send(town.leader, pond), 403, "forbidden")
    problem(send(town.worker, pond, note=" "), 400, "invalid")
    problem(send(town.worker, pond, files=[str(uuid.uuid4())]), 400, "unknown_file")
    problem(send(town.worker, incident(town, "closed")), 409, "wrong_state")
