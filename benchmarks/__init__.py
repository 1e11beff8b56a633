"""Measures the real server from outside: a direct call, its memory and its start, beside a bare floor."""
