#include "leg_audio.hpp"
#include "strict_rtp.hpp"

#include <cstring>
#include <stdexcept>

#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>

#include "playing.hpp"

namespace dialer {

/* What the LegAudio and its ports share. */
struct LegState {
    LegState(const std::shared_ptr<TapMemory> &memory_, Bell *bell_, std::uint64_t key_, bool muted_)
        : memory(memory_), bell(bell_), key(key_), row(-1), muted(muted_), plays(false)
    {
    }
    ~LegState()
    {
        if (row >= 0) memory->release(unsigned(row));
    }
    void tell(AudioEventKind kind, unsigned ticket, std::uint64_t at_ns)
    {
        const AudioEvent event = {std::uint64_t(kind), key, ticket, at_ns};
        memory->push_event(event);
        bell->ring();
    }

    const std::shared_ptr<TapMemory> memory;
    Bell *const bell;
    const std::uint64_t key;
    int row;
    std::atomic<bool> muted;

    /* Held for a pointer swap by Python's side and for one frame's copy by the clock thread. */
    std::mutex play_mutex;
    std::unique_ptr<Playing> playing;
    std::atomic<bool> plays;
};

namespace {

const unsigned SIGNATURE = PJMEDIA_SIG_CLASS_PORT_AUD('L', 'A');
const unsigned STAT_EVERY_FRAMES = 25; /* 0.5 s between looks at the packet counter while no frame is normal */

/* So long after the last packet a gap is taken as loss and is concealed by the decoder; after that as silence. */
const unsigned CONCEALED_FRAMES = 5;

/* The port between the stream and the bridge. */
struct LegPort {
    pjmedia_port base; /* first: PJMEDIA casts */
    pj_pool_t *pool;
    pjmedia_port *inner;
    pjmedia_stream *stream;
    std::shared_ptr<LegState> state;

    unsigned samples_per_frame, samples_8k; /* of the stream; the same time at 8 kHz */
    pjmedia_resample *down, *up;            /* NULL at 8 kHz */
    std::vector<std::int16_t> narrow;       /* one frame at 8 kHz */
    std::vector<std::int16_t> wide;         /* one frame at the stream's rate */
    unsigned filled;                        /* samples in the slot being filled */
    std::uint8_t flag;                      /* worst of what went into it */
    unsigned empty_run;                     /* frames since the jitter buffer last gave one */
    unsigned idle_frames;                   /* since the packet counter was looked at */
    unsigned packets;
};

std::uint64_t wall_ns()
{
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return std::uint64_t(now.tv_sec) * 1000000000u + std::uint64_t(now.tv_nsec);
}

/* The first packet's arrival: PJMEDIA notes the wall time of the newest packet, taken to the monotonic clock here. */
void look_for_rtp(LegPort *port, std::uint64_t now)
{
    pjmedia_rtcp_stat stat;
    if (pjmedia_stream_get_stat(port->stream, &stat) != PJ_SUCCESS || stat.rx.pkt == port->packets) return;
    port->packets = stat.rx.pkt;
    TapRow &row = port->state->memory->row[unsigned(port->state->row)];
    row.last_rtp_ns.store(now, std::memory_order_relaxed);
    if (row.first_rtp_ns.load(std::memory_order_relaxed)) return;
    const std::uint64_t seen = std::uint64_t(stat.rx.update.sec) * 1000000000u + std::uint64_t(stat.rx.update.msec) * 1000000u;
    const std::uint64_t wall = wall_ns();
    const std::uint64_t ago = wall > seen && wall - seen < 1000000000u ? wall - seen : 0;
    row.first_rtp_ns.store(now - ago, std::memory_order_relaxed);
    port->state->tell(AUDIO_FIRST_RTP, 0, now - ago);
}

std::uint8_t flag_of(LegPort *port, const pjmedia_frame *frame, std::uint64_t now)
{
    TapRow &row = port->state->memory->row[unsigned(port->state->row)];
    const char last = frame->type == PJMEDIA_FRAME_TYPE_AUDIO
                          ? pjmedia_stream_get_last_jb_frame_type(port->stream)
                          : char(PJMEDIA_JB_ZERO_EMPTY_FRAME);
    if (!row.first_rtp_ns.load(std::memory_order_relaxed) || ++port->idle_frames >= STAT_EVERY_FRAMES) {
        port->idle_frames = 0;
        look_for_rtp(port, now);
    }
    if (last == PJMEDIA_JB_NORMAL_FRAME) {
        /* jb_last_frm starts as "normal": before the first packet nothing can be. */
        if (!row.first_rtp_ns.load(std::memory_order_relaxed)) return FRAME_SILENCE;
        row.last_rtp_ns.store(now, std::memory_order_relaxed);
        port->idle_frames = port->empty_run = 0;
        return FRAME_NORMAL;
    }
    if (last == PJMEDIA_JB_MISSING_FRAME) return FRAME_LOST;
    /* A jitter buffer that runs empty looks the same for a lost packet, a late one and a talker who went silent. */
    const bool flowing = row.first_rtp_ns.load(std::memory_order_relaxed) != 0;
    return flowing && ++port->empty_run <= CONCEALED_FRAMES ? FRAME_LOST : FRAME_SILENCE;
}

/* Cuts what arrived into slots of 20 ms; frames of 10, 20, 30 or 60 ms all come out as such. */
void tap(LegPort *port, const std::int16_t *samples, unsigned n, std::uint8_t flag, std::uint64_t now)
{
    TapMemory &memory = *port->state->memory;
    const unsigned row = unsigned(port->state->row);
    while (n) {
        std::int16_t *slot = memory.slot_samples(row, memory.row[row].written.load(std::memory_order_relaxed));
        const unsigned fits = FRAME_SAMPLES - port->filled;
        const unsigned now_in = n < fits ? n : fits;
        if (samples) {
            std::memcpy(slot + port->filled, samples, now_in * sizeof(*slot));
            samples += now_in;
        } else {
            std::memset(slot + port->filled, 0, now_in * sizeof(*slot));
        }
        /* Worst first: lost over silence over normal. */
        if (flag == FRAME_LOST || port->flag == FRAME_NORMAL) port->flag = flag;
        port->filled += now_in;
        n -= now_in;
        if (port->filled == FRAME_SAMPLES) {
            memory.publish(row, port->flag, now);
            port->filled = 0;
            port->flag = FRAME_NORMAL;
        }
    }
}

pj_status_t get_frame(pjmedia_port *base, pjmedia_frame *frame)
{
    LegPort *port = reinterpret_cast<LegPort *>(base);
    const pj_status_t status = pjmedia_port_get_frame(port->inner, frame);
    if (port->state->row < 0) return status;
    const std::uint64_t now = monotonic_ns();
    if (status != PJ_SUCCESS) frame->type = PJMEDIA_FRAME_TYPE_NONE;
    const std::uint8_t flag = flag_of(port, frame, now);
    const std::int16_t *samples = NULL;
    if (frame->type == PJMEDIA_FRAME_TYPE_AUDIO && frame->size >= port->samples_per_frame * 2) {
        samples = static_cast<const std::int16_t *>(frame->buf);
        if (port->down) {
            pjmedia_resample_run(port->down, samples, port->narrow.data());
            samples = port->narrow.data();
        }
    }
    tap(port, samples, port->samples_8k, flag, now);
    return status;
}

/* Fills `out` from the playlist; false when nothing plays. Tells the start and the end. */
bool next_of_playlist(LegPort *port, std::int16_t *out, unsigned n)
{
    LegState &state = *port->state;
    if (!state.plays.load(std::memory_order_acquire)) return false;
    std::lock_guard<std::mutex> guard(state.play_mutex);
    if (!state.playing) return false;
    const std::uint64_t now = monotonic_ns();
    Playing &playing = *state.playing;
    const bool had_started = playing.started();
    playing.fill(out, n);
    if (!had_started && playing.started()) state.tell(AUDIO_PLAY_STARTED, playing.ticket(), now);
    if (playing.finished()) {
        state.tell(AUDIO_PLAY_FINISHED, playing.ticket(), now);
        state.playing.reset();
        state.plays.store(false, std::memory_order_release);
    }
    return true;
}

pj_status_t put_frame(pjmedia_port *base, pjmedia_frame *frame)
{
    LegPort *port = reinterpret_cast<LegPort *>(base);
    std::int16_t *out = port->wide.data();
    std::int16_t *prompt = port->up ? port->narrow.data() : out;
    if (!next_of_playlist(port, prompt, port->samples_8k)) {
        const bool silent = frame->type == PJMEDIA_FRAME_TYPE_NONE;
        if (silent && port->state->muted.load(std::memory_order_relaxed)) return PJ_SUCCESS;
        return pjmedia_port_put_frame(port->inner, frame);
    }
    if (port->up) pjmedia_resample_run(port->up, prompt, out);
    pjmedia_frame replaced = *frame;
    replaced.type = PJMEDIA_FRAME_TYPE_AUDIO;
    replaced.buf = out;
    replaced.size = port->samples_per_frame * sizeof(*out);
    return pjmedia_port_put_frame(port->inner, &replaced);
}

pj_status_t on_destroy(pjmedia_port *base)
{
    LegPort *port = reinterpret_cast<LegPort *>(base);
    if (port->down) pjmedia_resample_destroy(port->down);
    if (port->up) pjmedia_resample_destroy(port->up);
    pj_grp_lock_t *stream_lock = port->inner->grp_lock;
    pj_pool_t *pool = port->pool;
    delete port;
    if (stream_lock) pj_grp_lock_dec_ref(stream_lock);
    pj_pool_release(pool);
    return PJ_SUCCESS;
}

LegPort *make_port(pjmedia_stream *stream, pjmedia_port *inner, const std::shared_ptr<LegState> &state)
{
    LegPort *port = new LegPort();
    port->pool = pjsua_pool_create("leg", 1000, 1000);
    port->inner = inner;
    port->stream = stream;
    port->state = state;
    port->flag = FRAME_NORMAL;
    const unsigned rate = PJMEDIA_PIA_SRATE(&inner->info);
    port->samples_per_frame = PJMEDIA_PIA_SPF(&inner->info);
    port->samples_8k = unsigned(std::uint64_t(port->samples_per_frame) * RATE / rate);
    port->wide.resize(port->samples_per_frame);
    port->narrow.resize(port->samples_8k);
    if (rate != RATE) {
        pjmedia_resample_create(port->pool, PJ_TRUE, PJ_FALSE, 1, rate, RATE, port->samples_per_frame, &port->down);
        pjmedia_resample_create(port->pool, PJ_TRUE, PJ_FALSE, 1, RATE, rate, port->samples_8k, &port->up);
    }
    const pj_str_t name = pj_str(const_cast<char *>("leg"));
    pjmedia_port_info_init2(&port->base.info, &name, SIGNATURE, PJMEDIA_DIR_ENCODING_DECODING, &inner->info.fmt);
    port->base.get_frame = &get_frame;
    port->base.put_frame = &put_frame;
    port->base.on_destroy = &on_destroy;
    if (inner->grp_lock) pj_grp_lock_add_ref(inner->grp_lock);
    pjmedia_port_init_grp_lock(&port->base, port->pool, NULL);
    return port;
}

double mean_ms(const pj_math_stat &stat) { return stat.n ? double(stat.mean) / 1000.0 : 0.0; }

RtpFigures figures_of(pjmedia_stream *stream)
{
    RtpFigures out;
    pjmedia_rtcp_stat rtcp;
    pjmedia_jb_state buffer;
    if (pjmedia_stream_get_stat(stream, &rtcp) == PJ_SUCCESS) {
        out.rx_packets = rtcp.rx.pkt;
        out.rx_lost = rtcp.rx.loss;
        out.rx_discarded = rtcp.rx.discard;
        out.rx_duplicate = rtcp.rx.dup;
        out.rx_reordered = rtcp.rx.reorder;
        out.rx_jitter_ms = mean_ms(rtcp.rx.jitter);
        out.tx_packets = rtcp.tx.pkt;
        out.tx_lost = rtcp.tx.loss;
        out.tx_jitter_ms = mean_ms(rtcp.tx.jitter);
        /* The smallest: a report answered across a re-INVITE gives one sample that is far too large. */
        out.round_trip_ms = rtcp.rtt.n ? double(rtcp.rtt.min) / 1000.0 : 0.0;
    }
    out.foreign = foreign_packets(pjmedia_stream_get_transport(stream));
    if (pjmedia_stream_get_stat_jbuf(stream, &buffer) == PJ_SUCCESS) {
        out.buffer_lost = buffer.lost;
        out.buffer_discarded = buffer.discard;
        out.buffer_empty = buffer.empty;
    }
    return out;
}

RtpFigures sum(const RtpFigures &a, const RtpFigures &b)
{
    RtpFigures out = b.rx_packets || b.tx_packets ? b : a; /* jitter and round trip: the newest known */
    out.rx_packets = a.rx_packets + b.rx_packets;
    out.rx_lost = a.rx_lost + b.rx_lost;
    out.rx_discarded = a.rx_discarded + b.rx_discarded;
    out.rx_duplicate = a.rx_duplicate + b.rx_duplicate;
    out.rx_reordered = a.rx_reordered + b.rx_reordered;
    out.tx_packets = a.tx_packets + b.tx_packets;
    out.tx_lost = a.tx_lost + b.tx_lost;
    out.foreign = a.foreign + b.foreign;
    out.buffer_lost = a.buffer_lost + b.buffer_lost;
    out.buffer_discarded = a.buffer_discarded + b.buffer_discarded;
    out.buffer_empty = a.buffer_empty + b.buffer_empty;
    return out;
}

pj_status_t drain_destroy(pjmedia_port *port)
{
    pj_pool_release(static_cast<pj_pool_t *>(port->port_data.pdata));
    return PJ_SUCCESS;
}

pj_status_t drain_put(pjmedia_port *, pjmedia_frame *) { return PJ_SUCCESS; }

} // namespace
} // namespace dialer

using namespace dialer;

Prompt::Prompt(size_t address, size_t samples)
    : pcm(std::make_shared<std::vector<std::int16_t> >(reinterpret_cast<const std::int16_t *>(address),
                                                       reinterpret_cast<const std::int16_t *>(address) + samples))
{
}

size_t Prompt::samples() const { return pcm->size(); }

PlayOrder::PlayOrder() : loop(false), delay_samples(0), max_samples(0), ticket(0) {}

void PlayOrder::add(const Prompt &prompt) { pcm.push_back(prompt.pcm); }

RtpFigures::RtpFigures() { std::memset(this, 0, sizeof(*this)); }

LegAudio::LegAudio(TapBank &bank, Bell &bell, unsigned long long key, bool muted)
    : state_(std::make_shared<LegState>(bank.memory, &bell, key, muted)), stream_(NULL)
{
}

LegAudio::~LegAudio() { stop(0); }

bool LegAudio::attach(pj::OnStreamCreatedParam &prm)
{
    stream_ = static_cast<pjmedia_stream *>(prm.stream);
    if (state_->row < 0) state_->row = state_->memory->acquire();
    LegPort *port = make_port(stream_, static_cast<pjmedia_port *>(prm.pPort), state_);
    prm.pPort = &port->base;
    prm.destroyPort = true;

    pjmedia_stream_info info;
    if (pjmedia_stream_get_info(stream_, &info) == PJ_SUCCESS) {
        codec_.assign(info.fmt.encoding_name.ptr, size_t(info.fmt.encoding_name.slen));
        codec_ += "/" + std::to_string(info.fmt.clock_rate);
    }
    return state_->row >= 0;
}

void LegAudio::detach(const pj::OnStreamDestroyedParam &prm)
{
    if (prm.stream != stream_) return;
    past_ = sum(past_, figures_of(stream_));
    stream_ = NULL;
}

int LegAudio::row() const { return state_->row; }

unsigned long long LegAudio::start() const
{
    return state_->row < 0 ? 0 : state_->memory->row[unsigned(state_->row)].start;
}

std::string LegAudio::codec() const { return codec_; }
RtpFigures LegAudio::figures() const { return stream_ ? sum(past_, figures_of(stream_)) : past_; }

void LegAudio::set_muted(bool muted) { state_->muted.store(muted, std::memory_order_relaxed); }

void LegAudio::play(const PlayOrder &order)
{
    std::unique_ptr<Playing> next(new Playing(order.pcm, order.loop, order.delay_samples, order.max_samples, order.ticket));
    {
        std::lock_guard<std::mutex> guard(state_->play_mutex);
        state_->playing.swap(next);
        state_->plays.store(true, std::memory_order_release);
    }
    /* What played before is freed here, outside the lock. */
}

bool LegAudio::stop(unsigned ticket)
{
    std::unique_ptr<Playing> old;
    std::lock_guard<std::mutex> guard(state_->play_mutex);
    if (!state_->playing || (ticket && state_->playing->ticket() != ticket)) return false;
    old.swap(state_->playing);
    state_->plays.store(false, std::memory_order_release);
    return true;
}

CallBrief::CallBrief() : state(-1), status(0), media_status(PJSUA_CALL_MEDIA_NONE) {}

CallBrief call_brief(int call_id)
{
    CallBrief out;
    pjsua_call_info info;
    if (call_id < 0 || pjsua_call_get_info(call_id, &info) != PJ_SUCCESS) return out;
    out.state = info.state;
    out.status = info.last_status;
    out.media_status = info.media_status;
    out.reason.assign(info.last_status_text.ptr, size_t(info.last_status_text.slen));
    return out;
}

bool join_calls(int one, int other)
{
    const pjsua_conf_port_id a = pjsua_call_get_conf_port(one), b = pjsua_call_get_conf_port(other);
    if (a == PJSUA_INVALID_ID || b == PJSUA_INVALID_ID) return false;
    return pjsua_conf_connect(a, b) == PJ_SUCCESS && pjsua_conf_connect(b, a) == PJ_SUCCESS;
}

bool part_calls(int one, int other)
{
    const pjsua_conf_port_id a = pjsua_call_get_conf_port(one), b = pjsua_call_get_conf_port(other);
    if (a == PJSUA_INVALID_ID || b == PJSUA_INVALID_ID) return false; /* the port left the bridge and took its joints along */
    pjsua_conf_disconnect(a, b);
    pjsua_conf_disconnect(b, a);
    return true;
}

AudioDrain::AudioDrain() : slot_(PJSUA_INVALID_ID) {}

void AudioDrain::open()
{
    pj_pool_t *pool = pjsua_pool_create("drain", 1000, 1000);
    pjmedia_port *port = static_cast<pjmedia_port *>(pj_pool_zalloc(pool, sizeof(pjmedia_port)));
    const pj_str_t name = pj_str(const_cast<char *>("drain"));
    pjmedia_port_info_init(&port->info, &name, PJMEDIA_SIG_CLASS_PORT_AUD('D', 'R'), RATE, 1, 16, FRAME_SAMPLES);
    port->port_data.pdata = pool;
    port->put_frame = &drain_put;
    port->on_destroy = &drain_destroy;
    if (pjsua_conf_add_port(pool, port, &slot_) != PJ_SUCCESS) throw std::runtime_error("AudioDrain: bridge is full");
    pjmedia_conf_configure_port(pjsua_var.mconf, unsigned(slot_), PJMEDIA_PORT_DISABLE, PJMEDIA_PORT_DISABLE);
}

void AudioDrain::close()
{
    if (slot_ == PJSUA_INVALID_ID) return;
    pjsua_conf_remove_port(slot_);
    slot_ = PJSUA_INVALID_ID;
}

bool AudioDrain::feed(int call_id)
{
    const pjsua_conf_port_id port = pjsua_call_get_conf_port(call_id);
    return port != PJSUA_INVALID_ID && pjsua_conf_connect(port, slot_) == PJ_SUCCESS;
}
