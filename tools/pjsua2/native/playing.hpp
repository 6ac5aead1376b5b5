/* Playing: where a playlist stands. Pure: no clock, no lock, no PJMEDIA. */
#ifndef DIALER_PLAYING_HPP
#define DIALER_PLAYING_HPP

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace dialer {

typedef std::shared_ptr<const std::vector<std::int16_t> > Pcm;

class Playing {
public:
    Playing(const std::vector<Pcm> &list, bool loop, std::uint64_t delay, std::uint64_t max, unsigned ticket)
        : list_(list), loop_(loop), delay_(delay), left_(max ? max : ~std::uint64_t(0)), ticket_(ticket), index_(0), at_(0),
          started_(false), finished_(false)
    {
        std::size_t total = 0;
        for (std::size_t i = 0; i < list_.size(); ++i) total += list_[i]->size();
        if (!total) list_.clear(); /* nothing to loop over */
    }

    /* Writes n samples, silence before the start and behind the end. */
    void fill(std::int16_t *out, unsigned n)
    {
        while (n && delay_) {
            *out++ = 0;
            --n;
            --delay_;
        }
        while (n && !finished_) {
            if (index_ == list_.size() && loop_) index_ = 0;
            if (index_ >= list_.size() || !left_) {
                finished_ = true;
                break;
            }
            const std::vector<std::int16_t> &pcm = *list_[index_];
            std::uint64_t take = pcm.size() - at_;
            if (take > n) take = n;
            if (take > left_) take = left_;
            std::memcpy(out, pcm.data() + at_, std::size_t(take) * sizeof(*out));
            started_ = started_ || take;
            out += take;
            n -= unsigned(take);
            left_ -= take;
            at_ += std::size_t(take);
            if (at_ == pcm.size()) {
                at_ = 0;
                ++index_;
            }
        }
        std::memset(out, 0, n * sizeof(*out));
        if (!delay_ && (!left_ || (!loop_ && index_ == list_.size()))) finished_ = true;
    }

    unsigned ticket() const { return ticket_; }
    bool started() const { return started_; }
    bool finished() const { return finished_; }

private:
    std::vector<Pcm> list_;
    bool loop_;
    std::uint64_t delay_, left_;
    unsigned ticket_;
    std::size_t index_, at_;
    bool started_, finished_;
};

} // namespace dialer

#endif
