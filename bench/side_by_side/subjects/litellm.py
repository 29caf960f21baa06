"""LiteLLM's proxy, without a key, a database and logs, in one worker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.side_by_side.subjects.chat import completion
from bench.side_by_side.subjects.environments import PythonEnvironment
from bench.side_by_side.subjects.started import Program, running
from bench.side_by_side.subjects.subject import Backend, Running

__all__ = ["LiteLLM"]

_ENVIRONMENT = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}


class LiteLLM:
    name = "litellm"
    kind = "python"

    def __init__(self) -> None:
        self._environment = PythonEnvironment("litellm", ["litellm[proxy]==1.100.5"])

    def installed(self) -> str | None:
        return self._environment.installed()

    def install(self) -> None:
        self._environment.install()

    @contextmanager
    def running(self, backend: Backend, folder: Path) -> Iterator[Running]:
        model = {"model": f"openai/{backend.model}", "api_key": "x"}
        models = [
            {"model_name": name, "litellm_params": {**model, "api_base": url}}
            for name, url in (("whole", backend.whole), ("streamed", backend.streamed))
        ]
        configuration = folder / "litellm.yaml"
        configuration.write_text(json.dumps({"model_list": models}))
        command = [self._environment.program("litellm"), "--config", str(configuration), "--host", "127.0.0.1"]
        command += ["--num_workers", "1", "--telemetry", "False", "--port"]
        path = "/v1/chat/completions"
        ask, stream = completion(path, "whole", {}), completion(path, "streamed", {}, stream=True)
        program = Program(lambda port: [*command, str(port)], folder, _ENVIRONMENT, folder / "out.log")
        with running(program, ask, stream) as found:
            yield found
