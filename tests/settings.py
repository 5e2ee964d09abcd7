"""The product's settings, shut off from the developer's own environment and data."""

import atexit
import os
import shutil
import tempfile


def _data_folder() -> str:
    """One temporary folder for the run; processes that the tests start inherit it."""
    if "TEST_DATA_DIR" not in os.environ:
        os.environ["TEST_DATA_DIR"] = tempfile.mkdtemp(prefix="smsadmin-tests-")
        os.mkdir(f"{os.environ['TEST_DATA_DIR']}/static")  # WhiteNoise warns where there is none
        atexit.register(shutil.rmtree, os.environ["TEST_DATA_DIR"], ignore_errors=True)
    return os.environ["TEST_DATA_DIR"]


NOBODY = "http://127.0.0.1:9"  # the discard port: nothing answers, so a forgotten fake shows at once

os.environ.update(
    DATA_DIR=_data_folder(),
    DEBUG="false",
    SANDBOX="true",
    SECRET_KEY="for-tests-only-" + "x" * 40,
    FIELD_ENCRYPTION_KEYS="ZmFrZS1rZXktZm9yLXRlc3RzLTAxMjM0NTY3ODkwMTI=",
    ALLOWED_HOSTS="testserver,127.0.0.1,localhost",
    BASE_URL="http://testserver",
    AIRCALL_BASE_URL=f"{NOBODY}/aircall",
    HUBSPOT_BASE_URL=f"{NOBODY}/hubspot",
    SYNTHFLOW_BASE_URL=f"{NOBODY}/synthflow",
    HUBSPOT_CLIENT_SECRET="sandbox-client-secret",
    # The manifest storage of production would ask for collectstatic, and a live server has no hashed names.
    STATIC_STORAGE="django.contrib.staticfiles.storage.StaticFilesStorage",
)
if "TEST_SERVICES" not in os.environ:  # else tests/services.py has set both to servers of its own
    os.environ.update(DATABASE_URL=f"sqlite:///{os.environ['DATA_DIR']}/db.sqlite3", BROKER_URL="")

from smsadmin.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DISPATCH_LINGER = 0.02  # a drain in a test need not wait for more to come
