#include "tap_bank.hpp"

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <stdexcept>

namespace dialer {

namespace {
const std::size_t MAX_EVENTS = 65536;
}

std::uint64_t monotonic_ns()
{
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* the clock of Python's time.monotonic() */
    return std::uint64_t(now.tv_sec) * 1000000000u + std::uint64_t(now.tv_nsec);
}

TapMemory::TapMemory(unsigned rows_, unsigned slots_)
    : rows(rows_), slots(slots_), samples(NULL), flags(NULL), stamps(NULL), row(rows_), events_dropped(0)
{
    if (rows < 1 || slots < 4) throw std::invalid_argument("TapBank: at least 1 row of 4 slots");
    const std::size_t frames = std::size_t(rows) * slots;
    /* calloc: pages of rows that no leg uses are never touched, so they cost no memory. */
    samples = static_cast<std::int16_t *>(std::calloc(frames, FRAME_SAMPLES * sizeof(std::int16_t)));
    flags = static_cast<std::uint8_t *>(std::calloc(frames, 1));
    stamps = static_cast<std::uint64_t *>(std::calloc(frames, sizeof(std::uint64_t)));
    if (!samples || !flags || !stamps) throw std::bad_alloc();
    for (unsigned i = 0; i < rows; ++i) free_.push_back(i);
    events.reserve(256);
}

TapMemory::~TapMemory()
{
    std::free(samples);
    std::free(flags);
    std::free(stamps);
}

int TapMemory::acquire()
{
    std::lock_guard<std::mutex> guard(free_mutex_);
    if (free_.empty()) return -1;
    const unsigned index = free_.front();
    free_.pop_front();
    TapRow &r = row[index];
    r.start = r.written.load(std::memory_order_relaxed);
    r.first_rtp_ns.store(0, std::memory_order_relaxed);
    r.last_rtp_ns.store(0, std::memory_order_relaxed);
    r.normal.store(0, std::memory_order_relaxed);
    r.lost.store(0, std::memory_order_relaxed);
    r.silence.store(0, std::memory_order_relaxed);
    r.overrun.store(0, std::memory_order_relaxed);
    return int(index);
}

void TapMemory::release(unsigned index)
{
    std::lock_guard<std::mutex> guard(free_mutex_);
    free_.push_back(index);
}

unsigned TapMemory::in_use()
{
    std::lock_guard<std::mutex> guard(free_mutex_);
    return rows - unsigned(free_.size());
}

std::int16_t *TapMemory::slot_samples(unsigned index, std::uint64_t frame)
{
    return samples + (std::size_t(index) * slots + frame % slots) * FRAME_SAMPLES;
}

void TapMemory::publish(unsigned index, std::uint8_t flag, std::uint64_t now_ns)
{
    TapRow &r = row[index];
    const std::uint64_t frame = r.written.load(std::memory_order_relaxed);
    const std::size_t slot = std::size_t(index) * slots + frame % slots;
    flags[slot] = flag;
    stamps[slot] = now_ns;
    std::atomic<std::uint64_t> &count = flag == FRAME_NORMAL ? r.normal : flag == FRAME_LOST ? r.lost : r.silence;
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    r.written.store(frame + 1, std::memory_order_release);
}

bool TapMemory::push_event(const AudioEvent &event)
{
    std::lock_guard<std::mutex> guard(events_mutex);
    if (events.size() >= MAX_EVENTS) {
        ++events_dropped;
        return false;
    }
    events.push_back(event);
    return true;
}

} // namespace dialer

using dialer::FRAME_LOST;
using dialer::FRAME_SAMPLES;
using dialer::TapRow;

TapBank::TapBank(unsigned rows, unsigned slots) : memory(std::make_shared<dialer::TapMemory>(rows, slots)) {}

unsigned TapBank::rows() const { return memory->rows; }
unsigned TapBank::slots() const { return memory->slots; }
unsigned TapBank::rows_in_use() const { return memory->in_use(); }
size_t TapBank::samples_address() const { return reinterpret_cast<size_t>(memory->samples); }
size_t TapBank::flags_address() const { return reinterpret_cast<size_t>(memory->flags); }
size_t TapBank::stamps_address() const { return reinterpret_cast<size_t>(memory->stamps); }
unsigned long long TapBank::events_dropped() const { return memory->events_dropped; }

unsigned long long TapBank::written(unsigned row) const
{
    return memory->row.at(row).written.load(std::memory_order_acquire);
}

unsigned long long TapBank::start(unsigned row) const { return memory->row.at(row).start; }

void TapBank::positions(size_t address) const
{
    std::uint64_t *out = reinterpret_cast<std::uint64_t *>(address);
    for (unsigned i = 0; i < memory->rows; ++i) out[i] = memory->row[i].written.load(std::memory_order_acquire);
}

void TapBank::figures(size_t address) const
{
    std::uint64_t *out = reinterpret_cast<std::uint64_t *>(address);
    for (unsigned i = 0; i < memory->rows; ++i, out += 6) {
        const TapRow &r = memory->row[i];
        out[0] = r.first_rtp_ns.load(std::memory_order_relaxed);
        out[1] = r.last_rtp_ns.load(std::memory_order_relaxed);
        out[2] = r.normal.load(std::memory_order_relaxed);
        out[3] = r.lost.load(std::memory_order_relaxed);
        out[4] = r.silence.load(std::memory_order_relaxed);
        out[5] = r.overrun.load(std::memory_order_relaxed);
    }
}

unsigned TapBank::pending(size_t rows, unsigned k, size_t cursors, unsigned max_frames, size_t counts)
{
    const std::int32_t *index = reinterpret_cast<const std::int32_t *>(rows);
    std::uint64_t *cursor = reinterpret_cast<std::uint64_t *>(cursors);
    std::int32_t *count = reinterpret_cast<std::int32_t *>(counts);
    const std::uint64_t safe = memory->slots - 1; /* one slot is being written */
    unsigned largest = 0;
    for (unsigned i = 0; i < k; ++i) {
        TapRow &r = memory->row.at(unsigned(index[i]));
        const std::uint64_t written = r.written.load(std::memory_order_acquire);
        std::uint64_t &at = cursor[i];
        if (at > written) at = written;
        if (written - at > safe) {
            r.overrun.fetch_add(written - safe - at, std::memory_order_relaxed);
            at = written - safe;
        }
        const std::uint64_t waiting = written - at;
        count[i] = std::int32_t(waiting < max_frames ? waiting : max_frames);
        if (unsigned(count[i]) > largest) largest = unsigned(count[i]);
    }
    return largest;
}

void TapBank::collect(size_t rows, unsigned k, size_t cursors, size_t counts, unsigned n, size_t samples, size_t flags)
{
    const std::int32_t *index = reinterpret_cast<const std::int32_t *>(rows);
    std::uint64_t *cursor = reinterpret_cast<std::uint64_t *>(cursors);
    const std::int32_t *count = reinterpret_cast<const std::int32_t *>(counts);
    std::int16_t *out = reinterpret_cast<std::int16_t *>(samples);
    std::uint8_t *flag = reinterpret_cast<std::uint8_t *>(flags);
    for (unsigned i = 0; i < k; ++i, out += size_t(n) * FRAME_SAMPLES, flag += n) {
        const unsigned row = unsigned(index[i]);
        const unsigned frames = unsigned(count[i]);
        TapRow &r = memory->row.at(row);
        const std::uint64_t from = cursor[i];
        for (unsigned f = 0; f < frames; ++f) {
            std::memcpy(out + size_t(f) * FRAME_SAMPLES, memory->slot_samples(row, from + f), FRAME_SAMPLES * 2);
            flag[f] = memory->flags[size_t(row) * memory->slots + (from + f) % memory->slots];
        }
        std::memset(out + size_t(frames) * FRAME_SAMPLES, 0, size_t(n - frames) * FRAME_SAMPLES * 2);
        std::memset(flag + frames, 0, n - frames);
        /* The copy above must be done before the counter is looked at again. */
        std::atomic_thread_fence(std::memory_order_acquire);
        const std::uint64_t written = r.written.load(std::memory_order_relaxed);
        for (unsigned f = 0; f < frames && written - (from + f) >= memory->slots; ++f) {
            flag[f] = FRAME_LOST;
            r.overrun.fetch_add(1, std::memory_order_relaxed);
        }
        cursor[i] = from + frames;
    }
}

unsigned TapBank::drain(size_t address, unsigned max)
{
    std::lock_guard<std::mutex> guard(memory->events_mutex);
    const size_t n = memory->events.size() < max ? memory->events.size() : max;
    if (n) {
        std::memcpy(reinterpret_cast<void *>(address), memory->events.data(), n * sizeof(dialer::AudioEvent));
        memory->events.erase(memory->events.begin(), memory->events.begin() + std::ptrdiff_t(n));
    }
    return unsigned(n);
}
