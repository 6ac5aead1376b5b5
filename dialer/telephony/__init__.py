"""The SIP user agent: async legs in and out, async events, and the audio of every leg in one shared matrix.

The only room that imports pjsua2, and only when a UserAgent starts. No object of that library leaves this room.
"""

from dialer.telephony.bridge import Bridge, Conference
from dialer.telephony.call_recording import CallRecording
from dialer.telephony.channels import ChannelUse
from dialer.telephony.dialing import DialRequest
from dialer.telephony.dialog_info import PhoneState
from dialer.telephony.ending import LegEnd, LegTimes, Moment, RtpStats
from dialer.telephony.errors import (
    NativeLibraryMissing,
    NotRunning,
    SettingsError,
    StartFailed,
    TelephonyError,
    UnknownGateway,
    UnplayableSound,
)
from dialer.telephony.event import (
    Answered,
    Dtmf,
    Ended,
    FirstRtp,
    Held,
    LegEvent,
    MediaUp,
    PlaybackFinished,
    PlaybackStarted,
    Progress,
    Redirected,
    Retrieved,
    Ringing,
    TransferProgress,
    Transferred,
    Trying,
)
from dialer.telephony.gateway import GatewayHealth
from dialer.telephony.leg import IncomingLeg, Leg
from dialer.telephony.playback import Playback, Playlist
from dialer.telephony.recording import Recording
from dialer.telephony.settings import Gateway, UserAgentSettings
from dialer.telephony.tap import Block, RowFigures, TapView
from dialer.telephony.user_agent import PhoneSubscription, UserAgent

__all__ = [
    "Answered",
    "Block",
    "Bridge",
    "CallRecording",
    "ChannelUse",
    "Conference",
    "DialRequest",
    "Dtmf",
    "Ended",
    "FirstRtp",
    "Gateway",
    "GatewayHealth",
    "Held",
    "IncomingLeg",
    "Leg",
    "LegEnd",
    "LegEvent",
    "LegTimes",
    "MediaUp",
    "Moment",
    "NativeLibraryMissing",
    "NotRunning",
    "PhoneState",
    "PhoneSubscription",
    "Playback",
    "PlaybackFinished",
    "PlaybackStarted",
    "Playlist",
    "Progress",
    "Recording",
    "Redirected",
    "Retrieved",
    "Ringing",
    "RowFigures",
    "RtpStats",
    "SettingsError",
    "StartFailed",
    "TapView",
    "TelephonyError",
    "TransferProgress",
    "Transferred",
    "Trying",
    "UnknownGateway",
    "UnplayableSound",
    "UserAgent",
    "UserAgentSettings",
]
