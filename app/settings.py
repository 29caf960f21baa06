"""The configuration: `copydesk.yaml` < environment (`COPYDESK_...`) < flags.

A wrong configuration is refused with every problem listed at once, each with the file or variable and the key.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from app.sections import (
    BatchSettings,
    CacheSettings,
    DatabaseSettings,
    DocumentSettings,
    FootprintSettings,
    IdempotencySettings,
    JobSettings,
    KeySettings,
    LimitSettings,
    LoggingSettings,
    Price,
    PromptSettings,
    ServerSettings,
    StreamSettings,
    TelemetrySettings,
)
from chains.backends import KINDS, BackendConfig, configuration_class
from chains.errors import ConfigurationError
from chains.strict_yaml import YamlError, load_yaml

__all__ = [
    "PREFIX",
    "CacheSettings",
    "DocumentSettings",
    "PromptSettings",
    "ServerSettings",
    "Settings",
    "load_settings",
]

PREFIX = "COPYDESK_"
_NOT_SETTINGS = {"COPYDESK_CONFIG", "COPYDESK_DATA_DIR"}
_FILE = Path("copydesk.yaml")
_LARGEST_FILE = 1 << 20
_PLAIN_WORDS = {
    "extra_forbidden": "unknown key; copydesk.example.yaml lists them all",
    "missing": "this is required; copydesk.example.yaml shows it",
    "too_short": "name at least one",
}


def _backend(value: Any) -> Any:
    if isinstance(value, BackendConfig):
        return value
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in KINDS:
        raise PydanticCustomError(
            "backend_kind", "kind must be one of {kinds}, not {kind}", {"kinds": ", ".join(KINDS), "kind": repr(kind)}
        )
    return configuration_class(kind).model_validate(value)


Backend = Annotated[SerializeAsAny[BackendConfig], BeforeValidator(_backend)]


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    server: ServerSettings = ServerSettings()
    prompts: PromptSettings = PromptSettings()
    documents: DocumentSettings = DocumentSettings()
    backends: dict[str, Backend] = Field(
        default_factory=lambda: {"local": configuration_class("embedded")(kind="embedded")}, min_length=1
    )
    routes: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default={}, description="Backends of each task, in order; without `default` the first backend serves."
    )

    cache: CacheSettings = CacheSettings()
    database: DatabaseSettings = DatabaseSettings()
    keys: KeySettings = KeySettings()
    limits: LimitSettings = LimitSettings()
    batch: BatchSettings = BatchSettings()
    streams: StreamSettings = StreamSettings()
    idempotency: IdempotencySettings = IdempotencySettings()
    jobs: JobSettings = JobSettings()
    prices: dict[str, Price] = Field(default={}, description="What tokens cost, by backend.")
    footprint: FootprintSettings = FootprintSettings()
    logging: LoggingSettings = LoggingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`load_settings` reads and merges the sources itself, to know where each value came from."""
        return (init_settings,)

    def route(self) -> dict[str, tuple[str, ...]]:
        """The routes with the default filled in."""
        return {"default": (next(iter(self.backends)),), **self.routes}


def load_settings(config: Path | None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Merge the file, the environment and the flags (nested mappings), and validate the whole.

    The file is `config`, else the one that COPYDESK_CONFIG names, else ./copydesk.yaml where there is one.
    Raises ConfigurationError, which lists every problem.
    """
    named = os.environ.get("COPYDESK_CONFIG")
    path = config or (Path(named) if named else _FILE if _FILE.is_file() else None)
    from_file = _read_file(path) if path else {}
    problems = _unknown_variables()
    try:
        from_environment = EnvSettingsSource(Settings)()
    except ValueError as error:
        raise ConfigurationError(*problems, f"environment: {error}") from error
    sources = {"flag": dict(flags or {}), "environment": from_environment, str(path): from_file}
    merged: dict[str, Any] = {}
    for values in reversed(sources.values()):
        merged = _merge(merged, values)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise ConfigurationError(*problems, *(_describe(item, sources) for item in error.errors())) from None
    problems += _rules(settings)
    if problems:
        raise ConfigurationError(*problems)
    return settings


def _read_file(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ConfigurationError(f"{path}: the file is larger than {_LARGEST_FILE} bytes")
        loaded = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: the configuration file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: the configuration file is not UTF-8: {error.reason}") from error
    except YamlError as error:
        raise ConfigurationError(f"{path}:{error.line}:{error.column}: {error.message}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigurationError(
            f"{path}: the configuration must be a mapping with the keys {', '.join(Settings.model_fields)}"
        )
    return loaded


def _unknown_variables() -> list[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    sections = ", ".join(Settings.model_fields)
    return [
        f"environment: {name}: unknown; the sections are {sections} (as in COPYDESK_SERVER__PORT)"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in _NOT_SETTINGS and name.split("__")[0].upper() not in known
    ]


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _describe(item: ErrorDetails, sources: Mapping[str, Mapping[str, Any]]) -> str:
    place = [str(part) for part in item["loc"]]
    # What is missing stands in no source: what it is missing from does.
    sought = place[:-1] if item["type"] == "missing" else place
    origin = next((name for name, values in sources.items() if _holds(values, sought)), None)
    key = ".".join(place)
    if origin == "environment":
        key = PREFIX + "__".join(place).upper()
    message = _PLAIN_WORDS.get(item["type"], item["msg"].removeprefix("Value error, "))
    return f"{origin}: {key}: {message}" if origin else f"{key}: {message}"


def _holds(values: Any, place: list[str]) -> bool:
    """Whether a source has a value at the place, or at the deepest part of it that it can have."""
    for part in place:
        if not isinstance(values, Mapping) or part not in values:
            return not isinstance(values, Mapping)
        values = values[part]
    return True


def _rules(settings: Settings) -> list[str]:
    """What no single field can tell."""
    problems = [
        f"routes.{route}: {name!r} stands twice; name each backend once, in the order in which they are tried"
        for route, names in settings.routes.items()
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    problems += [
        f"{section}.{name}: there is no backend {name!r}; the backends are {', '.join(settings.backends)}"
        for section, names in (("prices", settings.prices), ("footprint.backends", settings.footprint.backends))
        for name in names
        if name not in settings.backends
    ]
    workers = settings.server.workers
    problems += _body_rules(settings)
    problems += [
        f"backends.{name}.concurrency: {backend.concurrency} slots can't be divided among {workers} workers "
        "(server.workers): give it at least one for each, or start fewer workers"
        for name, backend in settings.backends.items()
        if backend.concurrency < workers
    ]
    return problems


def _body_rules(settings: Settings) -> list[str]:
    held = settings.server.max_inflight_body_bytes
    bodies = {"server": settings.server.max_body_bytes, "jobs": settings.jobs.max_body_bytes}
    return [
        f"server.max_inflight_body_bytes: {held} is less than {section}.max_body_bytes, {largest}: "
        "raise the one, or lower the other"
        for section, largest in bodies.items()
        if largest > held
    ]


def is_loopback(host: str) -> bool:
    """Whether a host name or address, with or without brackets, means this machine only."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
