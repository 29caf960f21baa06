"""How a provider's chat model is built: without retries of its own, with our time limits, and with every argument
checked."""

import logging
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import JsonValue, SecretStr, ValidationError

from chains.backends.configuration import Timeouts
from chains.backends.langchain_provider.providers import Provider, provider_of
from chains.errors import ConfigurationError

__all__ = ["Construction"]

_log = logging.getLogger("copydesk.backends.langchain")
_OURS = ("max_retries", "timeout")
_INSTALL = re.compile(r"pip install ([A-Za-z0-9_.-]+[A-Za-z0-9])")


@dataclass(frozen=True)
class Construction:
    """What a chat model is made of. Calling it makes one, and asks no server."""

    backend: str
    provider_name: str
    model: str
    base_url: str | None
    key: SecretStr | None
    options: Mapping[str, JsonValue]
    timeouts: Timeouts = field(repr=False)

    @property
    def provider(self) -> Provider:
        return provider_of(self.provider_name)

    @property
    def server(self) -> str:
        """The package through which the provider is reached, with its version."""
        package = self.provider.package
        try:
            return f"{self.provider_name} through {package} {version(package)}" if package else self.provider_name
        except PackageNotFoundError:
            return self.provider_name

    def __call__(self) -> BaseChatModel:
        """Raises ConfigurationError where the package is absent, or refuses an argument or doesn't know it."""
        arguments = self._arguments()
        try:
            model = self._build(arguments)
        except ValidationError as error:
            unknown = {str(item["loc"][0]) for item in error.errors() if item["type"] == "extra_forbidden"}
            ours = unknown & set(_OURS)
            if not ours:
                raise self._wrong(*_places(error)) from None
            _log.warning("backend %s: its package takes no %s of ours", self.backend, " and no ".join(sorted(ours)))
            try:
                model = self._build({name: value for name, value in arguments.items() if name not in ours})
            except ValidationError as again:
                raise self._wrong(*_places(again)) from None
        self._check_options(model)
        return model

    def _arguments(self) -> dict[str, Any]:
        provider, limits = self.provider, self.timeouts
        total = math.ceil(limits.total_s) if provider.whole_seconds else limits.total_s
        arguments: dict[str, Any] = {"max_retries": 0, "timeout": total, **provider.constants, **self.options}
        key = self.key
        if self.base_url is not None:
            arguments["base_url"] = self.base_url
            # Without one, packages send the key of their own variable to whatever server this is.
            key = key or SecretStr("none")
        if key is not None:
            arguments["api_key"] = key
        return arguments

    def _build(self, arguments: Mapping[str, Any]) -> BaseChatModel:
        from langchain.chat_models import init_chat_model

        arguments = {**arguments, **(self._for_openai() if self.provider.is_openai else {})}
        try:
            with warnings.catch_warnings():
                # It warns of an argument that it doesn't know, and hands it on; _check_options refuses it.
                warnings.filterwarnings("ignore", "WARNING! .* is not default parameter", UserWarning)
                model = init_chat_model(self.model, model_provider=self.provider_name, **arguments)
        except ValidationError:
            raise
        except ImportError as error:
            raise self._absent(error) from error
        except Exception as error:
            if "Unsupported provider" in str(error):
                raise self._wrong(f"model: LangChain knows no provider {self.provider_name!r}") from error
            raise self._wrong(f"the provider's package refuses it: {error}") from error
        assert isinstance(model, BaseChatModel)
        return model

    def _for_openai(self) -> dict[str, Any]:
        """A client of our own: the package shares one among all models of an address, so that none may close it."""
        try:
            from openai import DefaultAsyncHttpxClient, Timeout
        except ImportError as error:
            raise self._absent(error) from error
        timeout = Timeout(self.timeouts.total_s, connect=self.timeouts.connect_s)
        # llama-server closes a connection after a streamed answer, and whoever uses it again in that moment fails. To
        # open another one costs little where there is no TLS.
        headers = {"connection": "close"} if (self.base_url or "").startswith("http://") else {}
        # Who answers at base_url may not send the prompt, or the key, on to somebody else.
        client = DefaultAsyncHttpxClient(headers=headers, follow_redirects=False)
        return {"timeout": timeout, "http_async_client": client}

    def _check_options(self, model: BaseChatModel) -> None:
        fields = type(model).model_fields
        known = {*fields, *(str(item.alias) for item in fields.values() if item.alias)}
        unknown = [name for name in self.options if name not in known]
        if unknown:
            raise self._wrong(
                *(f"options.{name}: {type(model).__name__} has no such argument; see its package" for name in unknown)
            )

    def _absent(self, error: ImportError) -> ConfigurationError:
        named = _INSTALL.search(str(error))
        package = self.provider.package or (named[1] if named else f"langchain-{self.provider_name.replace('_', '-')}")
        return self._wrong(f"model: the provider {self.provider_name} needs a package: pip install {package}")

    def _wrong(self, *problems: str) -> ConfigurationError:
        return ConfigurationError(*(f"backends.{self.backend}: {problem}" for problem in problems))


def _places(error: ValidationError) -> list[str]:
    """What is wrong where, without the values: they may be secret."""
    found = error.errors(include_input=False, include_context=False)
    return [f"{'.'.join(map(str, item['loc'])) or 'options'}: {item['msg']}" for item in found]
