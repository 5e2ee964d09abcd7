"""Settings, members and profile: who may change what, and that a workspace always has an owner."""

import smtplib

import pytest
from django.urls import reverse

from smsadmin.workspaces.models import Member, User
from tests.factories import make_member, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace("Example Ltd")


@pytest.fixture
def me(workspace):
    return make_member(workspace, "owner", make_user("me@example.com"))


@pytest.fixture
def owner(client, me):
    client.force_login(me.user)
    return client


def text(response):
    return " ".join(response.content.decode().split())


# --- The workspace ------------------------------------------------------------------------------------


def test_an_owner_sets_name_zone_and_language(owner, workspace):
    owner.post(reverse("settings"), {"name": "New Ltd", "time_zone": "Europe/Berlin", "language": "de"})

    workspace.refresh_from_db()
    assert (workspace.name, workspace.time_zone, workspace.language) == ("New Ltd", "Europe/Berlin", "de")


@pytest.mark.parametrize("typed", [{"time_zone": "Mars/Base"}, {"language": "fr"}, {"name": ""}])
def test_what_no_workspace_can_have_is_refused_at_its_field(owner, workspace, typed):
    response = owner.post(reverse("settings"), {"name": "New", "time_zone": "UTC", "language": "en"} | typed)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == list(typed)
    workspace.refresh_from_db()
    assert workspace.name == "Example Ltd"


# --- Members ------------------------------------------------------------------------------------------


def test_somebody_new_becomes_a_member_and_is_mailed_a_link_to_choose_a_password(
    owner, workspace, mailoutbox
):
    owner.post(reverse("member-add"), {"email": "New@Example.com", "role": "operator"})

    member = Member.objects.get(workspace=workspace, user__email="new@example.com")
    assert member.role == "operator"
    assert not member.user.has_usable_password()
    assert mailoutbox[0].to == ["new@example.com"]
    assert "/accounts/password/reset/key/" in mailoutbox[0].body


def test_the_mailed_link_lets_the_new_member_choose_a_password_and_sign_in(owner, client, mailoutbox):
    owner.post(reverse("member-add"), {"email": "new@example.com", "role": "viewer"})
    link = next(word for word in mailoutbox[0].body.split() if "/reset/key/" in word)
    client.logout()

    form_url = client.get(link.removeprefix("http://testserver"), follow=True).redirect_chain[-1][0]
    client.post(form_url, {"password1": "correct horse 9 staple", "password2": "correct horse 9 staple"})

    assert User.objects.get(email="new@example.com").check_password("correct horse 9 staple")


def test_the_mailed_link_leads_to_the_public_address_whatever_host_was_asked(
    client, me, mailoutbox, settings
):
    settings.BASE_URL, settings.ALLOWED_HOSTS = "https://sms.example.com", ["*"]

    client.post(
        reverse("account_reset_password"), {"email": me.user.email}, headers={"Host": "evil.test:666"}
    )

    assert "https://sms.example.com/accounts/password/reset/key/" in mailoutbox[0].body
    assert "evil.test" not in mailoutbox[0].body


@pytest.mark.parametrize("do", ["action_add", "action_primary"])
def test_nobody_takes_an_address_that_an_owner_may_add_next(owner, me, do):
    response = owner.post("/accounts/email/", {do: "", "email": "next@example.com"})

    assert response.status_code == 404
    me.user.refresh_from_db()
    assert me.user.email == "me@example.com"


def test_somebody_with_an_account_becomes_a_member_without_a_mail(owner, workspace, mailoutbox):
    known = make_user("known@example.com")

    owner.post(reverse("member-add"), {"email": "Known@example.com", "role": "editor"})

    assert Member.objects.get(workspace=workspace, user=known).role == "editor"
    assert mailoutbox == []


def test_without_a_mail_server_the_owner_is_told_where_the_link_is(owner, settings, capsys):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

    page = text(
        owner.post(reverse("member-add"), {"email": "new@example.com", "role": "viewer"}, follow=True)
    )

    assert "the link to choose a password is in the terminal" in page
    assert "/accounts/password/reset/key/" in capsys.readouterr().out


def test_a_mail_that_cannot_be_sent_is_said_and_the_member_stays(owner, monkeypatch):
    def broken(*_args, **_options):
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr("django.core.mail.message.EmailMessage.send", broken)

    page = text(
        owner.post(reverse("member-add"), {"email": "new@example.com", "role": "viewer"}, follow=True)
    )

    assert "no mail could be sent" in page
    assert Member.objects.filter(user__email="new@example.com").exists()


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"email": "me@example.com", "role": "viewer"}, "email"),
        ({"email": "nobody", "role": "viewer"}, "email"),
        ({"email": "new@example.com", "role": "king"}, "role"),
    ],
)
def test_who_cannot_be_added_is_said_at_the_field(owner, typed, field):
    response = owner.post(reverse("member-add"), typed)

    assert response.status_code == 422
    assert list(response.context["member_form"].errors) == [field]


def test_an_owner_changes_roles_and_removes_members(owner, workspace):
    other = make_member(workspace, "viewer")

    owner.post(reverse("member", args=[other.pk]), {"role": "editor"})
    other.refresh_from_db()
    assert other.role == "editor"

    owner.post(reverse("member-remove", args=[other.pk]))
    assert not Member.objects.filter(pk=other.pk).exists()
    assert User.objects.filter(pk=other.user_id).exists()


def test_the_last_owner_can_be_neither_removed_nor_demoted(owner, me):
    for response in (
        owner.post(reverse("member", args=[me.pk]), {"role": "viewer"}, follow=True),
        owner.post(reverse("member-remove", args=[me.pk]), follow=True),
    ):
        assert "is the last owner" in text(response)
    me.refresh_from_db()
    assert me.role == "owner"


def test_one_of_two_owners_can_be_demoted(owner, me, workspace):
    make_member(workspace, "owner")

    owner.post(reverse("member", args=[me.pk]), {"role": "viewer"})

    me.refresh_from_db()
    assert me.role == "viewer"


def test_an_unknown_role_changes_nothing(owner, me):
    assert "There is no such role" in text(
        owner.post(reverse("member", args=[me.pk]), {"role": "king"}, follow=True)
    )


# --- Who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["editor", "operator", "viewer"])
def test_only_owners_change_settings_and_members(client, workspace, me, role):
    client.force_login(make_member(workspace, role).user)

    page = text(client.get(reverse("settings")))
    assert "Only owners change settings and members." in page
    assert "Add the member" not in page
    assert client.post(reverse("settings"), {"name": "Mine"}).status_code == 403
    assert client.post(reverse("member-add"), {"email": "a@example.com", "role": "owner"}).status_code == 403
    assert client.post(reverse("member", args=[me.pk]), {"role": "viewer"}).status_code == 403
    assert client.post(reverse("member-remove", args=[me.pk])).status_code == 403


def test_another_workspaces_members_do_not_exist(owner):
    foreign = make_member(make_workspace(), "viewer", make_user("spy@example.com"))

    assert owner.post(reverse("member", args=[foreign.pk]), {"role": "owner"}).status_code == 404
    assert owner.post(reverse("member-remove", args=[foreign.pk])).status_code == 404
    assert "spy@example.com" not in text(owner.get(reverse("settings")))


# --- Profile and workspaces ---------------------------------------------------------------------------


def test_everybody_sets_their_own_name_and_zone(client, workspace):
    user = make_member(workspace, "viewer").user
    client.force_login(user)

    client.post(reverse("profile"), {"name": "Vi", "time_zone": "Asia/Tokyo"})

    user.refresh_from_db()
    assert (user.name, user.time_zone) == ("Vi", "Asia/Tokyo")
    assert client.post(reverse("profile"), {"name": "Vi", "time_zone": "Mars"}).status_code == 422


def test_switching_goes_to_ones_own_workspaces_only(owner, me):
    second = make_member(make_workspace("Second Ltd"), "viewer", me.user)
    foreign = make_member(make_workspace(), "owner").workspace
    url = reverse("switch-workspace")

    owner.post(url, {"workspace": second.workspace_id})
    assert owner.get(reverse("settings")).context["workspace"] == second.workspace

    for given in (foreign.pk, "x", ""):
        assert owner.post(url, {"workspace": given}).status_code == 404
    assert owner.get(reverse("settings")).context["workspace"] == second.workspace


def test_somebody_without_a_workspace_is_told_so_and_keeps_a_profile(client):
    client.force_login(make_user())

    for page in ("settings", "connections", "actions", "directory", "overview"):
        response = client.get(reverse(page))
        assert response.status_code == 403
        assert "You are not a member of any workspace" in text(response)
        assert f'href="{reverse("profile")}"' in text(response)
    profile = client.get(reverse("profile"))
    assert profile.status_code == 200
    assert f'class="menu-item" href="{reverse("profile")}"' in text(profile)


@pytest.mark.parametrize(
    "page", ["settings", "profile", "connections", "actions", "directory", "directory-users"]
)
def test_strangers_are_sent_to_sign_in(client, page):
    assert client.get(reverse(page)).url.startswith(reverse("account_login"))


def test_a_form_sent_after_signing_out_says_that_it_was_not_saved(client, workspace):
    page = text(client.post(reverse("settings"), {"name": "Typed for long"}, follow=True))

    assert "You were signed out, so nothing was saved." in page
    assert "You were signed out" not in text(client.get(reverse("settings"), follow=True))


def test_whoever_signs_in_after_a_lost_form_comes_to_the_page_it_stood_on(client, workspace):
    sent = client.post(
        reverse("connection-test", args=[1]), headers={"Referer": "http://testserver/connections/?a=1"}
    )
    unsaid = client.post(reverse("connection-test", args=[1]))
    foreign = client.post(reverse("connection-test", args=[1]), headers={"Referer": "https://evil.example/x"})

    sign_in = f"{reverse('account_login')}?next="
    assert sent.url == f"{sign_in}/connections/%3Fa%3D1"
    assert unsaid.url == foreign.url == f"{sign_in}/"


def test_an_address_that_takes_nothing_but_forms_says_so(owner):
    page = owner.get(reverse("connection-test", args=[1]))

    assert (page.status_code, page["Allow"]) == (405, "POST")
    assert "Nothing was done" in text(page)


def test_the_members_cost_the_same_for_any_number(owner, workspace, django_assert_max_num_queries):
    for _ in range(10):
        make_member(workspace, "viewer")

    with django_assert_max_num_queries(9):
        owner.get(reverse("settings"))
