"""What all tests behind the door share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _patient_with_embeddings() -> Iterator[None]:
    """Wait for the first embedding, whose libraries are read then, however slow this machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.memory.recall.EMBEDDING_S", 60.0)
        yield
