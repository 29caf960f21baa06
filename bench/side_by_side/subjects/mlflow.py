"""MLflow's gateway, in one worker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.side_by_side.subjects.chat import completion
from bench.side_by_side.subjects.environments import PythonEnvironment
from bench.side_by_side.subjects.started import Program, running
from bench.side_by_side.subjects.subject import Backend, Running

__all__ = ["MLflow"]

_ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class MLflow:
    name = "mlflow"
    kind = "python"

    def __init__(self) -> None:
        self._environment = PythonEnvironment("mlflow", ["mlflow[genai]==3.17.2"])

    def installed(self) -> str | None:
        return self._environment.installed()

    def install(self) -> None:
        self._environment.install()

    @contextmanager
    def running(self, backend: Backend, folder: Path) -> Iterator[Running]:
        endpoints = [
            {
                "name": name,
                "endpoint_type": "llm/v1/chat",
                "model": {
                    "provider": "openai",
                    "name": backend.model,
                    "config": {"openai_api_key": "x", "openai_api_base": url},
                },
            }
            for name, url in (("whole", backend.whole), ("streamed", backend.streamed))
        ]
        configuration = folder / "mlflow.yaml"
        configuration.write_text(json.dumps({"endpoints": endpoints}))
        command = [self._environment.program("mlflow"), "gateway", "start", "--config-path", str(configuration)]
        command += ["--host", "127.0.0.1", "--workers", "1", "--port"]
        ask = completion("/gateway/whole/invocations", None, {})
        stream = completion("/gateway/streamed/invocations", None, {}, stream=True)
        # Its gateway starts a program of its environment by name.
        environment = {**_ENVIRONMENT, "PATH": self._environment.path()}
        program = Program(lambda port: [*command, str(port)], folder, environment, folder / "out.log")
        with running(program, ask, stream) as found:
            yield found
