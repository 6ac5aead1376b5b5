"""Where the parts of synthetic calls come from: Debian packages, free synthetic voices, labelled recordings.

Everything is fetched into a cache folder outside version control and turned into 8 kHz float pieces there. Only the
sources listed in ``PACKAGES``, ``FLITE_VOICES`` and ``ESPEAK_VOICES`` are used: the packages and voices that the
project's licence notes name. Other prompt packages, languages and voices are left alone on purpose, so that
they can serve for evaluation (see the model card).
"""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.corpus.text import BUSINESS, GREETINGS, ONE_WORD, SENTENCES, TWO_WORDS

RATE = 8000

PACKAGES = (
    "asterisk-core-sounds-en-wav",
    "asterisk-core-sounds-es-wav",
    "asterisk-core-sounds-fr-wav",
    "asterisk-moh-opsound-wav",
    "hedgewars-data",
    "klettres-data",
)
BLANKET_URL = "http://deb.debian.org/debian/pool/main/b/blanket/blanket_0.7.0-4_all.deb"
"""Background recordings; in Debian trixie and later, so fetched by address on older releases."""

BLANKET_TRACKS = ("birds", "city", "fireplace", "stream", "summer-night", "waves")
KLETTRES_LANGUAGES = ("cs", "da", "de", "en", "es", "fr", "hu", "it", "lt", "ml", "pt_BR", "ru")
HEDGEWARS_VOICES = ("British", "Classic", "Default", "Default_es", "Default_pl", "Mobster", "Russian")
FLITE_VOICES = ("slt", "rms", "kal16")
ESPEAK_VOICES = ("en-us:165", "en-us+f3:160", "en-us+m4:175")
PROMPT_LANGUAGES = ("en", "es", "fr")
GAME_NOISES = ("Jump", "Ooff", "Ow", "Laugh", "punch", "Hmm", "Yawn", "Nooo", "Kamikaze", "Cover", "Step")


@dataclass(frozen=True)
class Piece:
    """One utterance or sound.

    Attributes:
        name: Where it was cut from, unique in the pool.
        speaker: Who speaks (the unit that must not be in training and test at once).
        source: Package or program, as in the licence notes.
        kind: ``word``, ``phrase``, ``business``, ``greeting``, ``prompt``, ``monologue``, ``noise`` or ``music``.
        samples: float32 [n], 8 kHz, trimmed to the sound.
    """

    name: str
    speaker: str
    source: str
    kind: str
    samples: np.ndarray

    @property
    def seconds(self) -> float:
        """Length in s."""
        return self.samples.size / RATE


def fetch_packages(cache: Path) -> Path:
    """Downloads and unpacks the packages once; gives the folder that holds one sub-folder a package."""
    debs, trees = cache / "debs", cache / "src"
    trees.mkdir(parents=True, exist_ok=True)
    debs.mkdir(parents=True, exist_ok=True)
    for package in (*PACKAGES, "blanket"):
        if (trees / package).exists():
            continue
        if not list(debs.glob(f"{package}_*.deb")):
            if package == "blanket":
                with urllib.request.urlopen(BLANKET_URL, timeout=120) as answer:
                    (debs / BLANKET_URL.rsplit("/", 1)[1]).write_bytes(answer.read())
            else:
                subprocess.run(["apt-get", "download", "-q", package], cwd=debs, check=True, timeout=600)
        (deb,) = debs.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(deb), str(trees / package)], check=True, timeout=300)
    return trees


def decode(path: Path) -> np.ndarray:
    """Any audio file as float32 [n] at 8 kHz mono, full scale 1.0.

    Raises:
        subprocess.CalledProcessError: when ffmpeg cannot read the file.
    """
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout, np.float32)


def trim(samples: np.ndarray, gate_db: float = 35.0) -> np.ndarray:
    """Cuts off what lies ``gate_db`` under the loudest 20 ms at both ends."""
    frames = samples[: samples.size // 160 * 160].reshape(-1, 160)
    if frames.shape[0] < 4:
        return samples
    level = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-12)
    loud = np.flatnonzero(level > level.max() - gate_db)
    return samples[loud[0] * 160 : (loud[-1] + 1) * 160]


class Pool:
    """All pieces, cached decoded. ``pieces(kind)`` gives them in a fixed order."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.decoded = cache / "pieces"
        self.decoded.mkdir(parents=True, exist_ok=True)
        self.trees = fetch_packages(cache)
        self._pieces: list[Piece] = []
        self._add_words()
        self._add_prompts()
        self._add_synthetic()
        self._add_backgrounds()

    def add(self, pieces: list[Piece]) -> None:
        """Widens the pool, for instance by pieces cut from labelled recordings."""
        self._pieces.extend(pieces)

    def pieces(self, *kinds: str) -> list[Piece]:
        """The pieces of these kinds, in the order they were added."""
        return [piece for piece in self._pieces if piece.kind in kinds]

    def _load(self, key: str, path: Path, gate_db: float) -> np.ndarray:
        kept = self.decoded / (key.replace("/", "_").replace(":", "_") + ".npy")
        if not kept.exists():
            samples = decode(path)
            np.save(kept, trim(samples, gate_db) if gate_db else samples)
        return np.load(kept)

    def _file(self, path: Path, speaker: str, source: str, kind: str, gate_db: float = 35.0) -> Piece:
        name = f"{speaker}/{path.stem}"
        return Piece(name, speaker, source, kind, self._load(f"{source}.{name}", path, gate_db))

    def _add_words(self) -> None:
        root = self.trees / "klettres-data/usr/share/klettres"
        for language in KLETTRES_LANGUAGES:
            for path in sorted((root / language / "syllab").glob("*.ogg")):
                self._keep(self._file(path, f"klettres:{language}", "Debian klettres-data", "word"), 0.15, 1.6)
        root = self.trees / "hedgewars-data/usr/share/games/hedgewars/Data/Sounds/voices"
        for voice in HEDGEWARS_VOICES:
            for path in sorted((root / voice).glob("*.ogg")):
                if not any(noise in path.stem for noise in GAME_NOISES):
                    piece = self._file(path, f"spk:hedgewars_{voice}", "Debian hedgewars-data", "word")
                    self._keep(piece, 0.25, 4.0)

    def _add_prompts(self) -> None:
        for language in PROMPT_LANGUAGES:
            package = f"asterisk-core-sounds-{language}-wav"
            for path in sorted((self.trees / package).rglob("*.wav")):
                if path.parent.name == "silence" or any(t in path.stem for t in ("tone", "beep", "monkeys", "weasels")):
                    continue
                self._keep(self._file(path, f"prompts_core_{language}", f"Debian {package}", "prompt", 45.0), 0.2, 40.0)

    def _add_synthetic(self) -> None:
        texts = {"word": ONE_WORD + TWO_WORDS, "phrase": SENTENCES, "business": BUSINESS, "greeting": GREETINGS}
        for voice in (*(f"flite:{v}" for v in FLITE_VOICES), *(f"espeak:{v}" for v in ESPEAK_VOICES)):
            for kind, lines in texts.items():
                for number, line in enumerate(lines):
                    self._keep(self._spoken(voice, kind, number, line), 0.15, 60.0)

    def _spoken(self, voice: str, kind: str, number: int, line: str) -> Piece:
        program, name = voice.split(":", 1)
        path = self.decoded / f"tts_{voice}_{kind}_{number}.wav".replace(":", "_")
        if not path.exists():
            if program == "flite":
                command = ["flite", "-voice", name, "-t", line, "-o", str(path)]
            else:
                variant, speed = name.rsplit(":", 1)
                command = ["espeak-ng", "-v", variant, "-s", speed, "-w", str(path), line]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        speaker = f"tts:{voice}"
        samples = self._load(f"{speaker}.{kind}.{number}", path, 40.0)
        return Piece(f"{speaker}/{kind}{number}", speaker, f"TTS {program}", kind, samples)

    def _add_backgrounds(self) -> None:
        bundle = self.trees / "blanket/usr/share/blanket/blanket.gresource"
        for track in BLANKET_TRACKS:
            path = self.decoded / f"{track}.ogg"
            if not path.exists():
                resource = f"/com/rafaelmardojai/Blanket/sounds/{track}.ogg"
                with path.open("wb") as out:
                    subprocess.run(["gresource", "extract", str(bundle), resource], check=True, stdout=out, timeout=60)
            self._pieces.append(self._file(path, f"blanket_{track}", "Debian blanket (trixie/sid)", "noise", 0.0))
        for path in sorted((self.trees / "asterisk-moh-opsound-wav").rglob("*.wav")):
            self._pieces.append(self._file(path, f"moh:{path.name}", "Debian asterisk-moh-opsound-wav", "music", 0.0))

    def _keep(self, piece: Piece, at_least_s: float, at_most_s: float) -> None:
        if at_least_s <= piece.seconds <= at_most_s and float(np.max(np.abs(piece.samples))) > 0.01:
            self._pieces.append(piece)


def missing_programs() -> list[str]:
    """Programs of the machine that the generator needs and that are not installed."""
    return [p for p in ("ffmpeg", "flite", "espeak-ng", "gresource", "apt-get", "dpkg-deb") if shutil.which(p) is None]
