"""LangServe with LangChain's own model for OpenAI's protocol, in one uvicorn worker without access logs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.side_by_side.subjects.chat import SYSTEM, USER
from bench.side_by_side.subjects.environments import PythonEnvironment
from bench.side_by_side.subjects.started import Program, running
from bench.side_by_side.subjects.subject import TEXT, Backend, Request, Running

__all__ = ["LangServe"]

_PACKAGES = ["langserve[all]==0.3.3", "langchain-openai==1.7.4", "uvicorn[standard]==0.54.0"]

_APPLICATION = """\
from fastapi import FastAPI
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from langserve import add_routes

app = FastAPI()
prompt = ChatPromptTemplate.from_messages([("system", {system!r}), ("user", {user!r})])
for path, url in (("/whole", {whole!r}), ("/streamed", {streamed!r})):
    model = ChatOpenAI(model={model!r}, base_url=url, api_key="x", temperature=0, max_tokens=512)
    add_routes(app, prompt | model | StrOutputParser(), path=path)
"""


class LangServe:
    name = "langserve"
    kind = "python"

    def __init__(self) -> None:
        self._environment = PythonEnvironment("langserve", _PACKAGES)

    def installed(self) -> str | None:
        return self._environment.installed()

    def install(self) -> None:
        self._environment.install()

    @contextmanager
    def running(self, backend: Backend, folder: Path) -> Iterator[Running]:
        places = {"whole": backend.whole, "streamed": backend.streamed, "model": backend.model}
        (folder / "application.py").write_text(_APPLICATION.format(system=SYSTEM, user=USER, **places))
        command = [self._environment.program("uvicorn"), "application:app", "--workers", "1", "--no-access-log"]
        command += ["--log-level", "warning", "--port"]
        body = json.dumps({"input": {"text": TEXT}})
        ask, stream = Request("/whole/invoke", body), Request("/streamed/stream", body)
        program = Program(lambda port: [*command, str(port)], folder, {}, folder / "out.log")
        with running(program, ask, stream) as found:
            yield found
