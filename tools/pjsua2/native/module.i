/* The module pjsua2 as the dialer builds it: pjproject's own bindings, less callbacks nobody answers, plus our classes.
 *
 * A director method costs a call into Python each time, whether Python overrides it or not; those below are left to
 * pjsua2's own C++ defaults. */
%module(directors="1") pjsua2

%feature("nodirector") pj::AudioMediaPlayer;
%feature("nodirector") pj::AudioMediaPort;
%feature("nodirector") pj::AudioMediaAiPort;
%feature("nodirector") pj::VideoRecorder;
%feature("nodirector") pj::FindBuddyMatch;

%feature("nodirector") pj::Buddy::onBuddyState;
%feature("nodirector") pj::Buddy::onBuddyEvSubState;
%feature("nodirector") pj::Buddy::onBuddyDlgEventState;

%feature("nodirector") pj::Call::onCallSdpCreated;
%feature("nodirector") pj::Call::onStreamPreCreate;
%feature("nodirector") pj::Call::onCallMediaTransportState;
%feature("nodirector") pj::Call::onCallMediaEvent;
%feature("nodirector") pj::Call::onCreateMediaTransport;
%feature("nodirector") pj::Call::onCreateMediaTransportSrtp;
%feature("nodirector") pj::Call::onCallRxText;
%feature("nodirector") pj::Call::onCallTxOffer;
%feature("nodirector") pj::Call::onCallRxOffer;
%feature("nodirector") pj::Call::onCallRxReinvite;
%feature("nodirector") pj::Call::onInstantMessage;
%feature("nodirector") pj::Call::onInstantMessageStatus;
%feature("nodirector") pj::Call::onTypingIndication;
%feature("nodirector") pj::Call::onDtmfDigit;

%feature("nodirector") pj::Account::onIncomingSubscribe;
%feature("nodirector") pj::Account::onInstantMessage;
%feature("nodirector") pj::Account::onInstantMessageStatus;
%feature("nodirector") pj::Account::onTypingIndication;
%feature("nodirector") pj::Account::onMwiInfo;
%feature("nodirector") pj::Account::onRegStarted;

%feature("nodirector") pj::Endpoint::onNatDetectionComplete;
%feature("nodirector") pj::Endpoint::onNatCheckStunServersComplete;
%feature("nodirector") pj::Endpoint::onTimer;
%feature("nodirector") pj::Endpoint::onSelectAccount;
%feature("nodirector") pj::Endpoint::onIpChangeProgress;
%feature("nodirector") pj::Endpoint::onMediaEvent;
%feature("nodirector") pj::Endpoint::onRejectedIncomingCall;
%feature("nodirector") pj::Endpoint::onCredAuth;

/* Raised when the classes below change, so that a Python side built for another is refused at its start. */
%constant int DIALER_API = 3;

%include "pjsua2.i"
%include "dialer.i"
