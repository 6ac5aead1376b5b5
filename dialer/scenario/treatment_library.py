"""Where the treatments' sounds are: built-in, uploaded, or fetched from a web server and kept for an hour.

Source: treatment values and URIs as documented for the `_treatment_*` options (checklist D-25 to D-30a).
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import httpx
import structlog

from dialer.callback.treatment import Treatment

log = structlog.get_logger(__name__)

BUILT_IN_PREFIX = "GMSApplications/"
BUILT_IN = Path(__file__).resolve().parents[2] / "media" / "treatments"
KEPT_S = 3600.0
FETCH_TIMEOUT_S = 5.0
LARGEST_BYTES = 10 * 1024 * 1024


class TreatmentLibrary:
    """Finds the file of a treatment.

    Args:
        uploaded: folder of uploaded treatments; the built-in ones are searched after it.
        cache: folder for fetched ones.
    """

    def __init__(self, uploaded: Path | None, cache: Path) -> None:
        self._uploaded = uploaded
        self._cache = cache

    async def locate(self, treatment: Treatment, language: str | None = None) -> Path | None:
        """Path of the treatment's sound; None when it cannot be had, with a warning that says why."""
        uri = treatment.file
        if uri.startswith(("http://", "https://")):
            return await self._fetch(uri)
        path = self._find(uri, language)
        if path is None:
            log.warning(
                "treatment_missing",
                file=uri,
                searched=[str(folder) for folder in self._folders(uri)],
                mend="put the WAV there, or correct the service's treatment option",
            )
        return path

    def _folders(self, uri: str) -> list[Path]:
        if uri.startswith(BUILT_IN_PREFIX) or self._uploaded is None:
            return [BUILT_IN]
        return [self._uploaded, BUILT_IN]

    def _find(self, uri: str, language: str | None) -> Path | None:
        name = uri.removeprefix(BUILT_IN_PREFIX)
        for folder in self._folders(uri):
            candidates = [folder / language / name] if language else []
            for candidate in [*candidates, folder / name]:
                if candidate.resolve().is_relative_to(folder.resolve()) and candidate.is_file():
                    return candidate
        return None

    async def _fetch(self, uri: str) -> Path | None:
        kept = self._cache / (hashlib.sha256(uri.encode()).hexdigest()[:32] + ".wav")
        if kept.is_file() and time.time() - kept.stat().st_mtime < KEPT_S:
            return kept
        try:
            async with httpx.AsyncClient(timeout=FETCH_TIMEOUT_S, follow_redirects=True) as client:
                content: bytes = (await client.get(uri)).raise_for_status().content
        except httpx.HTTPError as fault:
            log.warning("treatment_not_fetched", uri=uri, cause=str(fault) or type(fault).__name__)
            return kept if kept.is_file() else None
        if len(content) > LARGEST_BYTES or not content.startswith(b"RIFF"):
            log.warning("treatment_refused", uri=uri, cause="not a WAV file of at most 10 MiB")
            return None
        self._cache.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(".part")
        fresh.write_bytes(content)
        fresh.replace(kept)
        return kept
