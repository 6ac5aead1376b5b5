"""Makes the voices of the lab's people and announcements into media/lab (8 kHz mono 16 bit, -19 dBm0).

python tools/media/lab_voices.py            # needs: apt-get install flite
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.media.sound import VoiceMissingError, silence, speak, write_wav

FOLDER = Path(__file__).resolve().parents[2] / "media" / "lab"
SPOKEN: dict[str, tuple[str, str]] = {
    # name: (voice, text)
    "hello_awb": ("awb", "Hello?"),
    "hello_rms": ("rms", "Hello?"),
    "hello_slt": ("slt", "Hello?"),
    "hello_name": ("rms", "Hello, Robert here."),
    "yes_hello": ("slt", "Yes, hello?"),
    "business": ("slt", "Baker and Sons, good morning, this is Anna speaking, how can I help you?"),
    "voicemail": (
        "rms",
        (
            "Hi, you have reached the voice mail of Robert Miller. I cannot take your call right now. "
            "Please leave your name and number after the tone, and I will call you back."
        ),
    ),
    "voicemail_short": (
        "slt",
        (
            "Hello, you have reached Anna. I am not at home right now, or I cannot come to the telephone. "
            "Please leave me a message after the beep."
        ),
    ),
    "mailbox_not_set_up": (
        "slt",
        (
            "The person you are trying to reach is not available, and has a voice mailbox that has not been set up "
            "yet. Please try your call again later. Good bye."
        ),
    ),
    "not_in_service": (
        "slt",
        "We are sorry. The number you have dialed is not in service. Please check the number and dial again.",
    ),
    "number_changed": ("slt", "We are sorry. The number you have reached has been changed or disconnected."),
    "circuits_busy": ("slt", "We are sorry. All circuits are busy now. Will you please try your call again later."),
    "cannot_be_completed": ("slt", "We are sorry. Your call cannot be completed at this time."),
    "customer_talk": (
        "awb",
        (
            "Yes, thank you for calling me back. I have a question about my last invoice, the amount does not look "
            "right to me. It says forty two, but I remember that we agreed on thirty seven."
        ),
    ),
    "agent_talk": (
        "rms",
        (
            "Good afternoon, thank you for your patience. My name is James and I am going to help you today. "
            "Could you please tell me your customer number, and what this is about?"
        ),
    ),
}


def main() -> int:
    """Makes all of them; returns the exit status."""
    try:
        for name, (voice, text) in SPOKEN.items():
            write_wav(FOLDER / f"{name}.wav", np.concatenate([speak(text, voice), silence(0.1)]))
    except VoiceMissingError as missing:
        print(f"lab voices: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
