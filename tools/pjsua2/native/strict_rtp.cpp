#include "strict_rtp.hpp"

#include <atomic>
#include <cstring>
#include <new>

#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>

namespace {

const unsigned LEARNING_MS = 250;
const unsigned LEARNING_PACKETS = 4;

struct StrictRtp {
    pjmedia_transport base; /* first: PJMEDIA's pointer to it is ours */
    pj_pool_t *pool;
    pjmedia_transport *lower;
    /* Who the stream is. Left standing after detach(), as a packet may be on its way to it then. */
    void *user_data;
    void (*rtp_cb)(void *, void *, pj_ssize_t);
    void (*rtp_cb2)(pjmedia_tp_cb_param *);
    void (*rtcp_cb)(void *, void *, pj_ssize_t);
    /* Who may speak. Written at attach(), then by the one thread that reads the socket. */
    pj_sockaddr announced, taken, candidate;
    bool is_taken;
    unsigned in_sequence;
    pj_uint16_t next_sequence;
    pj_time_val learning_until;
    std::atomic<unsigned> foreign;
};

StrictRtp *strict(pjmedia_transport *transport) { return reinterpret_cast<StrictRtp *>(transport); }

void take(StrictRtp *self, const pj_sockaddr *sender)
{
    pj_sockaddr_cp(&self->taken, sender);
    self->is_taken = true;
}

/* True when a sender that nobody announced has shown that it is the far end. */
bool learned(StrictRtp *self, const pj_sockaddr *sender, const void *packet, pj_ssize_t size)
{
    if (size < pj_ssize_t(sizeof(pjmedia_rtp_hdr))) return false;
    const pj_uint16_t sequence = pj_ntohs(static_cast<const pjmedia_rtp_hdr *>(packet)->seq);
    const bool follows = self->in_sequence && sequence == self->next_sequence && !pj_sockaddr_cmp(&self->candidate, sender);
    self->in_sequence = follows ? self->in_sequence + 1 : 1;
    self->next_sequence = pj_uint16_t(sequence + 1);
    pj_sockaddr_cp(&self->candidate, sender);
    if (self->in_sequence < LEARNING_PACKETS) return false;
    pj_time_val now;
    pj_gettickcount(&now);
    return PJ_TIME_VAL_GTE(now, self->learning_until);
}

bool may_speak(StrictRtp *self, const pj_sockaddr *sender, const void *packet, pj_ssize_t size)
{
    if (!sender) return true;
    if (self->is_taken && !pj_sockaddr_cmp(&self->taken, sender)) return true;
    if (!pj_sockaddr_cmp(&self->announced, sender) || (!self->is_taken && learned(self, sender, packet, size))) {
        take(self, sender);
        return true;
    }
    self->foreign.fetch_add(1, std::memory_order_relaxed);
    return false;
}

void on_rtp(pjmedia_tp_cb_param *param)
{
    StrictRtp *self = static_cast<StrictRtp *>(param->user_data);
    /* An error is passed on: it has no sender. */
    if (param->size > 0 && !may_speak(self, param->src_addr, param->pkt, param->size)) return;
    if (!self->rtp_cb2) {
        self->rtp_cb(self->user_data, param->pkt, param->size);
        return;
    }
    pjmedia_tp_cb_param passed = *param;
    passed.user_data = self->user_data;
    self->rtp_cb2(&passed);
    param->rem_switch = passed.rem_switch;
}

void on_rtcp(void *user_data, void *packet, pj_ssize_t size)
{
    StrictRtp *self = static_cast<StrictRtp *>(user_data);
    self->rtcp_cb(self->user_data, packet, size);
}

pj_status_t attach2(pjmedia_transport *tp, pjmedia_transport_attach_param *param)
{
    StrictRtp *self = strict(tp);
    self->user_data = param->user_data;
    self->rtp_cb = param->rtp_cb;
    self->rtp_cb2 = param->rtp_cb2;
    self->rtcp_cb = param->rtcp_cb;
    pj_sockaddr_cp(&self->announced, &param->rem_addr);
    self->is_taken = false;
    self->in_sequence = 0;
    self->foreign.store(0, std::memory_order_relaxed);
    pj_gettickcount(&self->learning_until);
    self->learning_until.msec += LEARNING_MS;
    pj_time_val_normalize(&self->learning_until);
    pjmedia_transport_attach_param ours = *param;
    ours.user_data = self;
    ours.rtp_cb = NULL;
    ours.rtp_cb2 = &on_rtp;
    ours.rtcp_cb = &on_rtcp;
    return pjmedia_transport_attach2(self->lower, &ours);
}

pj_status_t attach(pjmedia_transport *tp, void *user_data, const pj_sockaddr_t *address, const pj_sockaddr_t *rtcp_address,
                   unsigned length, void (*rtp_cb)(void *, void *, pj_ssize_t), void (*rtcp_cb)(void *, void *, pj_ssize_t))
{
    pjmedia_transport_attach_param param;
    std::memset(&param, 0, sizeof(param));
    param.user_data = user_data;
    std::memcpy(&param.rem_addr, address, length);
    if (rtcp_address) std::memcpy(&param.rem_rtcp, rtcp_address, length);
    param.addr_len = length;
    param.rtp_cb = rtp_cb;
    param.rtcp_cb = rtcp_cb;
    return attach2(tp, &param);
}

void detach(pjmedia_transport *tp, void *) { pjmedia_transport_detach(strict(tp)->lower, strict(tp)); }

pj_status_t get_info(pjmedia_transport *tp, pjmedia_transport_info *info)
{
    return pjmedia_transport_get_info(strict(tp)->lower, info);
}

pj_status_t send_rtp(pjmedia_transport *tp, const void *packet, pj_size_t size)
{
    return pjmedia_transport_send_rtp(strict(tp)->lower, packet, size);
}

pj_status_t send_rtcp(pjmedia_transport *tp, const void *packet, pj_size_t size)
{
    return pjmedia_transport_send_rtcp(strict(tp)->lower, packet, size);
}

pj_status_t send_rtcp2(pjmedia_transport *tp, const pj_sockaddr_t *to, unsigned length, const void *packet, pj_size_t size)
{
    return pjmedia_transport_send_rtcp2(strict(tp)->lower, to, length, packet, size);
}

pj_status_t media_create(pjmedia_transport *tp, pj_pool_t *pool, unsigned options, const pjmedia_sdp_session *remote,
                         unsigned index)
{
    return pjmedia_transport_media_create(strict(tp)->lower, pool, options, remote, index);
}

pj_status_t encode_sdp(pjmedia_transport *tp, pj_pool_t *pool, pjmedia_sdp_session *local, const pjmedia_sdp_session *remote,
                       unsigned index)
{
    return pjmedia_transport_encode_sdp(strict(tp)->lower, pool, local, remote, index);
}

pj_status_t media_start(pjmedia_transport *tp, pj_pool_t *pool, const pjmedia_sdp_session *local,
                        const pjmedia_sdp_session *remote, unsigned index)
{
    /* UDP begins to read, and only then notes that it has started; a packet that the reading thread finds in between would
       be the last it ever reads. That thread stays out while the socket's lock is held. */
    pj_grp_lock_t *lock = strict(tp)->base.grp_lock;
    if (lock) pj_grp_lock_acquire(lock);
    const pj_status_t status = pjmedia_transport_media_start(strict(tp)->lower, pool, local, remote, index);
    if (lock) pj_grp_lock_release(lock);
    return status;
}

pj_status_t media_stop(pjmedia_transport *tp) { return pjmedia_transport_media_stop(strict(tp)->lower); }

pj_status_t simulate_lost(pjmedia_transport *tp, pjmedia_dir direction, unsigned percent)
{
    return pjmedia_transport_simulate_lost(strict(tp)->lower, direction, percent);
}

void release(void *self) { pj_pool_release(static_cast<StrictRtp *>(self)->pool); }

pj_status_t destroy(pjmedia_transport *tp)
{
    StrictRtp *self = strict(tp);
    pj_grp_lock_t *lock = self->base.grp_lock;
    pjmedia_transport_close(self->lower);
    if (lock)
        pj_grp_lock_dec_ref(lock);
    else
        release(self);
    return PJ_SUCCESS;
}

pjmedia_transport_op operations = {
    &get_info, &attach,     &detach,      &send_rtp,   &send_rtcp,     &send_rtcp2, &media_create,
    &encode_sdp, &media_start, &media_stop, &simulate_lost, &destroy,    &attach2,
};

pjmedia_transport *over(pjmedia_transport *lower)
{
    pj_pool_t *pool = pjsua_pool_create("strict_rtp", 512, 512);
    StrictRtp *self = new (pj_pool_zalloc(pool, sizeof(StrictRtp))) StrictRtp();
    self->pool = pool;
    self->lower = lower;
    pj_ansi_strxcpy(self->base.name, pool->obj_name, sizeof(self->base.name));
    self->base.type = pjmedia_transport_type(PJMEDIA_TRANSPORT_TYPE_USER + 1);
    self->base.op = &operations;
    self->base.grp_lock = lower->grp_lock;
    if (lower->grp_lock) {
        pj_grp_lock_add_ref(lower->grp_lock);
        pj_grp_lock_add_handler(lower->grp_lock, pool, self, &release);
    }
    return &self->base;
}

pjmedia_transport *(*before)(pjsua_call_id, unsigned, pjmedia_transport *, unsigned);

/* pjsua2's own part is done first: it makes an incoming call's object. */
pjmedia_transport *create(pjsua_call_id call, unsigned index, pjmedia_transport *lower, unsigned flags)
{
    pjmedia_transport *made = before ? (*before)(call, index, lower, flags) : lower;
    return made && (flags & PJSUA_MED_TP_CLOSE_MEMBER) ? over(made) : made;
}

} // namespace

void keep_rtp_strict()
{
    if (pjsua_var.ua_cfg.cb.on_create_media_transport == &create) return;
    before = pjsua_var.ua_cfg.cb.on_create_media_transport;
    pjsua_var.ua_cfg.cb.on_create_media_transport = &create;
}

unsigned dialer::foreign_packets(pjmedia_transport *transport)
{
    return transport && transport->op == &operations ? strict(transport)->foreign.load(std::memory_order_relaxed) : 0;
}
