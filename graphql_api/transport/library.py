"""Where an operation's document comes from: its text, or the id of one that was known before."""

from __future__ import annotations

from collections.abc import Iterable

from graphql import GraphQLError

from graphql_api.transport.documents import Document, Documents
from graphql_api.transport.errors import Code, Refused, document_refused, refused
from graphql_api.transport.parameters import Parameters
from graphql_api.transport.trusted import TrustedDocument, UnfitDocument


class Library:
    """Finds documents; trusted ones are read and checked once, here, and never forgotten.

    Nothing is ever added later: a client that presents a hash for a text registers nothing. With
    `only_trusted` any other text is refused without being parsed.

    Raises:
        UnfitDocument: a trusted document is not valid for the schema, or over a limit.
    """

    def __init__(
        self, documents: Documents, *, trusted: Iterable[TrustedDocument] = (), only_trusted: bool = False
    ) -> None:
        self._documents = documents
        self._only_trusted = only_trusted
        self._by_text: dict[str, Document] = {}
        self._by_id: dict[str, Document] = {}
        for it in trusted:
            self._by_id[it.id] = self._by_text[it.body] = _checked(documents, it)

    def find(self, parameters: Parameters) -> Document:
        """The document that is asked for.

        Raises:
            Refused: the id is not known, the text is not trusted where it must be, or not valid.
        """
        if parameters.query is None:
            return self._known(parameters.document_id)
        if (trusted := self._by_text.get(parameters.query)) is not None:
            return trusted
        if self._only_trusted:
            message = (
                "This server runs only the documents that it was started with: send a known 'documentId'."
            )
            raise refused(Code.UNTRUSTED_DOCUMENT, message, status=403)
        return self._documents.load(parameters.query)

    def _known(self, document_id: str | None) -> Document:
        if document_id is not None and (found := self._by_id.get(document_id)) is not None:
            return found
        problem = GraphQLError("No document with this id is known here.")
        raise document_refused(Code.PERSISTED_QUERY_NOT_FOUND, [problem])


def _checked(documents: Documents, it: TrustedDocument) -> Document:
    try:
        return documents.load(it.body)
    except Refused as refusal:
        reasons = " ".join(str(error["message"]) for error in refusal.errors)
        raise UnfitDocument(it.name, reasons) from refusal
