"""Makes sure that pjsua2 is there and is the dialer's own build, before any module that imports it is imported.

A pjsua2 from elsewhere may import, and then fail at the fifth call; so a module without our mark is refused here, with
the command that mends it.
"""

from __future__ import annotations

import importlib

from dialer.telephony.errors import NativeLibraryMissing

REQUIRED_API = 3
MEND = "run `make setup`, or `python tools/pjsua2/build.py --into .venv/bin/python --install-packages`"


def require() -> None:
    """Checks the module pjsua2.

    Raises:
        NativeLibraryMissing: when it is not installed, does not load, or is not our build.
    """
    try:
        module = importlib.import_module("pjsua2")
    except ModuleNotFoundError as fault:
        if fault.name not in {"pjsua2", "_pjsua2"}:
            raise
        raise NativeLibraryMissing(f"pjsua2 is not installed; {MEND}") from fault
    except ImportError as fault:
        raise NativeLibraryMissing(f"pjsua2 does not load ({fault}); {MEND}") from fault
    found = getattr(module, "DIALER_API", None)
    if found != REQUIRED_API:
        what = (
            "is not the dialer's own build" if found is None else f"has API {found}, this dialer needs {REQUIRED_API}"
        )
        raise NativeLibraryMissing(f"the installed pjsua2 {what}; {MEND}")
