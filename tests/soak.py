"""How long the long tests are: a few seconds of each by default, `make soak` for all of them."""

import os

SOAK = bool(os.environ.get("TESTS_SOAK"))
