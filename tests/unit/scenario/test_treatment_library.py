"""Where treatments' sounds are found."""

from pathlib import Path

import httpx
import pytest

from dialer.callback.treatment import Treatment
from dialer.scenario import treatment_library
from dialer.scenario.treatment_library import BUILT_IN, TreatmentLibrary


@pytest.fixture
def library(tmp_path: Path) -> TreatmentLibrary:
    uploaded = tmp_path / "uploaded"
    (uploaded / "fr").mkdir(parents=True)
    (uploaded / "hello.wav").write_bytes(b"RIFFen")
    (uploaded / "fr" / "hello.wav").write_bytes(b"RIFFfr")
    return TreatmentLibrary(uploaded, tmp_path / "cache")


async def test_built_in_treatments_are_there(library: TreatmentLibrary) -> None:
    for name in ("next_customer_rep.wav", "all_agents_busy.wav", "call_fail_ans_machine.wav"):
        assert await library.locate(Treatment(file=f"GMSApplications/{name}")) == BUILT_IN / name


async def test_the_customers_language_goes_first(library: TreatmentLibrary) -> None:
    found = await library.locate(Treatment(file="hello.wav"), "fr")
    assert found is not None
    assert found.read_bytes() == b"RIFFfr"
    plain = await library.locate(Treatment(file="hello.wav"), "de")
    assert plain is not None
    assert plain.read_bytes() == b"RIFFen"


@pytest.mark.parametrize("name", ["gone.wav", "../cache/x.wav", "fr/../../etc/passwd"])
async def test_what_is_not_within_the_folders_is_not_found(library: TreatmentLibrary, name: str) -> None:
    assert await library.locate(Treatment(file=name)) is None


class Web:
    """A web server in place of the real one: the library's transport is httpx's own."""

    def __init__(self, content: bytes, status: int = 200) -> None:
        self.asked = 0
        self.content, self.status = content, status

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(self.status, content=self.content)


def served(monkeypatch: pytest.MonkeyPatch, web: Web) -> None:
    client = httpx.AsyncClient
    monkeypatch.setattr(treatment_library.httpx, "AsyncClient", lambda **_: client(transport=httpx.MockTransport(web)))


async def test_a_fetched_treatment_is_kept_for_an_hour(
    library: TreatmentLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = Web(b"RIFF of the web")
    served(monkeypatch, web)
    for _ in range(2):
        found = await library.locate(Treatment(file="https://sounds.example/welcome.wav"))
        assert found is not None
        assert found.read_bytes() == b"RIFF of the web"
    assert web.asked == 1


@pytest.mark.parametrize("web", [Web(b"<html>"), Web(b"RIFF", status=404)])
async def test_what_is_no_sound_is_not_played(
    library: TreatmentLibrary, monkeypatch: pytest.MonkeyPatch, web: Web
) -> None:
    served(monkeypatch, web)
    assert await library.locate(Treatment(file="https://sounds.example/page.html")) is None
