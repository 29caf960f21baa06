"""schemathesis over the whole document: no response that breaks it, and no 5xx that the request didn't ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.openapi.nodes import committed, operations
from tests.e2e.fuzzing import KeyedService, fuzz, keyed_service

pytestmark = pytest.mark.e2e

OPERATIONS = sorted(operation["operationId"] for _, _, operation in operations(committed()))


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedService]:
    with keyed_service(tmp_path_factory.mktemp("fuzzed")) as service:
        yield service


def test_the_service_keeps_to_its_document(keyed: KeyedService, tmp_path: Path) -> None:
    found = fuzz(keyed, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "3", timeout_s=300)
    assert found.passed, found.report
    assert found.cases > len(OPERATIONS)


@pytest.mark.soak
def test_the_service_keeps_to_its_document_in_thousands_of_cases(keyed: KeyedService, tmp_path: Path) -> None:
    found = fuzz(keyed, tmp_path, "--phases", "examples,coverage,fuzzing", "--max-examples", "200", timeout_s=3000)
    assert found.passed, found.report
    assert found.cases > 5000
    assert [operation for operation in OPERATIONS if not found.succeeded(operation)] == []
    print(f"{found.cases} cases in {found.seconds} s: {found.seen}")
