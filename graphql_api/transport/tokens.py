"""Counting a document's tokens without parsing it, which takes some microseconds for each of them."""

from __future__ import annotations

import re
from itertools import islice

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*+(?:""")?'  # block string; one that never ends is one token, too
    r'|"(?:[^"\\\n\r]|\\.)*+"?'
    r"|\#[^\n\r]*+"
    r"|[_A-Za-z]\w*+"
    r"|[-\d][\w.+-]*+"
    r"|\.\.\.|[!$&():=@\[\]{|}]"
)
"""Lexical tokens (GraphQL specification, section 2.1) and comments, in time linear in the text."""


def has_more_tokens(text: str, limit: int) -> bool:
    """Whether there are more; looks no further than it must."""
    return next(islice(_TOKEN.finditer(text), limit, None), None) is not None
