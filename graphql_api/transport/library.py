"""Where an operation's document comes from: its text, or the id of one that was known before."""

from __future__ import annotations

from collections.abc import Sequence

from graphql import GraphQLError

from graphql_api.transport.documents import Document, Documents
from graphql_api.transport.errors import Code, Refused, document_refused, refused
from graphql_api.transport.parameters import Parameters
from graphql_api.transport.trusted import TrustedDocument, UnfitDocument


class Library:
    """Finds documents; trusted ones are read once and never forgotten.

    They are checked here, or with `at_once` off each when it is first asked for. Nothing is ever added later: a
    client that presents a hash for a text registers nothing. With `only_trusted` any other text is refused without
    being parsed.

    Raises:
        UnfitDocument: a trusted document is not valid for the schema, or over a limit.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        trusted: Sequence[TrustedDocument] = (),
        only_trusted: bool = False,
        at_once: bool = True,
    ) -> None:
        self._documents = documents
        self._only_trusted = only_trusted
        self._text_by_id = {it.id: it.body for it in trusted}
        self._by_text: dict[str, Document | None] = dict.fromkeys(self._text_by_id.values())
        for it in trusted if at_once else ():
            self._by_text[it.body] = _checked(documents, it)

    def find(self, parameters: Parameters) -> Document:
        """The document that is asked for.

        Raises:
            Refused: the id is not known, the text is not trusted where it must be, or not valid.
        """
        if parameters.query is None:
            return self._known(parameters.document_id)
        if parameters.query in self._by_text:
            return self._trusted(parameters.query)
        if self._only_trusted:
            message = (
                "This server runs only the documents that it was started with: send a known 'documentId'."
            )
            raise refused(Code.UNTRUSTED_DOCUMENT, message, status=403)
        return self._documents.load(parameters.query)

    def _known(self, document_id: str | None) -> Document:
        if document_id is not None and (text := self._text_by_id.get(document_id)) is not None:
            return self._trusted(text)
        problem = GraphQLError("No document with this id is known here.")
        raise document_refused(Code.PERSISTED_QUERY_NOT_FOUND, [problem])

    def _trusted(self, text: str) -> Document:
        if (known := self._by_text[text]) is None:
            known = self._by_text[text] = self._documents.load(text)
        return known


def _checked(documents: Documents, it: TrustedDocument) -> Document:
    try:
        return documents.load(it.body)
    except Refused as refusal:
        reasons = " ".join(str(error["message"]) for error in refusal.errors)
        raise UnfitDocument(it.name, reasons) from refusal
