"""Whether one prompt and its answer fit the context: before, and by the server's own counts after."""

from dataclasses import dataclass

from chains.backends.estimate import PromptSize, TokenEstimate
from chains.backends.ollama.wire import Overflow
from chains.errors import BackendRejected, ContextExceeded

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """One call's: its prompt, the `reserved` tokens of its answer, and the `context` for both, None where nobody
    says. `old` is the version of a server that cuts long prompts in silence, empty for others."""

    backend: str
    estimate: TokenEstimate
    prompt: PromptSize
    reserved: int
    context: int | None
    old: str = ""

    def check(self) -> None:
        """Raises ContextExceeded for what certainly doesn't fit; BackendRejected for what may not, where the server
        would cut it."""
        if self.context is None:
            return
        least = self.estimate.lower(self.prompt) + self.reserved
        if least > self.context:
            raise ContextExceeded(needed=least, limit=self.context, reserved=self.reserved)
        if self.old and self.estimate.upper(self.prompt) + self.reserved > self.context:
            message = f"Ollama {self.old} would cut a prompt that is too long in silence, and this one may be"
            raise BackendRejected(f"{message}: update it to 0.12.6 or newer", backend=self.backend)

    def refusal(self, found: Overflow) -> ContextExceeded | BackendRejected:
        """The error for the server's refusal, with both numbers: the server's where it said them."""
        limit = found.limit or self.context
        if limit is None:
            message = "the prompt is too long, and the server doesn't say for which context: set num_ctx"
            return BackendRejected(message, backend=self.backend, original=found)
        if found.tokens is not None:
            self.estimate.learn(self.prompt, found.tokens)
        tokens = max(self.estimate.estimate(self.prompt), limit) if found.tokens is None else found.tokens
        return ContextExceeded(needed=tokens + self.reserved, limit=limit, reserved=self.reserved)

    def settle(self, read: int, written: int, *, is_cut_off: bool) -> None:
        """Compare the counts of an answer that is done with what was sent, and learn from them.

        `is_cut_off` says that a limit ended the answer. Raises ContextExceeded where the prompt was cut before or
        during the answer, or where the context ended the answer before its own cap did.
        """
        context = self.context or read + written
        least = self.estimate.lower(self.prompt)
        if read < least and self.estimate.upper(self.prompt) > context:
            raise ContextExceeded(needed=max(least, context) + self.reserved, limit=context, reserved=self.reserved)
        # 0.12.6 counts one token more than fits where the context ends an answer.
        is_shifted = read + written > context + 1
        # Servers differ by a token in how they count an answer that reached its cap.
        is_short = is_cut_off and written < self.reserved - 1 and read + self.reserved > context
        if is_shifted or is_short:
            raise ContextExceeded(needed=read + self.reserved, limit=context, reserved=self.reserved)
        self.estimate.learn(self.prompt, read)
