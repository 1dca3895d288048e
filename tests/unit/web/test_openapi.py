"""The HTTP interface against its own description: schemathesis sends what nobody thought of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is of the extra dev")

from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

from allclient.contract import Subtype
from allclient.store import Actor, Store, cases, fields, users
from allclient.store.words import Role
from allclient.web.program import Program
from allclient.web.settings import Settings
from tests.unit.store.made import accepted, picture, with_cells

EXAMPLES = 8
"""Requests to each call."""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The description of a page with a case of one field, and the token of an admin."""
    store = Store(tmp_path_factory.mktemp("data"))
    page = Program(store, Settings(hosts=("*",)))
    hashed = PasswordHasher(time_cost=1, memory_cost=64).hash("a long password")
    with store.write() as session:
        user = users.add(session, Actor("test"), "Anna", hashed, Role.ADMIN)
        case_id = cases.make(session, Actor("test"), "Marrow").id
    field_id = accepted(store, case_id, picture()).id
    fields.record_answer(store, field_id, with_cells(Subtype.PRE_B))
    with store.write() as session:
        token = users.make_token(session, Actor("Anna", user.id), user.id, "schemathesis")
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", page.app)
    yield schema, {"Authorization": f"Bearer {token}"}
    store.close()


def test_every_call_answers_as_described(described: Any) -> None:
    schema, headers = described
    checks = [
        schemathesis.checks.not_a_server_error,
        status_code_conformance,
        response_schema_conformance,
    ]
    called = set()
    # A stream of events has no end; its own tests read it.
    for found in schema.exclude(path_regex="/events$").get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def call(case: Any) -> None:
            response = case.call(headers=headers)
            case.validate_response(response, checks=checks)

        call()
        called.add(operation.label)
    assert len(called) > 20
