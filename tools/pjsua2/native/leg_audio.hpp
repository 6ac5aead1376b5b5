/* LegAudio: the audio of one leg, at the point where its RTP stream meets the bridge.
 *
 * attach() is called from Call.onStreamCreated and puts a port of ours between PJMEDIA's stream and the conference
 * bridge. That port
 *   - writes what the far end says into the leg's row of the TapBank, before anything is mixed: 8 kHz whatever the
 *     codec, each 20 ms frame marked normal, lost (made up by the decoder, for a gap of up to 100 ms) or silence
 *     (nothing arrives), which the bridge itself would hide;
 *   - sends a playlist from memory to the far end when one is set: it starts with the next 20 ms frame, loops, and
 *     stops with the next frame, without a file, a descriptor or a bridge slot;
 *   - sends nothing at all when the leg is muted; else PJMEDIA sends silence while nobody speaks to the leg, so that the
 *     far end's RTP timeouts and jitter buffers are content.
 * Its get and put run in PJMEDIA's clock thread. No Python runs there; what Python must know is queued in the bank and
 * the bell is rung.
 *
 * Lifetime: the port holds a reference on the stream's group lock, so the stream's memory outlives the port; pjsua and
 * the bridge hold the port; the leg's row returns to the bank when both the LegAudio and its last port are gone.
 */
#ifndef DIALER_LEG_AUDIO_HPP
#define DIALER_LEG_AUDIO_HPP

#include "bell.hpp"
#include "tap_bank.hpp"

#ifndef SWIG
#include <memory>
#include <string>
#include <vector>

#include <pjsua2.hpp>

namespace dialer {
struct LegState;
typedef std::shared_ptr<const std::vector<std::int16_t> > Pcm;
} // namespace dialer
#endif

/* A recording in memory, 8 kHz mono; shared by all legs that play it. */
class Prompt {
public:
    /* Copies `samples` int16 from `address`. */
    Prompt(size_t address, size_t samples);
    size_t samples() const;
#ifndef SWIG
    dialer::Pcm pcm;
#endif
};

/* What to play: prompts one after another. */
class PlayOrder {
public:
    PlayOrder();
    void add(const Prompt &prompt);
    bool loop;
    unsigned long long delay_samples; /* of silence before the first sample */
    unsigned long long max_samples;   /* 0 = as long as it lasts; the delay is not counted */
    unsigned ticket;                  /* given back in the events of this playback */
#ifndef SWIG
    std::vector<dialer::Pcm> pcm;
#endif
};

/* RTP and jitter buffer figures of a leg, all its streams together. */
struct RtpFigures {
    unsigned rx_packets, rx_lost, rx_discarded, rx_duplicate, rx_reordered;
    unsigned tx_packets, tx_lost;
    unsigned foreign; /* dropped, as somebody else than the far end sent them */
    double rx_jitter_ms, tx_jitter_ms, round_trip_ms;
    unsigned buffer_lost, buffer_discarded, buffer_empty;
    RtpFigures();
};

class LegAudio {
public:
    /* key: given back in events. muted: no RTP is sent unless something plays or somebody speaks to the leg. */
    LegAudio(TapBank &bank, Bell &bell, unsigned long long key, bool muted);
    ~LegAudio();

    /* Call.onStreamCreated: wraps the stream's port. False when all rows are in use: then the leg has no tap. */
    bool attach(pj::OnStreamCreatedParam &prm);
    /* Call.onStreamDestroyed: takes the stream's last figures. */
    void detach(const pj::OnStreamDestroyedParam &prm);

    int row() const;                 /* -1 before the first attach() */
    unsigned long long start() const; /* the leg's first frame in its row */
    std::string codec() const;       /* "PCMU/8000"; empty before media */
    RtpFigures figures() const;

    /* Any thread. */
    void set_muted(bool muted);
    /* Any thread: plays from the next frame on, in place of what plays. Waits for media when there is none yet. */
    void play(const PlayOrder &order);
    /* Any thread: stops what plays; true when something did. The ticket, when not 0, must be the one playing. */
    bool stop(unsigned ticket);

#ifndef SWIG
private:
    LegAudio(const LegAudio &);
    LegAudio &operator=(const LegAudio &);
    std::shared_ptr<dialer::LegState> state_;
    pjmedia_stream *stream_;
    RtpFigures past_;
    std::string codec_;
#endif
};

/* The little of a call's state that is asked for at every event; pj::CallInfo copies some forty strings. */
struct CallBrief {
    int state;        /* pjsip_inv_state; -1 = no such call */
    int status;       /* last SIP status */
    int media_status; /* pjsua_call_media_status of the first audio stream */
    std::string reason;
    CallBrief();
};

/* The SIP thread. */
CallBrief call_brief(int call_id);

/* The SIP thread: joins two calls' audio both ways, or parts them. False when one has no audio in the bridge now. */
bool join_calls(int one, int other);
bool part_calls(int one, int other);

/* A place in the bridge that every leg speaks to and that throws all away: the bridge reads a port only when somebody
 * listens to it, and a tapped leg must be read always. Its transmit side is disabled, so nothing is mixed for it. */
class AudioDrain {
public:
    AudioDrain();
    /* The SIP thread, after libStart(). Throws std::runtime_error. */
    void open();
    /* The SIP thread, before libDestroy(). */
    void close();
    /* The SIP thread: connects the call's audio to the drain. False when the call has no audio in the bridge now. */
    bool feed(int call_id);
#ifndef SWIG
private:
    int slot_;
#endif
};

#endif
