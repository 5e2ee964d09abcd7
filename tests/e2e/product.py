"""The whole product in processes of its own, as `make run` starts it, and what a caller and an admin see of it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from tests import template
from tests.e2e import executions
from tests.e2e.processes import bare_environment, program, run
from tests.services import free_port


@dataclass(frozen=True)
class Product:
    """One running copy; `caller` is HubSpot, `admin` a signed-in browser, `control` the sandbox's own door."""

    url: str
    folder: Path
    environment: dict[str, str]
    caller: httpx.Client
    admin: httpx.Client
    control: httpx.Client

    def execute(self, body: str, secret: str = executions.SECRET) -> httpx.Response:
        """POSTs an execution, signed."""
        url = f"{self.url}{executions.PATH}"
        return self.caller.post(url, content=body, headers=executions.headers(url, body, secret))

    def run(self, inputs: dict[str, str], callback_id: str = "", **properties: str | None) -> dict[str, str]:
        """The output fields that an execution is answered with."""
        response = self.execute(executions.execution(inputs, callback_id, **properties))
        assert response.status_code == 200, response.text
        return response.json()["outputFields"]  # type: ignore[no-any-return]

    def enrol(self, workflow: str, records: int) -> str:
        """`manage.py enrol` from another terminal."""
        command = ["manage.py", "enrol", "--workflow", workflow, "--records", str(records)]
        return run(command, self.environment)

    def row(self, message_id: str) -> dict[str, Any]:
        """The message as the database has it."""
        return self.query("SELECT * FROM sending_message WHERE id = ?", message_id.replace("-", ""))[0]

    def page(self, message_id: str) -> str:
        """The text of its message page."""
        answer = self.admin.get(f"/log/{message_id}/")
        assert answer.status_code == 200, answer.status_code
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))

    def received(self, recipient: str) -> list[dict[str, Any]]:
        """What the stand-ins accepted for a recipient."""
        return self.control.get("messages", params={"recipient": recipient}).json()  # type: ignore[no-any-return]

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """Every request that Aircall's stand-in saw."""
        asked = {"service": "aircall", "path": path}
        return self.control.get("requests", params=asked).json()  # type: ignore[no-any-return]

    @contextmanager
    def fault(self, **fault: Any) -> Iterator[None]:
        """A fault of Aircall while the block runs."""
        added = self.control.post("faults", json=fault).raise_for_status().json()
        try:
            yield
        finally:
            self.control.delete(f"faults/{added['id']}").raise_for_status()

    @contextmanager
    def limit(self, scope: str, window: str, unit: str, most: int) -> Iterator[None]:
        """Another limit while the block runs: limits are data."""
        which = "WHERE scope = ? AND window = ? AND unit = ?"
        old = self.query(f'SELECT "limit" FROM quotas_rule {which}', scope, window, unit)[0]["limit"]
        change = f'UPDATE quotas_rule SET "limit" = ? {which} RETURNING id'
        assert self.query(change, most, scope, window, unit)
        try:
            yield
        finally:
            self.query(change, old, scope, window, unit)

    def query(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of the product's own database, or what a change RETURNs."""
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as connection, connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, parameters).fetchall()]


@contextmanager
def running_product(folder: Path, **variables: str) -> Iterator[Product]:
    """`python -m smsadmin.supervisor` with a folder and ports of its own, ready to use; `variables` are settings."""
    port, sandbox_port = free_port(), free_port()
    usual = {
        "PORT": str(port),
        "SANDBOX_PORT": str(sandbox_port),
        "DATA_DIR": str(folder),
        "AIRCALL_REQUESTS_PER_MINUTE": "6000",
        "SANDBOX_AIRCALL_REQUESTS_PER_MINUTE": "0",
        "PROVIDER_READ_TIMEOUT": "1",
        "HUBSPOT_ANSWER_WAIT": "15",  # longer than any answer here takes on a busy machine
        "CONFIGURATION_TTL": "0",
    }
    environment = bare_environment(**(usual | variables))
    template.copy_to(folder / "db.sqlite3")
    url, control = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}/_control/"
    with (
        program(["-m", "smsadmin.supervisor"], environment, folder / "output.log") as supervisor,
        httpx.Client(timeout=30, trust_env=False) as caller,
        httpx.Client(base_url=url, timeout=30, trust_env=False, follow_redirects=True) as admin,
        httpx.Client(base_url=control, timeout=30, trust_env=False) as door,
    ):
        supervisor.wait_until_it_says(f"smsadmin is ready: {url}  sign in as admin@example.com / sandbox")
        sign_in(admin)
        yield Product(url, folder, environment, caller, admin, door)


def sign_in(admin: httpx.Client) -> None:
    """With the sample sign-in, through the form."""
    form = admin.get("/accounts/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
    assert token
    data = {"csrfmiddlewaretoken": token[1], "login": "admin@example.com", "password": "sandbox"}
    answer = admin.post("/accounts/login/", data=data, headers={"Referer": str(form.url)})
    assert answer.status_code == 200
    assert answer.url.path == "/", answer.text[:2000]
