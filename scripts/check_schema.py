"""Compares schema.graphql with the last commit on main, and fails when that breaks clients for no stated reason.

What is compared with: on a branch, where it left main; on main, its last commit when schema.graphql is changed
since, else the commit before. A reason is a line of docs/schema-changes.md that quotes the change as it is
printed here: "- `Field Agent.role was removed.`: nobody could set it." Without a history there is nothing to check.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from graphql import GraphQLSchema, build_schema
from graphql.utilities.find_schema_changes import (
    BreakingChange,
    DangerousChange,
    SafeChange,
    SafeChangeType,
    SchemaChange,
    find_schema_changes,
)

FILE = "schema.graphql"
REASONS = "docs/schema-changes.md"
MAIN = ("main", "origin/main")

_REASON = re.compile(r"^- `([^`]+)`: *(\S.*)$", re.MULTILINE)
_KINDS = {BreakingChange: "breaking", DangerousChange: "dangerous", SafeChange: "safe"}


def main(root: Path = Path(__file__).parents[1]) -> int:
    """Print each change since the base and return the exit code: 1 when one breaks clients without a reason."""
    base = find_base(root)
    before = _git(root, "show", f"{base}:{FILE}") if base else None
    if base is None or before is None:
        print(f"There is no earlier {FILE} to compare with.")
        return 0
    changes = changes_between(build_schema(before), build_schema((root / FILE).read_text()))
    page = root / REASONS
    reasons = dict(_REASON.findall(page.read_text())) if page.exists() else {}
    print(f"{FILE} compared with {base[:10]}; changes: {len(changes)}")
    for change in changes:
        print(f"  {_KINDS[type(change)]:<10}{change.description}{_said(change, reasons)}")
    unexplained = [it for it in changes if isinstance(it, BreakingChange) and it.description not in reasons]
    if unexplained:
        print(
            f"Breaking without a reason: {len(unexplained)}. Take them back, or give each a reason in {REASONS}."
        )
    return 1 if unexplained else 0


def find_base(root: Path) -> str | None:
    """The commit to compare with; None without a history."""
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if head is None:
        return None
    for branch in MAIN:
        fork = _git(root, "merge-base", "HEAD", branch)
        if fork is not None and fork.strip() != head.strip():
            return fork.strip()
    if _git(root, "status", "--porcelain", "--", FILE):
        return head.strip()
    parent = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^")
    return parent.strip() if parent else None


def changes_between(before: GraphQLSchema, now: GraphQLSchema) -> Sequence[SchemaChange]:
    """What clients can notice, the worst first; descriptions may always become better."""
    changes = [
        change
        for change in find_schema_changes(before, now)
        if change.type is not SafeChangeType.DESCRIPTION_CHANGED
    ]
    return sorted(changes, key=lambda it: (list(_KINDS).index(type(it)), it.description))


def _said(change: SchemaChange, reasons: Mapping[str, str]) -> str:
    reason = reasons.get(change.description)
    return f" ({reason})" if reason and isinstance(change, BreakingChange) else ""


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers, None when it is not there or says no."""
    try:
        answer = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=30
        )
    except FileNotFoundError:
        return None
    return answer.stdout if answer.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
