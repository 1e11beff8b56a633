"""How the tests of the offline model ask it."""

from domain.models.entities import DEFAULT_MODEL, ChatMessage, ChatRole, ModelRequest, ToolOffer
from integrations.models.offline.conversation import Reply
from integrations.models.offline.reply import reply

SYSTEM = "You are CodeAssistant, an engineer who writes and explains code."


def request(
    question: str,
    *,
    system: str = SYSTEM,
    before: tuple[ChatMessage, ...] = (),
    after: tuple[ChatMessage, ...] = (),
    tools: tuple[str, ...] = (),
    max_tokens: int = 1_000,
) -> ModelRequest:
    """A request whose last question is `question`."""
    messages = (ChatMessage(ChatRole.SYSTEM, system), *before, user(question), *after)
    offers = tuple(ToolOffer(name, f"The tool {name}.", {"type": "object"}) for name in tools)
    return ModelRequest(DEFAULT_MODEL, messages, temperature=0.2, max_tokens=max_tokens, tools=offers)


def ask(question: str, *before: ChatMessage, system: str = SYSTEM) -> str:
    """What the model says to `question` after the turns `before`."""
    return reply(request(question, system=system, before=before)).text


def ask_with_tools(question: str, *after: ChatMessage, tools: tuple[str, ...] = ("python", "chart")) -> Reply:
    """What the model says or does when it is offered tools, and `after` has happened since."""
    return reply(request(question, tools=tools, after=after))


def user(text: str) -> ChatMessage:
    """A turn of the user."""
    return ChatMessage(ChatRole.USER, text)


def assistant(text: str) -> ChatMessage:
    """A turn of the model."""
    return ChatMessage(ChatRole.ASSISTANT, text)
