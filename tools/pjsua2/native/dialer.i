/* The dialer's additions to the pjsua2 module. Included at the end of pjproject's own pjsua2.i. */
%{
#include "bell.hpp"
#include "leg_audio.hpp"
#include "log.hpp"
#include "strict_rtp.hpp"
#include "tap_bank.hpp"
%}

%include "exception.i"
%exception {
    try {
        $action
    } catch (const Swig::DirectorException &) {
        SWIG_fail;
    } catch (const pj::Error &error) {
        SWIG_Error(SWIG_RuntimeError, error.info(false).c_str());
        SWIG_fail;
    } catch (const std::exception &error) {
        SWIG_Error(SWIG_RuntimeError, error.what());
        SWIG_fail;
    }
}

/* A ring is a flag or one send() that cannot block: giving up the interpreter lock around it would cost more. */
%feature("nothreadallow") Bell::ring;
%feature("nothreadallow") LegAudio::row;
%feature("nothreadallow") LegAudio::start;
%feature("nothreadallow") TapBank::drain;
%feature("nothreadallow") LegAudio::set_muted;

%include "bell.hpp"
%include "tap_bank.hpp"
%include "leg_audio.hpp"
%include "log.hpp"
%include "strict_rtp.hpp"
