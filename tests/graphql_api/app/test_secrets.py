"""Where the secrets come from, and which are refused."""

from __future__ import annotations

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from domain.identity.signing_keys import KeyRing, SigningKey
from graphql_api.app.secrets import SecretsRefused, key_ring

STRONG = "kW3/yC5nPq0sVtX8zJb2LrFmUeHdGa7o"
ALSO_STRONG = "Q9u+Zr4TtXw2Nc7LmKf1Vb8Hj3Ps6DgE"


def _ring(setting: str | None, *, data_dir: Path | None = None, production: bool = False) -> KeyRing:
    return key_ring(setting, data_dir=data_dir, production=production, randomness=os.urandom)


def test_the_first_key_of_the_setting_signs() -> None:
    keys = _ring(f"new:{STRONG}, old:{ALSO_STRONG}", production=True)

    assert keys == [SigningKey("new", STRONG.encode()), SigningKey("old", ALSO_STRONG.encode())]
    assert STRONG not in repr(keys)


def test_a_secret_may_hold_colons() -> None:
    assert _ring("k:a:b") == [SigningKey("k", b"a:b")]


@pytest.mark.parametrize(
    "setting", ["k", "k:", ":secret", "k:a,", "k:a,k:b", "my key:a", "k" * 65 + ":a", ","]
)
@pytest.mark.parametrize("production", [False, True])
def test_a_malformed_setting_is_refused(setting: str, production: bool, tmp_path: Path) -> None:
    with pytest.raises(SecretsRefused, match="CODELAB_SECRET_KEYS"):
        _ring(setting, data_dir=tmp_path, production=production)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "secret",
    [
        "short",
        STRONG[:31],
        "a" * 64,
        "1234" * 16,
        "please-change-me-please-change-me-now",
        "my-super-SECRET-key-for-this-service!",
        "0123456789abcdefghijklmnopqrstuvwxyz",
    ],
)
def test_a_weak_secret_is_refused_in_production_without_being_told(secret: str) -> None:
    with pytest.raises(SecretsRefused, match="'old'") as refused:
        _ring(f"new:{STRONG},old:{secret}", production=True)

    assert secret not in str(refused.value)
    assert len(_ring(f"new:{STRONG},old:{secret}")) == 2


@pytest.mark.parametrize("setting", [None, "", "  "])
def test_production_does_not_start_without_secrets(setting: str | None, tmp_path: Path) -> None:
    with pytest.raises(SecretsRefused, match="missing"):
        _ring(setting, data_dir=tmp_path, production=True)

    assert list(tmp_path.iterdir()) == []


def test_without_embedded_data_nothing_is_made_up() -> None:
    with pytest.raises(SecretsRefused, match="missing"):
        _ring(None)


def test_the_embedded_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    first = _ring(None, data_dir=data_dir)

    second = _ring(None, data_dir=data_dir)

    assert first == second
    assert len(first[0].secret) == 32
    assert {path.name for path in data_dir.iterdir()} == {"secrets.json", "secrets.lock"}
    assert (data_dir / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    for number in range(20):
        folder, together = tmp_path / str(number), Barrier(8)

        def start(folder: Path = folder, together: Barrier = together) -> KeyRing:
            together.wait()
            return _ring(None, data_dir=folder)

        with ThreadPoolExecutor(8) as pool:
            rings = [each.result() for each in [pool.submit(start) for _ in range(8)]]

        assert rings == [rings[0]] * 8


def test_an_interrupted_first_start_is_made_good(tmp_path: Path) -> None:
    (tmp_path / "secrets.unfinished").write_text("{")

    keys = _ring(None, data_dir=tmp_path)

    assert _ring(None, data_dir=tmp_path) == keys
    assert {path.name for path in tmp_path.iterdir()} == {"secrets.json", "secrets.lock"}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    _ring(None, data_dir=tmp_path)
    (tmp_path / "secrets.json").chmod(0o644)

    _ring(None, data_dir=tmp_path)

    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_put_in_front_of_the_file_signs(tmp_path: Path) -> None:
    (kept,) = _ring(None, data_dir=tmp_path)
    content = json.loads((tmp_path / "secrets.json").read_text())
    content["keys"].insert(0, {"kid": "new", "secret": base64.b64encode(b"n" * 32).decode()})
    (tmp_path / "secrets.json").write_text(json.dumps(content))

    assert _ring(None, data_dir=tmp_path) == [SigningKey("new", b"n" * 32), kept]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kid": "k"}]}', "\udcff"])
def test_a_broken_file_is_neither_used_nor_replaced(content: str, tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(SecretsRefused, match="everyone signs in again"):
        _ring(None, data_dir=tmp_path)

    assert path.read_bytes() == content.encode("utf-8", "surrogateescape")
