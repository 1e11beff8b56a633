"""Trusted documents: operations whose text is known before anyone asks for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrustedDocument:
    """One document of a manifest; `id` is the SHA-256 of its text in UTF-8, as 64 hexadecimal digits."""

    id: str
    name: str
    body: str


class UnfitDocument(Exception):
    """A trusted document that could never be run here."""

    def __init__(self, name: str, reasons: str) -> None:
        self.name = name
        self.reasons = reasons
        super().__init__(f"The trusted document '{name}' does not fit: {reasons}")
