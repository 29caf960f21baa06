"""`copydesk backends list`: what is configured."""

from typing import Any

from app.settings import Settings, load_settings
from chains.backends import BackendConfig
from cli.backends.options import BackendNames, chosen, is_started_here, model_words
from cli.options import ConfigFile
from cli.prompts.display import print_table, table
from cli.prompts.options import AsJson, print_json

__all__ = ["listing"]


def listing(names: BackendNames = None, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List the backends as they are configured. Nothing is asked and nothing started.

    Slots and queue are the whole instance's; its workers divide them. Time limits are seconds: to connect, for the
    first token, between two tokens, for the whole answer.

    Example: copydesk backends list
    """
    settings = load_settings(config)
    shown = [_configured(name, backend, settings) for name, backend in chosen(settings, names).items()]
    if as_json:
        print_json(shown)
        return
    columns = table("backend", "kind", "model", "address", "slots", "queue", "time limits", "retries", "routes")
    for one in shown:
        limits = " ".join(f"{seconds:g}" for seconds in one["timeouts_s"].values())
        rest = str(one["concurrency"]), str(one["max_queue"]), limits, str(one["retries"]), ", ".join(one["routes"])
        columns.add_row(one["name"], one["kind"], one["model"], one["address"] or "-", *rest)
    print_table(columns)


def _configured(name: str, config: BackendConfig, settings: Settings) -> dict[str, Any]:
    return {
        "name": name,
        "kind": config.kind,
        "model": model_words(config),
        "address": getattr(config, "base_url", None) or ("this machine" if is_started_here(config) else None),
        "concurrency": config.concurrency,
        "max_queue": config.max_queue,
        "queue_timeout_s": config.queue_timeout_s,
        "timeouts_s": {
            "connect": config.connect_timeout_s,
            "first_token": config.first_token_timeout_s,
            "idle": config.idle_timeout_s,
            "total": config.timeout_s,
        },
        "retries": config.retries,
        "routes": [route for route, backends in settings.route().items() if name in backends],
    }
