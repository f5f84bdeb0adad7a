"""Where the inputs of hidden tests come from: a secret of the course and what was handed in.

The same submission sees the same inputs on every machine that holds the secret, and keeps its score; a changed one sees new ones,
so that what the feedback told of the one before is worth nothing. The secret is one line in `grading_secret.txt` in the course's
root, made when it is first needed. Whoever moves the course to another machine takes the file along; no student may have it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from .submission import Submission

SECRET = "grading_secret.txt"


def course_secret(root: Path) -> str:
    """The course's secret. Of several processes that make it at once, one wins, and all have the same."""
    path = Path(root) / SECRET
    if not path.exists():
        handle, fresh = tempfile.mkstemp(dir=root, prefix=f".{SECRET}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(secrets.token_hex(32) + "\n")
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(fresh)
    secret = path.read_text(encoding="utf-8").strip()
    if len(secret) < 32:
        raise ValueError(f"{path} holds no secret: restore it from where the course was graded before, or remove it")
    return secret


def seed_for(secret: str, submission: Submission) -> int:
    digest = hmac.new(secret.encode(), submission.digest.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:7], "big")
