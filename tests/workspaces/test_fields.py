"""Secrets at rest: encrypted with the newest key, readable with all, shown nowhere."""

import logging

import pytest
from auditlog.models import LogEntry
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import ImproperlyConfigured
from django.db import connection as database

from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_workspace

TOKEN = "a-very-secret-token"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def saved(db, settings):
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    return make_connection(make_workspace(), secrets={"api_id": "id", "api_token": TOKEN})


def stored():
    with database.cursor() as cursor:
        cursor.execute("SELECT secrets FROM workspaces_connection")
        return cursor.fetchone()[0]


def read():
    return Connection.objects.get()


def test_the_database_never_holds_a_secret_in_plain(saved):
    assert TOKEN not in stored()
    assert "api_token" not in stored()
    assert read().secrets == {"api_id": "id", "api_token": TOKEN}


def test_the_same_secret_is_stored_differently_each_time(saved):
    first = stored()
    saved.save()
    assert stored() != first


def test_an_old_key_still_decrypts_and_the_new_one_takes_over_with_the_next_save(saved, settings):
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    read().save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert read().secrets["api_token"] == TOKEN


def test_without_its_key_a_secret_is_a_clear_error_that_names_the_setting(saved, settings):
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS"):
        read()


def test_a_tampered_secret_is_not_believed(saved):
    with database.cursor() as cursor:
        cursor.execute("UPDATE workspaces_connection SET secrets = %s", [stored()[:-4] + "AAAA"])
    with pytest.raises(ImproperlyConfigured):
        read()


def test_no_secrets_are_an_empty_dict(saved):
    Connection.objects.update(secrets={})
    assert read().secrets == {}


@pytest.mark.parametrize("show", [repr, str, lambda it: f"{it}", lambda it: f"{it!r}"])
def test_secrets_show_their_names_only(saved, show):
    shown = show(read().secrets)
    assert TOKEN not in shown
    assert "api_token" in shown
    assert TOKEN not in show(read())


def test_secrets_do_not_reach_a_log_line(saved, caplog):
    found = read()
    logging.getLogger("smsadmin").warning("connection %r with %s", found, found.secrets)
    assert TOKEN not in caplog.text


def test_a_dump_holds_the_encrypted_form(saved):
    assert TOKEN not in serializers.serialize("json", [read()])


def test_the_audit_log_tells_of_the_connection_but_not_its_secrets(saved):
    found = read()
    found.name, found.secrets = "Renamed", {"api_token": "another-secret"}
    found.save()
    told = str(list(LogEntry.objects.get_for_object(found).values()))
    assert "Renamed" in told
    for secret in (TOKEN, "another-secret", "api_token"):
        assert secret not in told


def test_a_dump_holds_no_secret_and_can_be_loaded(saved):
    dump = serializers.serialize("json", Connection.objects.all())
    assert TOKEN not in dump
    [loaded] = serializers.deserialize("json", dump)
    loaded.save()
    assert read().secrets == {"api_id": "id", "api_token": TOKEN}
