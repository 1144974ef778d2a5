"""From an empty installation to a township with its first people, through the pages."""

import io
import re

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from gridgov.common.models import AuditEvent, User
from gridgov.plans import first_run
from gridgov.plans.exporting import plan_of
from grids.models import Grid, Township
from members.enums import RoleCode
from members.models import Appointment, Member, Post
from tests.factories import login, township
from tests.plans.test_any_plan import ODD

pytestmark = pytest.mark.django_db
TOWN = "320371101"
PASSWORD = "first-word-1"
VILLAGES = f"code,name\n{TOWN}201,甲村\n{TOWN}202,乙村\n"


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.GRIDGOV_DATA = tmp_path


@pytest.fixture
def technical() -> Client:
    return login(Client(), User.objects.create_user("admin", PASSWORD, is_staff=True))


def account(code: str, **other: str) -> dict[str, str]:
    return {"code": code, "username": "admin", "password1": PASSWORD, "password2": PASSWORD, **other}


def asked(**other: object) -> dict[str, object]:
    return {"code": TOWN, "name": "某镇", "plan": "6", "villages": VILLAGES, "preview": "1", **other}


def texts(response) -> str:
    return response.content.decode()


# --- the first account ----------------------------------------------------------------------------------------------


def test_an_empty_installation_leads_to_setting_up():
    assert Client().get("/").url == "/setup/"
    assert Client().get("/login/").url == "/setup/"


def test_the_code_opens_once_and_the_page_is_gone():
    client, code = Client(), first_run.make_code()
    assert client.post("/setup/", account(code)).url == "/setup/township/"
    user = User.objects.get()
    assert (user.username, user.is_staff, user.is_superuser) == ("admin", True, False)
    assert not first_run.code_file().exists()
    assert AuditEvent.objects.filter(user=user, subject="admin").exists()
    assert client.get("/setup/township/").status_code == 200
    assert Client().get("/setup/").status_code == 404
    assert Client().post("/setup/", account(code, username="stranger")).status_code == 404


@pytest.mark.parametrize("code", ["", "wrong", "2222-2222-2222"])
def test_without_the_code_nobody_comes_in(code):
    first_run.make_code()
    response = Client().post("/setup/", account(code))
    assert response.status_code == 200
    assert not User.objects.exists()


def test_without_a_kept_code_nothing_is_right():
    assert Client().post("/setup/", account("")).status_code == 200
    assert Client().post("/setup/", account("abcd-efgh-jkmn")).status_code == 200
    assert not User.objects.exists()


def test_the_code_stays_the_same_until_it_is_used_and_only_the_owner_reads_it():
    assert first_run.make_code() == first_run.make_code()
    assert first_run.code_file().stat().st_mode & 0o077 == 0


def test_the_code_comes_back_when_the_account_cannot_be_made():
    code = first_run.make_code()
    with pytest.raises(RuntimeError), first_run.spent():
        raise RuntimeError
    assert first_run.is_right(code)


def test_a_weak_password_is_refused_and_the_name_stays():
    code = first_run.make_code()
    response = Client().post(
        "/setup/", account(code, username="zhangsan", password1="12345678", password2="12345678")
    )
    assert 'value="zhangsan"' in texts(response)
    assert not User.objects.exists()


# --- the township -------------------------------------------------------------------------------------------------


def test_the_desk_of_a_technical_account_without_township_leads_on(technical):
    assert technical.get("/").url == "/setup/township/"


def test_only_technical_accounts_find_these_pages():
    town = township(villages=1, groups_per_village=1)
    for path in ("/setup/township/", f"/setup/people/{town.code}/"):
        assert login(Client(), town.clerk).get(path).status_code == 404
        assert Client().get(path).url.startswith("/login/")


def test_the_shipped_division_data_fill_the_form(technical):
    page = texts(technical.get("/setup/township/?place=6"))
    assert "320371101201,龙田村" in page
    assert 'value="徐庄镇"' in page


def test_the_preview_shows_and_writes_nothing(technical):
    response = technical.post("/setup/township/", asked())
    assert 'name="confirm"' in texts(response)
    assert not Township.objects.exists()


def test_confirming_sets_up_what_the_command_sets_up(technical):
    response = technical.post("/setup/township/", asked(confirm="1"))
    assert response.url == f"/setup/people/{TOWN}/"
    file = first_run.code_file().with_name("villages.csv")
    other = "320371102"
    file.write_text(VILLAGES.replace(TOWN, other), encoding="utf-8")
    call_command("setup_township", code=other, name="某镇", plan=6, villages=file)
    by_page, by_command = (
        [
            (row[0][9:], *row[1:])
            for row in posts.order_by("grid", "id").values_list("grid", "title", "role__code")
        ]
        for posts in (Post.objects.filter(township_code=TOWN), Post.objects.filter(township_code=other))
    )
    assert by_page == by_command
    names = Grid.objects.order_by("code").values_list("name", flat=True)
    assert list(names.filter(township_code=TOWN)) == list(names.filter(township_code=other))


def test_all_that_is_wrong_in_a_file_comes_at_once_under_its_own_row_numbers(technical):
    book = openpyxl.Workbook()
    for row in (["各村名单"], [], ["编码", "名称"], [f"{TOWN}201", "甲村"], [], [f"{TOWN}20", "少一位"],
                ["320371102201", "别镇"], [f"{TOWN}203", ""], [f"{TOWN}201", "又甲村"], [TOWN, "镇"]):  # fmt: skip
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    file.name = "v.xlsx"
    response = technical.post("/setup/township/", asked(file=file, villages="", confirm="1"))
    errors = response.context["form"].errors["villages"]
    assert [int(re.search(r"\d+", text)[0]) for text in errors] == [4, 6, 7, 8, 9, 10]
    assert not Township.objects.exists()
    assert f"{TOWN}201,甲村" in texts(response)  # the rows stay, to be mended in place
    again = technical.post("/setup/township/", asked(villages=response.context["form"].data["villages"]))
    assert again.context["form"].errors["villages"] == errors


@pytest.mark.parametrize(
    "villages",
    [f"{TOWN}201,甲村", f"{TOWN}201，甲村\n", f"代码,名称\n{TOWN}201,甲村", f"\n{TOWN}201\t甲村\n"],
)
def test_lines_are_read_as_people_type_them(technical, villages):
    technical.post("/setup/township/", asked(villages=villages, confirm="1"))
    assert list(Grid.objects.filter(kind="village").values_list("code", "name")) == [(f"{TOWN}201", "甲村")]


def test_a_file_that_is_none_says_so_and_keeps_the_rest(technical):
    file = io.BytesIO(b"PK\x03\x04 not a workbook")
    file.name = "v.xlsx"
    response = technical.post("/setup/township/", asked(file=file))
    assert response.context["form"].errors["file"]
    assert 'value="某镇"' in texts(response)


def test_a_second_time_adds_only_what_is_missing(technical):
    technical.post("/setup/township/", asked(confirm="1"))
    more = f"{VILLAGES}{TOWN}203,丙村\n{TOWN}201001,一组\n"
    form = technical.post("/setup/township/", asked(villages=more)).context["form"]
    assert (form.is_there, len(form.added)) == (True, 2)
    for new in (2, 0):
        answer = technical.post("/setup/township/", asked(villages=more, confirm="1"), follow=True)
        assert str(new) in str(*answer.context["messages"])
    assert Grid.objects.count() == 5
    other = technical.post("/setup/township/", asked(name="别的镇", confirm="1"))
    assert other.context["form"].errors
    assert Grid.objects.get(pk=TOWN).name == "某镇"


# --- a plan of one's own ------------------------------------------------------------------------------------------


def plan_file(text: str | bytes, name: str = "own.yaml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)


def test_a_plan_of_ones_own_is_uploaded_shown_and_set_up(technical):
    preview = technical.post("/setup/township/", asked(plan_file=plan_file(ODD)))
    assert "海岛渔村网格试行办法" in texts(preview)
    assert not Township.objects.exists()
    kept = preview.context["form"].data["own_plan"]  # the browser sends a file only once
    assert technical.post("/setup/township/", asked(own_plan=kept, confirm="1")).status_code == 302
    town = Township.objects.get()
    assert (town.plan_number, town.plan_title) == (11, "海岛渔村网格试行办法")
    assert town.tiers.get(depth=1).label == "港湾"


@pytest.mark.parametrize("by_page", [True, False])
def test_adding_villages_to_a_township_under_its_own_plan_changes_nothing_of_the_plan(
    technical, tmp_path, by_page
):
    """Its file has the number of a plan that gridgov brings."""
    own = ODD.replace("number: 11", "number: 6").replace("P11-", "P6-")
    technical.post("/setup/township/", asked(own_plan=own, confirm="1"))
    town = Township.objects.get()
    before = plan_of(town)
    more = f"{VILLAGES}{TOWN}203,丙村\n"
    if by_page:
        assert technical.post("/setup/township/", asked(villages=more, confirm="1")).status_code == 302
    else:
        file = tmp_path / "villages.csv"
        file.write_text(more, encoding="utf-8")
        out = io.StringIO()
        call_command("setup_township", code=TOWN, name="某镇", plan="6", villages=file, stdout=out)
        assert "1 units are new, its plan stays" in out.getvalue()
    town.refresh_from_db()
    assert (plan_of(town), town.plan_title) == (before, "海岛渔村网格试行办法")
    titles = [post.title for post in before.tiers[1].posts]
    assert (
        list(Post.objects.filter(grid=f"{TOWN}203").order_by("id").values_list("title", flat=True)) == titles
    )


def test_what_is_wrong_in_an_uploaded_plan_is_said_by_line_and_rule_and_nothing_is_lost(technical):
    wrong = ODD.replace("at: 三.2", "at: somewhere")
    line = next(n for n, row in enumerate(wrong.splitlines(), start=1) if "somewhere" in row)
    response = technical.post("/setup/township/", asked(plan_file=plan_file(wrong), confirm="1"))
    (said,) = response.context["form"].errors["own_plan"]
    assert said.startswith(f"own.yaml:{line}: P11-C1: ")
    assert not Township.objects.exists()
    for kept in ("码头管理员", 'value="某镇"', f"{TOWN}201,甲村"):
        assert kept in texts(response)
    mended = response.context["form"].data["own_plan"].replace("somewhere", "三.2").replace("\n", "\r\n")
    assert technical.post("/setup/township/", asked(own_plan=mended, confirm="1")).status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("title: 海岛渔村网格试行办法", 'title: "海岛\\0办法"', ""),
        ("name: 等潮水商议", 'name: "等潮水\\x07商议"', "P11-I1"),
        ("at: 三.2", 'cite: "三\\0"', "P11-C1"),
        ("name: 渔村, ", "name: 渔村, expected_count: 3000000000, ", ""),
    ],
)
def test_what_no_database_holds_is_refused_by_its_line_and_rule(technical, old, new, rule):
    assert old in ODD
    wrong = ODD.replace(old, new, 1)
    line = next(n for n, row in enumerate(wrong.splitlines(), start=1) if new in row)
    response = technical.post("/setup/township/", asked(plan_file=plan_file(wrong), confirm="1"))
    (said,) = response.context["form"].errors["own_plan"]
    assert said.startswith(f"own.yaml:{line}: {rule}")
    assert not Township.objects.exists()


def test_a_plan_that_names_itself_over_and_over_is_read_in_no_time(technical):
    more = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 12))
    plan = f"x0: &x0 [a]\n{more}\nloop: &loop [*loop]\n"
    response = technical.post("/setup/township/", asked(plan_file=plan_file(plan), confirm="1"))
    assert response.context["form"].errors["own_plan"]


@pytest.mark.parametrize("content", [b"x" * 600_000, ODD.encode("gb18030"), b"\xff\xfe\x00"])
def test_what_is_no_plan_at_all_says_so_and_keeps_the_rest(technical, content):
    response = technical.post("/setup/township/", asked(plan_file=plan_file(content), confirm="1"))
    assert response.context["form"].errors["plan_file"]
    assert 'value="某镇"' in texts(response)
    assert not Township.objects.exists()


# --- the first people ---------------------------------------------------------------------------------------------


def fill(*names: tuple[RoleCode, str]) -> dict[str, str]:
    data = {}
    for role, name in names:
        held = Appointment.objects.values("post")
        posts = Post.objects.filter(grid=TOWN, role__code=role).exclude(pk__in=held)
        post = posts.order_by("-is_responsible", "id").first()
        data |= {f"post-{post.pk}-name": f"某{name}", f"post-{post.pk}-username": name}
    return data


FOUR = (
    (RoleCode.CLERK, "clerk"),
    (RoleCode.LEADER, "leader"),
    (RoleCode.ASSESSOR, "assessor"),
    (RoleCode.AUDITOR, "auditor"),
)


@pytest.fixture
def empty_town(technical) -> Client:
    technical.post("/setup/township/", asked(confirm="1"))
    return technical


def passwords(response) -> dict[str, str]:
    return {form.cleaned_data["username"]: form.password for form in response.context["forms"]}


def test_first_people_are_appointed_and_their_passwords_are_good_for_one_login(empty_town):
    response = empty_town.post(f"/setup/people/{TOWN}/", fill(*FOUR))
    words = passwords(response)
    assert set(words) == {"clerk", "leader", "assessor", "auditor"}
    assert all(word in texts(response) for word in words.values())
    assert words["clerk"] not in texts(empty_town.get(f"/setup/people/{TOWN}/"))
    clerk = Client()
    clerk.post("/login/", {"username": "clerk", "password": words["clerk"]})
    assert clerk.get("/").url == "/password/"
    assert clerk.get("/admin/").url == "/password/"
    token = {"username": "clerk", "password": words["clerk"]}
    refused = clerk.post("/api/v1/auth/token/", token, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "password_to_be_changed")
    new = {"old_password": words["clerk"], "new_password1": "my-own-word-9", "new_password2": "my-own-word-9"}
    assert clerk.post("/password/", new).status_code == 302
    assert clerk.get("/").status_code == 200
    assert clerk.get("/admin/members/post/").status_code == 200
    again = clerk.post(
        "/api/v1/auth/token/", token | {"password": "my-own-word-9"}, content_type="application/json"
    )
    assert again.status_code == 200


def test_the_duty_post_must_not_stay_vacant_and_nothing_is_lost(empty_town):
    response = empty_town.post(f"/setup/people/{TOWN}/", fill((RoleCode.ASSESSOR, "assessor")))
    assert 'value="某assessor"' in texts(response)
    assert not Member.objects.exists()


def test_two_with_one_name_are_refused_together(empty_town):
    data = fill(*FOUR[:2])
    data = {key: "same" if key.endswith("username") else value for key, value in data.items()}
    response = empty_town.post(f"/setup/people/{TOWN}/", data)
    assert "same" in texts(response)
    assert not Member.objects.exists()


def test_an_assessor_can_follow_later(empty_town):
    empty_town.post(f"/setup/people/{TOWN}/", fill(FOUR[0]))
    empty_town.post(f"/setup/people/{TOWN}/", fill(FOUR[2]))
    assert Appointment.objects.current().count() == 2


def test_a_password_that_somebody_set_is_changed_at_the_next_login(technical):
    user = User.objects.create_user("wang", PASSWORD)
    words = {"password1": "set-by-admin-5", "password2": "set-by-admin-5", "usable_password": "true"}
    technical.post(f"/admin/common/user/{user.pk}/password/", words)
    client = Client()
    client.post("/login/", {"username": "wang", "password": "set-by-admin-5"})
    assert client.get("/").url == "/password/"
