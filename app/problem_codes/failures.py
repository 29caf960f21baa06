"""What went wrong in the service or behind it, by status: 5xx."""

from app.problem_codes.code import ProblemCode

__all__ = ["FAILURES"]

FAILURES = (
    ProblemCode(
        "internal",
        500,
        "Something went wrong inside the service",
        "An error that the service did not foresee. The log of the service holds its cause under the request id.",
        "Report it with the request id.",
    ),
    ProblemCode(
        "prompt_render_failed",
        500,
        "The prompt could not be rendered",
        "The prompt template failed on this input, or hit one of its limits.",
        "Report it with the request id: the prompt's author has to correct the template.",
    ),
    ProblemCode(
        "documents_unavailable",
        501,
        "The service reads no PDF and no HTML",
        "The packages that read PDF and HTML are not installed with the service.",
        "The operator has to install them: `pip install 'copydesk[documents]'`. Meanwhile send plain text.",
    ),
    ProblemCode(
        "backend_rejected",
        502,
        "The model server refused the request",
        "The model server understood the request and refused it.",
        "Report it with the request id: the operator has to correct the backend's configuration.",
    ),
    ProblemCode(
        "backend_protocol_error",
        502,
        "The model server answered nonsense",
        "The model server's answer was malformed or ended before it was complete.",
        "Send the request again.",
        retryable=True,
    ),
    ProblemCode(
        "recording_missing",
        502,
        "There is no recorded answer",
        "The backend answers from recordings (kind `replay`), and this request is none of those that were recorded.",
        "Name another backend. Such a backend is for evaluations: the operator should not route requests to it.",
    ),
    ProblemCode(
        "output_invalid",
        502,
        "The model's answer is unusable",
        "The model's answer broke the schema, also after it was asked to correct it.",
        "Send the request again; if that doesn't help, the model is too small for the task.",
        retryable=True,
    ),
    ProblemCode(
        "output_truncated",
        502,
        "The model's answer is incomplete",
        "The answer hit the cap on output tokens, and a part of it would be worse than none.",
        "Send the text in smaller parts.",
    ),
    ProblemCode(
        "backend_unavailable",
        503,
        "The model server is not available",
        "The model server could not be reached, or broke down while it answered.",
        "Send the request again after `Retry-After` seconds.",
        retryable=True,
    ),
    ProblemCode(
        "backend_busy",
        503,
        "The model server has no room",
        "The queue in front of the model server is full, the request's deadline would pass in it, or the model "
        "server itself refused for lack of room. Nothing was generated.",
        "Send the request again after `Retry-After` seconds.",
        retryable=True,
    ),
    ProblemCode(
        "documents_busy",
        503,
        "No parser of documents has room",
        "As many documents are being read as may be, and others wait; or the process that reads them broke down. "
        "Nothing was generated.",
        "Send the request again after `Retry-After` seconds.",
        retryable=True,
    ),
    ProblemCode(
        "shutting_down",
        503,
        "The service is being stopped",
        "The service had to end before the request was through.",
        "Send the request again after `Retry-After` seconds.",
        retryable=True,
    ),
    ProblemCode(
        "database_unavailable",
        503,
        "The service's database does not answer",
        "The request needs the service's database, which could not be reached or was locked. No model was asked.",
        "Send the request again after `Retry-After` seconds, with the `Idempotency-Key` that it had: a job may have "
        "been stored before the connection broke.",
        retryable=True,
    ),
    ProblemCode(
        "overloaded",
        503,
        "The service is full",
        "As many connections are open, or as many request bodies are held, as the service has room for.",
        "Send the request again after `Retry-After` seconds.",
        retryable=True,
    ),
    ProblemCode(
        "backend_timeout",
        504,
        "The model server was too slow",
        "The model server did not answer within the backend's timeout.",
        "Send the request again, with a shorter text if it happens again.",
        retryable=True,
    ),
    ProblemCode(
        "deadline_exceeded",
        504,
        "The deadline passed",
        "The answer was not ready within `deadline_ms`, and its generation was stopped.",
        "Send the request again with a larger `deadline_ms`, or a shorter text.",
        retryable=True,
    ),
)
