import sys
import types

import pytest

from dialer.telephony import NativeLibraryMissing, native


def test_a_missing_library_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "pjsua2", None)
    with pytest.raises(NativeLibraryMissing, match=r"tools/pjsua2/build\.py"):
        native.require()


def test_a_foreign_build_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "pjsua2", types.ModuleType("pjsua2"))
    with pytest.raises(NativeLibraryMissing, match="not the dialer's own build"):
        native.require()


def test_a_build_for_another_python_side_is_refused(monkeypatch):
    other = types.ModuleType("pjsua2")
    other.DIALER_API = native.REQUIRED_API + 1
    monkeypatch.setitem(sys.modules, "pjsua2", other)
    with pytest.raises(NativeLibraryMissing, match="has API"):
        native.require()


def test_importing_the_room_needs_no_library():
    from dialer import telephony

    assert telephony.UserAgent.__module__ == "dialer.telephony.user_agent"
