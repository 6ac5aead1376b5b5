/* Bell: wakes the thread that polls pjsua2, from any thread, at once.
 *
 * libHandleEvents() sleeps in the ioqueue. A datagram socket pair is registered there; ring() sends one byte into it.
 * Rings that come before the poller has woken are one ring. ring() never blocks and calls nothing of pjlib, so a
 * thread that pjlib does not know may use it.
 */
#ifndef DIALER_BELL_HPP
#define DIALER_BELL_HPP

#ifndef SWIG
#include <atomic>
#include <pjlib.h>
#endif

class Bell {
public:
    Bell();
    ~Bell();

    /* Any thread: wakes the poller. */
    void ring();

    /* The SIP thread, after libInit(): registers with pjsua's ioqueue. Throws std::runtime_error when that fails. */
    void hang();

    /* The SIP thread, before libDestroy(): leaves the ioqueue. */
    void take_down();

#ifndef SWIG
private:
    Bell(const Bell &);
    Bell &operator=(const Bell &);
    static void on_ring(pj_ioqueue_key_t *key, pj_ioqueue_op_key_t *op, pj_ssize_t size);
    void listen();

    int sender_;
    int receiver_;
    std::atomic<bool> rung_;
    pj_pool_t *pool_;
    pj_ioqueue_key_t *key_;
    pj_ioqueue_op_key_t op_;
    char buffer_[16];
#endif
};

#endif
