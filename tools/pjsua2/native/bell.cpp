#include "bell.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include <pjsua-lib/pjsua.h>

Bell::Bell() : sender_(-1), receiver_(-1), rung_(false), pool_(NULL), key_(NULL), op_(), buffer_()
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        throw std::runtime_error("Bell: no socket pair");
    sender_ = ends[0];
    receiver_ = ends[1];
}

Bell::~Bell()
{
    take_down();
    if (receiver_ >= 0) close(receiver_);
    close(sender_);
}

void Bell::ring()
{
    /* acq_rel: what the caller queued before ringing is seen by the poller that clears the flag. */
    if (!rung_.exchange(true, std::memory_order_acq_rel)) {
        const char byte = 1;
        (void)!send(sender_, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void Bell::hang()
{
    pj_ioqueue_callback callbacks;
    pj_bzero(&callbacks, sizeof(callbacks));
    callbacks.on_read_complete = &Bell::on_ring;
    pool_ = pjsua_pool_create("bell", 512, 512);
    pj_ioqueue_t *queue = pjsip_endpt_get_ioqueue(pjsua_get_pjsip_endpt());
    if (pj_ioqueue_register_sock(pool_, queue, receiver_, this, &callbacks, &key_) != PJ_SUCCESS)
        throw std::runtime_error("Bell: the ioqueue takes no more sockets");
    pj_ioqueue_op_key_init(&op_, sizeof(op_));
    listen();
}

void Bell::take_down()
{
    if (key_) {
        pj_ioqueue_unregister(key_); /* closes the socket */
        key_ = NULL;
        receiver_ = -1;
    }
    if (pool_) {
        pj_pool_release(pool_);
        pool_ = NULL;
    }
}

void Bell::listen()
{
    pj_ssize_t size = sizeof(buffer_);
    pj_ioqueue_recv(key_, &op_, buffer_, &size, PJ_IOQUEUE_ALWAYS_ASYNC);
}

void Bell::on_ring(pj_ioqueue_key_t *key, pj_ioqueue_op_key_t *, pj_ssize_t)
{
    Bell *bell = static_cast<Bell *>(pj_ioqueue_get_user_data(key));
    if (!bell) return;
    /* Cleared before the poller looks into its queues: a ring from now on is a new one. */
    bell->rung_.store(false, std::memory_order_release);
    bell->listen();
}
