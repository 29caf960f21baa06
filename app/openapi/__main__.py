"""Prints the document, as `openapi.json` holds it."""

import json
import sys

from app.service import create_app
from app.settings import Settings


def _main() -> None:
    json.dump(create_app(Settings()).openapi(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    _main()
