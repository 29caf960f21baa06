"""The client that Java teams generate (docs/java.md): no warning of the generator or of the compiler, and it works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.openapi.nodes import committed, operations
from tests.conftest import ROOT, Service, program

pytestmark = pytest.mark.e2e

OPTIONS = {
    "library": "native",
    "openApiNullable": "false",
    "useJakartaEe": "true",
    "enumUnknownDefaultCase": "true",
    "generateBuilders": "true",
    "hideGenerationTimestamp": "true",
    "invokerPackage": "com.example.copydesk",
    "apiPackage": "com.example.copydesk.api",
    "modelPackage": "com.example.copydesk.model",
}
JDK = "openjdk-17-jdk-headless"


def run(*command: str, folder: Path, timeout_s: float = 240) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the generated project, and what the generator said."""
    program("java", JDK)
    folder = tmp_path_factory.mktemp("client")
    options = ",".join(f"{name}={value}" for name, value in OPTIONS.items())
    generator = str(Path(sys.executable).with_name("openapi-generator-cli"))
    command = [generator, "generate", "-g", "java", "-i", str(ROOT / "openapi.json"), "-o", str(folder)]
    properties = "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"
    said = run(*command, "--additional-properties", options, "--global-property", properties, folder=folder)
    return folder, said


@pytest.fixture(scope="module")
def libraries(generated: tuple[Path, str]) -> str:
    """A class path with what the generated project wants, from Maven's own store, else from Maven Central."""
    folder, _ = generated
    maven = program("mvn", "maven")
    goal = ["dependency:copy-dependencies", "-DincludeScope=compile", f"-DoutputDirectory={folder / 'lib'}"]
    for offline in (["-o"], []):
        done = subprocess.run(
            [maven, "-q", "-B", *offline, *goal], cwd=folder, capture_output=True, text=True, timeout=240, check=False
        )
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stdout
    return f"{folder / 'lib'}/*"


@pytest.fixture(scope="module")
def compiled(generated: tuple[Path, str], libraries: str) -> tuple[str, str]:
    """A class path with the compiled client and the round trip too, and what the compiler said."""
    folder, _ = generated
    sources = [str(path) for path in sorted((folder / "src" / "main").rglob("*.java"))]
    sources.append(str(Path(__file__).with_name("java") / "RoundTrip.java"))
    target = folder / "classes"
    flags = ["--release", "17", "-Xlint:all", "-cp", libraries, "-d", str(target)]
    return f"{target}:{libraries}", run(program("javac", JDK), *flags, *sources, folder=folder)


def test_the_generator_warns_of_nothing(generated: tuple[Path, str]) -> None:
    _, said = generated
    assert re.findall(r"^.*\b(?:WARN|ERROR)\b.*$", said, re.MULTILINE) == []


def test_the_compiler_warns_of_nothing_in_it(compiled: tuple[str, str]) -> None:
    """With all lints. Two calls of Jackson in the generator's own templates are deprecated there: these stand in every
    client that it writes, and no document changes that."""
    _, said = compiled
    warnings = [line for line in said.splitlines() if "warning:" in line]
    assert all("setSerializationInclusion" in line or "serializationInclusion" in line for line in warnings), said


def test_the_client_reaches_every_operation(
    compiled: tuple[str, str], scripted_service: Service, tmp_path: Path
) -> None:
    said = run(program("java", JDK), "-cp", compiled[0], "RoundTrip", scripted_service.url, folder=tmp_path)
    named = {operation["operationId"] for _, _, operation in operations(committed())}
    assert set(said.split()) == named | {"problems", "retries", "later"}
