/* StrictRtp: takes a call's RTP from one place only.
 *
 * A far end that still believes in a call of a dialer that was killed, or anybody who guesses a port, sends RTP to a port
 * that a new call has been given since. PJMEDIA takes the first packet's sender for its peer and then discards the true
 * one's, or finds no order in the sequence numbers of several senders and takes nothing at all. So, for each stream:
 *   - what comes from the address that the far end announced in its SDP is taken, always;
 *   - another sender (a far end behind NAT, or one that sends from another port than it receives at) is taken only when
 *     nothing has come from the announced address in the first LEARNING_MS, and it sends LEARNING_PACKETS in sequence;
 *   - once a sender is taken, all others are dropped, until media is negotiated again or the announced one appears.
 * RTCP is passed on as it is. SRTP is checked before this and needs no more than that, but is treated alike.
 *
 * It is a PJMEDIA transport adapter over the transport that PJSUA made for the call.
 */
#ifndef DIALER_STRICT_RTP_HPP
#define DIALER_STRICT_RTP_HPP

/* The SIP thread, after libInit(): every media transport made from now on is strict. */
void keep_rtp_strict();

#ifndef SWIG
#include <pjmedia.h>

namespace dialer {
/* Packets that were dropped for their sender since the stream took this transport; 0 for a transport of another kind. */
unsigned foreign_packets(pjmedia_transport *transport);
} // namespace dialer
#endif

#endif
