"""Call progress analysis: tones, cadences, special information tones, fax, beeps, speech, human or machine.

Pure and deterministic, on numpy arrays of all channels at once. See `DetectorBank`.
"""

from dialer.detection.bank import ChannelClosed, ChannelInUse, DetectorBank
from dialer.detection.finding import CALL_RESULT, Evidence, Finding, Verdict
from dialer.detection.plan import UnreadablePlan
from dialer.detection.settings import DetectionError, DetectionSettings, Profile, UnknownProfile

__all__ = [
    "CALL_RESULT", "ChannelClosed", "ChannelInUse", "DetectionError", "DetectionSettings", "DetectorBank", "Evidence",
    "Finding", "Profile", "UnknownProfile", "UnreadablePlan", "Verdict",
]  # fmt: skip
