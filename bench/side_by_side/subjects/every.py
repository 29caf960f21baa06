"""All that a run measures, in the order of its tables."""

from bench.side_by_side.subjects.copydesk import Copydesk
from bench.side_by_side.subjects.direct import Direct
from bench.side_by_side.subjects.langserve import LangServe
from bench.side_by_side.subjects.litellm import LiteLLM
from bench.side_by_side.subjects.mlflow import MLflow
from bench.side_by_side.subjects.portkey import Portkey
from bench.side_by_side.subjects.subject import Subject
from bench.side_by_side.subjects.tensorzero import TensorZero

__all__ = ["every_subject"]


def every_subject() -> list[Subject]:
    return [Direct(), Copydesk(), TensorZero(), MLflow(), Portkey(), LangServe(), LiteLLM()]
