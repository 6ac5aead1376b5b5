/* TapBank: what every leg's far end says, in one matrix that any thread may read without a lock.
 *
 * Memory: [rows x slots] slots of 160 samples (20 ms at 8 kHz, int16), a flag byte and a monotonic time stamp (ns) per
 * slot. Frame number f of a row lies in slot f mod slots. The frame counter of a row only grows, over all the legs
 * that use the row one after another; a leg's first frame is given by start().
 *
 * Memory order: a row has one producer, PJMEDIA's clock thread. It fills the slot of frame `written`, then stores
 * written + 1 with release order. A reader loads `written` with acquire order and may read the slots
 * [written - slots + 1, written): the slot of frame `written - slots` is the one being overwritten. After its copy the
 * reader loads `written` again; frames that were overtaken meanwhile are marked LOST and counted as overrun, so a slow
 * reader loses frames knowingly, and never takes half of one frame for another. Overrun is detected on read, per row:
 * the producer never waits and knows no reader.
 *
 * Rows are handed out longest rested first, and a row comes back only when its leg has released it and the last port
 * that writes into it is destroyed.
 */
#ifndef DIALER_TAP_BANK_HPP
#define DIALER_TAP_BANK_HPP

#ifndef SWIG
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace dialer {

const unsigned FRAME_SAMPLES = 160;
const unsigned RATE = 8000;

/* Normal: as it came. Lost: made up by the decoder for a packet that was lost or late. Silence: nothing is arriving. */
enum FrameFlag { FRAME_NORMAL = 0, FRAME_LOST = 1, FRAME_SILENCE = 2 };

std::uint64_t monotonic_ns();

struct alignas(64) TapRow {
    std::atomic<std::uint64_t> written;
    std::atomic<std::uint64_t> first_rtp_ns; /* 0 = no packet yet */
    std::atomic<std::uint64_t> last_rtp_ns;
    std::atomic<std::uint64_t> normal, lost, silence;
    std::atomic<std::uint64_t> overrun;
    std::uint64_t start;
    TapRow() : written(0), first_rtp_ns(0), last_rtp_ns(0), normal(0), lost(0), silence(0), overrun(0), start(0) {}
};

/* One thing that happened in the clock thread, for the SIP thread. */
struct AudioEvent {
    std::uint64_t kind, key, ticket, at_ns;
};

enum AudioEventKind { AUDIO_FIRST_RTP = 1, AUDIO_PLAY_STARTED = 2, AUDIO_PLAY_FINISHED = 3 };

/* The memory itself; shared with the ports, so that it outlives whichever ends last. */
class TapMemory {
public:
    TapMemory(unsigned rows, unsigned slots);
    ~TapMemory();
    int acquire();
    void release(unsigned row);
    unsigned in_use();

    /* Clock thread. */
    std::int16_t *slot_samples(unsigned row, std::uint64_t frame);
    void publish(unsigned row, std::uint8_t flag, std::uint64_t now_ns);
    bool push_event(const AudioEvent &event);

    const unsigned rows, slots;
    std::int16_t *samples;
    std::uint8_t *flags;
    std::uint64_t *stamps;
    std::vector<TapRow> row;

    std::mutex events_mutex;
    std::vector<AudioEvent> events;
    std::uint64_t events_dropped;

private:
    TapMemory(const TapMemory &);
    TapMemory &operator=(const TapMemory &);
    std::mutex free_mutex_;
    std::deque<unsigned> free_;
};

} // namespace dialer
#endif

class TapBank {
public:
    TapBank(unsigned rows, unsigned slots);

    unsigned rows() const;
    unsigned slots() const;
    unsigned rows_in_use() const;

    /* Addresses for numpy: int16 [rows, slots * 160], uint8 [rows, slots], uint64 [rows, slots]. The memory lives as
     * long as this object or any leg. */
    size_t samples_address() const;
    size_t flags_address() const;
    size_t stamps_address() const;

    unsigned long long written(unsigned row) const;
    unsigned long long start(unsigned row) const;

    /* All rows at once: uint64 [rows] at `address`. */
    void positions(size_t address) const;
    /* All rows at once, uint64 [rows, 6]: first RTP ns, last RTP ns, normal, lost, silence, overrun. */
    void figures(size_t address) const;

    /* Bulk read, first half: how many frames wait. rows: int32 [k]; cursors: uint64 [k] in frames, moved on where frames
     * are already overwritten; counts: int32 [k] in frames, at most max_frames each. Gives the largest count. */
    unsigned pending(size_t rows, unsigned k, size_t cursors, unsigned max_frames, size_t counts);
    /* Second half: copies counts[i] frames of each row from its cursor and moves the cursor on. samples: int16 [k, n *
     * 160], zero behind the count; flags: uint8 [k, n]; n: what pending() gave. */
    void collect(size_t rows, unsigned k, size_t cursors, size_t counts, unsigned n, size_t samples, size_t flags);

    /* Takes up to `max` events, uint64 [max, 4]: kind, leg key, ticket, monotonic ns. Gives how many. */
    unsigned drain(size_t address, unsigned max);
    unsigned long long events_dropped() const;

#ifndef SWIG
    std::shared_ptr<dialer::TapMemory> memory;
#endif
};

#endif
