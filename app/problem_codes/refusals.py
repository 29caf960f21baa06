"""What is wrong with a request, by status: 4xx."""

from app.problem_codes.code import ProblemCode

__all__ = ["REFUSALS"]

REFUSALS = (
    ProblemCode(
        "invalid_json",
        400,
        "The body is not JSON",
        "The request body could not be parsed as JSON in UTF-8, or an object in it has one key twice.",
        "Send one JSON object, encoded in UTF-8. `detail` says what could not be read.",
    ),
    ProblemCode(
        "idempotency_key_invalid",
        400,
        "The Idempotency-Key is no key",
        "The header `Idempotency-Key` is empty, too long, stands twice, or holds characters that it must not.",
        "Send 1 to 255 visible ASCII characters, such as a UUID, with or without double quotes around them.",
    ),
    ProblemCode(
        "bad_http_request",
        400,
        "The request is not HTTP",
        "The request could not be read as HTTP/1.1, or could be read in two ways; the connection was closed.",
        "Use an HTTP client as it is. `detail` says what could not be read. HTTPS and HTTP/2 are for a proxy.",
    ),
    ProblemCode(
        "key_invalid",
        401,
        "The API key is not valid",
        "There is no such API key. Only the holder of a key is told that it has expired, was revoked, or has a new "
        "secret.",
        "Compare the key with the one that `copydesk keys create` printed, or ask the operator for a new one.",
    ),
    ProblemCode(
        "key_missing",
        401,
        "An API key is needed",
        "The service has API keys, and the request came without one. Only /healthz and /readyz need none.",
        "Send `Authorization: Bearer cdk_...`. The operator creates keys with `copydesk keys create`.",
    ),
    ProblemCode(
        "host_not_allowed",
        403,
        "The Host header is not allowed",
        "A service without API keys answers only to loopback names, and only directly: the Host header named "
        "another host, or the request came through a proxy.",
        "Call the service as 127.0.0.1, localhost or [::1], without a proxy.",
    ),
    ProblemCode(
        "scope_missing",
        403,
        "The key may not do this",
        "The operation needs a scope that the caller's API key doesn't have; `detail` names it.",
        "Use another key, or ask the operator for one with the scope.",
    ),
    ProblemCode(
        "not_found",
        404,
        "There is nothing here",
        "No operation has this path.",
        "Compare the path with the operations in /openapi.json.",
    ),
    ProblemCode(
        "task_unknown",
        404,
        "There is no such task",
        "The path names a task that this service doesn't have.",
        "GET /v1/tasks lists the tasks.",
    ),
    ProblemCode(
        "prompt_unknown",
        404,
        "There is no such prompt",
        "The request names a prompt, a version or a label that this service doesn't have, or doesn't serve.",
        "Use one that `detail` lists, or name none.",
    ),
    ProblemCode(
        "backend_unknown",
        404,
        "There is no such backend",
        "The request names a backend that this service doesn't have.",
        "Use one that `detail` lists, or name none.",
    ),
    ProblemCode(
        "job_unknown",
        404,
        "There is no such job",
        "The caller's key has no job with this id: it was deleted, by its caller or at the end of "
        "`jobs.retention_s`, or it belongs to another key.",
        "GET /v1/jobs lists the jobs of a key.",
    ),
    ProblemCode(
        "method_not_allowed",
        405,
        "The method is not allowed here",
        "The path exists, but not for this method.",
        "Use a method of the `Allow` header.",
    ),
    ProblemCode(
        "body_timeout",
        408,
        "The body came too slowly",
        "The request body was not complete in time.",
        "Send the whole body at once.",
        retryable=True,
    ),
    ProblemCode(
        "headers_timeout",
        408,
        "The request's headers took too long",
        "The headers were not complete within the time that the service waits for them.",
        "Send the request again, over a faster connection.",
        retryable=True,
    ),
    ProblemCode(
        "idempotency_in_progress",
        409,
        "A request with this Idempotency-Key is being served",
        "Another request with the same `Idempotency-Key` has no reply yet, and this one was not begun.",
        "Send the request again after `Retry-After` seconds: it gets the other one's reply.",
        retryable=True,
    ),
    ProblemCode(
        "body_too_large",
        413,
        "The body is too large",
        "The request body has more bytes than `server.max_body_bytes` allows, or more than 50,000 JSON values.",
        "Send a smaller text or document, or send it in parts.",
    ),
    ProblemCode(
        "media_type_unsupported",
        415,
        "The media type is not supported",
        "The request body is not declared as JSON.",
        "Send `Content-Type: application/json`.",
    ),
    ProblemCode(
        "invalid_request",
        422,
        "The request is invalid",
        "The body is JSON, but not what the operation takes. `errors` lists every wrong place by JSON pointer.",
        "Correct the places that `errors` names.",
    ),
    ProblemCode(
        "idempotency_key_reused",
        422,
        "The Idempotency-Key belongs to another request",
        "The same `Idempotency-Key` was sent to the same operation before, with another body.",
        "Send a new key with each new request, and the same body with each retry.",
    ),
    ProblemCode(
        "response_too_large",
        422,
        "The batch's response would be too large",
        "The results of a batch together are larger than `batch.max_response_bytes` allows, so that this item's is "
        "left out. Texts of documents make them so, where `include_document_text` asks for these.",
        "Send the item in another batch, or without `include_document_text`.",
    ),
    ProblemCode(
        "context_exceeded",
        422,
        "The text is too long for the model",
        "Prompt and answer together need more tokens than the model takes; `detail` states both numbers. "
        "Nothing was cut.",
        "Send a shorter text.",
    ),
    ProblemCode(
        "schema_unsupported",
        422,
        "The JSON Schema is not supported",
        "A schema in the request (`output_schema`, `record_schema`) is too large, contradicts itself, or uses what "
        "isn't served. `errors` lists the places by JSON pointer, each with what to do there.",
        "Correct the places that `errors` names; `docs/schemas.md` lists what a schema may hold.",
    ),
    ProblemCode(
        "document_invalid",
        422,
        "The document cannot be read",
        "The document is not Base64, is broken, or has another media type or another character set than it says; "
        "`detail` tells which.",
        "Correct what `detail` names. docs/documents.md shows how a document is sent.",
    ),
    ProblemCode(
        "document_encrypted",
        422,
        "The document is encrypted",
        "The PDF opens only with a password, or is encrypted by a method that isn't read here.",
        "Send it without encryption.",
    ),
    ProblemCode(
        "document_without_text",
        422,
        "The document has no text",
        "No page has a text layer (it is scanned or drawn), or the document is empty.",
        "Send a scanned document after optical character recognition (OCR).",
    ),
    ProblemCode(
        "document_too_large",
        422,
        "The document is too large",
        "The document has more bytes, pages or characters of text than it may; `detail` states the limit.",
        "Send the document in parts.",
    ),
    ProblemCode(
        "document_too_costly",
        422,
        "Reading the document takes too much",
        "The document takes more time or memory than one may, unpacks to far more than it seems, or is nested too "
        "deeply. Its parser was stopped.",
        "Send the document in parts, or print it to a new PDF and send that.",
    ),
    ProblemCode(
        "budget_exhausted",
        429,
        "The month's budget is used up",
        "The key has a budget of tokens or money for each calendar month (UTC), and has used it.",
        "Wait for the next month (`Retry-After` has the seconds), or ask the operator for a larger budget.",
    ),
    ProblemCode(
        "concurrency_limited",
        429,
        "Too many requests of the key run at once",
        "As many requests of the key are running as may at once.",
        "Send the request again when one of them is through; `Retry-After` is a guess.",
        retryable=True,
    ),
    ProblemCode(
        "rate_limited",
        429,
        "Too many requests per minute",
        "The key has a limit of requests per minute, and has sent so many.",
        "Send the request again after `Retry-After` seconds. The `RateLimit-*` headers of every response tell what "
        "is left.",
        retryable=True,
    ),
    ProblemCode(
        "tokens_limited",
        429,
        "Too many tokens per minute",
        "The key has a limit of tokens per minute, and its requests of the last minute have used them up.",
        "Send the request again after `Retry-After` seconds.",
        retryable=True,
    ),
    ProblemCode(
        "headers_too_large",
        431,
        "The headers are too large",
        "The request line and its headers are larger than the service takes.",
        "Send fewer or shorter headers, or a shorter path. `detail` says what is allowed.",
    ),
)
