/* Limits of pjproject for a dialer: 2,048 calls in one process, each with one audio stream and nothing else.
 *
 * The build puts this file into pjlib/include/pj/. Defaults of pjproject stand beside each value: its default of four
 * calls clamps `maxCalls` without a word.
 */
#define PJSUA_MAX_CALLS              2048   /* 4 */
#define PJSUA_MAX_ACC                256    /* 8: one per gateway and per local identity */
#define PJSUA_MAX_CONF_PORTS         4352   /* 254: one per call, the rest for recorders and players */
#define PJSUA_MAX_PLAYERS            256    /* 32: treatments are played by LegAudio, not by players */
#define PJSUA_MAX_RECORDERS          256    /* 32 */
#define PJSUA_MAX_BUDDIES            1024   /* 256: agents' telephones whose dialogs are watched */
#define PJSUA_PRES_TIMER             60     /* 300: seconds until a subscription that ended is tried again */
#define PJ_IOQUEUE_MAX_HANDLES       8192   /* 64: RTP and RTCP of each call, and the signalling sockets */
#define PJSIP_MAX_TSX_COUNT          16383  /* 1023: hash table size 2^n - 1; also the transactions of calls just ended */
#define PJSIP_MAX_DIALOG_COUNT       16383  /* 511 */
#define PJSIP_MAX_TIMER_COUNT        65536  /* 2 x (tsx + dialogs) */
#define PJSIP_UDP_SO_RCVBUF_SIZE     4194304 /* 0 = the system's 212,992: some 90 messages, lost in a stall of 80 ms at 300 calls/s */
#define PJSIP_UDP_SO_SNDBUF_SIZE     4194304
#define PJSIP_DONT_SWITCH_TO_TCP     1      /* 0 would send INVITEs of over 1,300 bytes by TCP, whatever the gateway is set to */
#define PJMEDIA_MAX_SDP_MEDIA        8      /* 16: the size of each call's entry grows with it */
#define PJMEDIA_ADD_BANDWIDTH_TIAS_IN_SDP 0 /* 1: two lines less in each INVITE */
#define PJMEDIA_CONF_BACKEND         1      /* the serial bridge: one clock thread, so each tap row has one producer */
#define PJ_LOG_MAX_LEVEL             4      /* 5: level 5 and 6 trace every frame */
