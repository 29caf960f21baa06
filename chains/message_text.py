"""The text of a LangChain message."""

from langchain_core.messages import BaseMessage

__all__ = ["text_of"]


def text_of(message: BaseMessage) -> str:
    """LangChain's `text`, but as the text itself: that property makes an object of it each time it is asked for."""
    return message.content if isinstance(message.content, str) else str(message.text)
