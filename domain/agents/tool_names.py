"""The names of the tools that an agent may be given (spec S5); what they do is not known here."""

from __future__ import annotations

SERVER_TOOLS = (
    "python",
    "code_executor",
    "python_exec",
    "chart",
    "data_visualizer",
    "text_formatter",
    "calculator",
    "web_search",
    "fetch_page",
    "search_memory",
    "ask_agent",
)
"""Run by CodeLab itself; `code_executor` and `python_exec` are `python`, `data_visualizer` is `chart`."""

BROWSER_TOOLS = ("camera", "file_reader", "location")
"""Done by the page, after the user's yes."""

WORKSPACE_TOOLS = ("read_file", "write_file", "list_directory", "execute_command")
"""Run on the user's own machine, inside the project's workspace."""

KNOWN_TOOLS = frozenset((*SERVER_TOOLS, *BROWSER_TOOLS, *WORKSPACE_TOOLS))
