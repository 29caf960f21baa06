"""The sections of the configuration, each with its keys, their defaults and what they mean."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chains.backends.addresses import checked_base_url
from chains.parsing.wire import LARGEST_DOCUMENT_BYTES

__all__ = [
    "BackendFootprint",
    "BatchSettings",
    "CacheSettings",
    "DatabaseSettings",
    "DocumentSettings",
    "FootprintSettings",
    "IdempotencySettings",
    "JobSettings",
    "KeySettings",
    "LimitSettings",
    "LoggingSettings",
    "Price",
    "PromptSettings",
    "ServerSettings",
    "StreamSettings",
    "TelemetrySettings",
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """How the service listens, and what it takes."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; other than loopback it needs an API key.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Worker processes; they share one embedded model.")
    max_body_bytes: int = Field(
        default=16 << 20, ge=1024, description="The largest request body; one with a document has 4/3 of its bytes."
    )
    max_header_bytes: int = Field(default=32_768, ge=1024, description="The largest request line with its headers.")
    max_connections: int = Field(
        default=1000, ge=8, le=100_000, description="Connections that are kept open, in each worker."
    )
    max_inflight_body_bytes: int = Field(
        default=256 << 20, ge=1024, description="Request bodies that are held at once, in each worker."
    )
    header_timeout_s: float = Field(default=10, gt=0, description="Time for a caller to send the headers of a request.")
    body_timeout_s: float = Field(default=30, gt=0, description="Time for a caller to send a whole request body.")
    body_bytes_per_s: int = Field(
        default=65_536,
        ge=1,
        description="What a slow line must carry: every so many bytes of a body give a second more.",
    )
    write_timeout_s: float = Field(default=30, gt=0, description="How long a caller may take nothing of its response.")
    keep_alive_s: float = Field(default=75, gt=0, description="How long an idle connection is kept.")
    shutdown_grace_s: int = Field(default=30, ge=0, description="Time for requests in flight when the service stops.")
    reuse_port: bool = Field(
        default=False,
        description="Whether a second service with this setting may share the port, for a while.",
    )


class PromptSettings(_Section):
    dir: Path | None = Field(default=None, description="The prompt folder: else ./prompts, else the built-in one.")
    allow_drafts: bool = Field(default=False, description="Whether a request may name a version that isn't released.")
    reload: bool = Field(default=True, description="Whether edits of the prompt folder are served without a restart.")


class CacheSettings(_Section):
    """Answers that are kept to serve identical requests of the same caller; in memory, in each worker."""

    tasks: tuple[str, ...] = Field(default=(), description="The tasks whose answers are kept.")
    max_bytes: int = Field(default=64 << 20, ge=0, description="Memory for kept answers, of each backend and worker.")
    ttl_s: float = Field(default=86_400, gt=0, description="How long an answer is kept.")


class DocumentSettings(_Section):
    """Documents that come instead of a text. What one may cost; and how many are read at once, in each worker."""

    max_bytes: int = Field(default=10 << 20, ge=1024, le=LARGEST_DOCUMENT_BYTES, description="The largest document.")
    max_pages: int = Field(default=1000, ge=1, le=100_000, description="The most pages of a PDF.")
    max_characters: int = Field(default=5_000_000, ge=1, le=50_000_000, description="The longest text of a document.")
    timeout_s: float = Field(default=60, gt=0, le=600, description="The longest time for reading one PDF or HTML.")
    memory_mib: int = Field(default=512, ge=128, le=65536, description="The most memory for reading one.")
    parallel: int = Field(default=2, ge=1, le=64, description="PDF and HTML documents that are read at once.")
    max_queue: int = Field(default=32, ge=0, description="Documents that wait for that; more are refused.")
    queue_timeout_s: float = Field(default=60, gt=0, description="The longest wait in that queue.")


class DatabaseSettings(_Section):
    """Where keys, usage, jobs and idempotent replies are kept."""

    url: str = Field(
        default="sqlite:///.copydesk/copydesk.db",
        description="sqlite:///FILE or postgresql://USER@HOST:PORT/NAME, without a password.",
    )
    password_env: str | None = Field(default=None, description="Environment variable that holds the password.")
    password_file: Path | None = Field(default=None, description="File that holds the password.")


class KeySettings(_Section):
    """Who may call."""

    first_key_file: Path | None = Field(
        default=None, description="File with a whole key that has every scope: it is there from the start."
    )
    refresh_s: float = Field(default=2, gt=0, le=60, description="How soon a worker hears of new and revoked keys.")


class LimitSettings(_Section):
    """Where requests and tokens per minute are counted."""

    redis_url: str | None = Field(
        default=None, description="redis://HOST:PORT/DB: limits that all workers of all hosts share."
    )
    redis_password_env: str | None = Field(default=None, description="Environment variable with Redis' password.")
    redis_password_file: Path | None = Field(default=None, description="File with Redis' password.")


class BatchSettings(_Section):
    """Many items in one request."""

    max_items: int = Field(default=100, ge=1, le=1000, description="The most items of one batch.")
    parallel: int = Field(default=8, ge=1, le=256, description="Items of one batch that run at once.")
    max_response_bytes: int = Field(default=64 << 20, ge=1024, description="The largest response to a batch.")


class StreamSettings(_Section):
    heartbeat_s: float = Field(default=10, gt=0, description="The longest silence of a stream: then a comment is sent.")
    write_timeout_s: float = Field(
        default=30, gt=0, description="How long a caller may take no data before its stream is ended."
    )


class IdempotencySettings(_Section):
    """Replies that are kept for requests with an Idempotency-Key."""

    window_s: float = Field(default=86_400, gt=0, description="How long a reply is kept.")
    max_reply_bytes: int = Field(default=4 << 20, ge=1024, description="The largest reply that is kept.")
    lease_s: float = Field(
        default=30, ge=1, le=3600, description="After so long in silence of the worker that serves a key, another may."
    )


class JobSettings(_Section):
    """Work that nobody waits for."""

    max_items: int = Field(default=10_000, ge=1, le=100_000, description="The most items of one job.")
    max_body_bytes: int = Field(default=64 << 20, ge=1024, description="The largest body of a job's submission.")
    parallel: int = Field(default=4, ge=1, le=256, description="Items that run at once, in each worker.")
    max_attempts: int = Field(default=5, ge=1, le=20, description="Tries of an item whose errors are retryable.")
    retention_s: float = Field(default=86_400, gt=0, description="How long a job is kept after its end.")
    lease_s: float = Field(default=15, gt=1, description="After so long in silence a worker counts as dead.")


MOST_USD = 100_000
"""More than a million tokens cost anywhere."""


class Price(_Section):
    """What a backend's tokens cost, in US dollars per million."""

    input_usd: float = Field(default=0, ge=0, le=MOST_USD)
    cached_input_usd: float | None = Field(default=None, ge=0, le=MOST_USD, description="As input_usd if absent.")
    output_usd: float = Field(default=0, ge=0, le=MOST_USD)


class BackendFootprint(_Section):
    """What is known better of one backend."""

    watts: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        description="Power of the host, or of the GPUs, while all slots of the backend work: measured. Energy is then "
        "estimated by the time in the slots, and not by tokens.",
    )
    parameters_b: float | None = Field(default=None, gt=0, le=100_000, description="As parameters_b of the section.")
    pue: float | None = Field(default=None, ge=1, le=10, description="As pue of the section.")
    site_water_l_per_kwh: float | None = Field(default=None, ge=0, le=100, description="As that of the section.")
    grid_water_l_per_kwh: float | None = Field(default=None, ge=0, le=100, description="As that of the section.")


class FootprintSettings(_Section):
    """From what a request's energy and water are estimated; docs/footprint.md has the formula and its sources."""

    parameters_b: float = Field(
        default=8, gt=0, le=100_000, description="Billions of parameters that a token passes, of each backend's model."
    )
    pue: float = Field(
        default=1.2, ge=1, le=10, description="Energy of the whole building for each unit that its computers take."
    )
    site_water_l_per_kwh: float = Field(
        default=0.5, ge=0, le=100, description="Water that cooling evaporates, for each kWh of the computers."
    )
    grid_water_l_per_kwh: float = Field(
        default=3.1, ge=0, le=100, description="Water that making the electricity takes, for each kWh of it."
    )
    backends: dict[str, BackendFootprint] = Field(default={}, description="What is known better of single backends.")


class LoggingSettings(_Section):
    format: Annotated[str, Field(pattern="^(auto|text|json)$")] = Field(
        default="auto", description="text, json, or auto: text on a terminal, else json."
    )
    texts: bool = Field(default=False, description="Whether texts of callers and answers are logged. For debugging.")


def _collector(address: str) -> str:
    if "@" in urlsplit(address).netloc:
        raise ValueError("must hold no user and no password; set OTEL_EXPORTER_OTLP_HEADERS in the environment")
    return checked_base_url(address)


class TelemetrySettings(_Section):
    """Traces for OpenTelemetry; needs the extra `telemetry`."""

    otlp_endpoint: Annotated[str, AfterValidator(_collector)] | None = Field(
        default=None, description="Where traces are sent by OTLP over HTTP: http://HOST:4318."
    )
    sample_ratio: float = Field(default=1, ge=0, le=1, description="The share of requests that are traced.")
