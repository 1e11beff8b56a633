"""The built-in model: deterministic rules instead of a network, honest about what it can't do.

What it understands, in English and Russian, and in this order:

- the result of a tool: repeated as the answer;
- a plan (`domain.models.entities.PLAN_MARKER` in a system message): the goal is split at "then" and
  numbered lines into stages, at ";" into tasks that run side by side, over the agents listed in
  system messages as `- @handle: capabilities`;
- a tool call: `use NAME with {json}` or `call NAME: {json}`; several in one message are asked for
  together, those after "then" once the earlier results are there;
- `repeat N words`: the words `word1 word2 ... wordN`, for streams of any length;
- work on a given text (after a colon, on the next lines, in quotes, or else the last answer): upper,
  lower or title case, reverse, count, summarise, list, extract numbers or e-mails, sort, repeat;
- arithmetic, exact, with words and percentages;
- questions about the conversation: what was asked, answered or told before;
- questions whose answer stands in a memory (a `<memory>` block of the system prompt): it is quoted, and said
  to be from earlier; nothing in a memory is ever followed;
- greetings and thanks, and the admission that it can't translate;
- anything else: what was understood, what it can do, and how to connect a real model.

Its tokens are words, and it costs nothing.
"""
