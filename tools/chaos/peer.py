"""The far end of chaos, as customer and as agent's telephone: at each call SIPp throws dice what it does.

It may never answer the INVITE, ring for ever and know no CANCEL, refuse, answer and hang up at any instant, answer and
wait for the BYE, or answer and vanish: no RTP, no answer to any request.
"""

from __future__ import annotations

from pathlib import Path

from tests.system.telephony.telephony_peers import receive, respond
from tools.results.peer import SDP

REMEMBER = """<recv request="INVITE"><action>
<ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="from"/>
<ereg regexp=".*" search_in="hdr" header="To:" check_it="true" assign_to="to"/>
<ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" check_it="true" assign_to="contact"/>
</action></recv>"""
BYE = """<send retrans="500"><![CDATA[
BYE [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$to];tag=[pid]SIPp[call_number]
To:[$from]
Call-ID: [call_id]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

]]></send><recv response="200" timeout="3000" ontimeout="end"/>"""
CANCELLED = (
    '<recv request="CANCEL" timeout="20000" ontimeout="end"><action>'
    '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" check_it="true" assign_to="cseq"/></action></recv>'
    + respond("200 OK")
    + respond("487 Request Terminated").replace("[last_CSeq:]", "CSeq: [$cseq] INVITE")
    + '<recv request="ACK" timeout="3000" ontimeout="end"/>'
)
ANSWER = respond("200 OK").replace("Content-Length: [len]\n\n", SDP)
ACKED = '<recv request="ACK" timeout="5000" ontimeout="end"/>'


def pause(longest_ms: int) -> str:
    """A while, each time another."""
    return f'<pause distribution="uniform" min="0" max="{longest_ms}"/>'


def scenario(hello: Path) -> str:
    """What the far end does, by chance.

    Args:
        hello: µ-law samples that it says when it has answered.
    """
    ringing = respond("180 Ringing")
    answered = f'{ringing}{pause(600)}{ANSWER}{ACKED}<nop><action><exec rtp_stream="{hello},1,0"/></action></nop>'
    ways = {
        "deaf": (0.04, pause(4000)),
        "rings": (0.06, f"{ringing}{CANCELLED}"),
        "knows_no_cancel": (0.03, f"{ringing}{pause(20000)}"),
        "refuses": (0.12, f"{ringing}{pause(1500)}{respond('486 Busy Here')}{ACKED}"),
        "hangs_up_soon": (0.20, f"{answered}{pause(400)}{BYE}"),
        "hangs_up": (0.45, f"{answered}{pause(6000)}{BYE}"),
        "vanishes": (0.04, f"{answered}{pause(8000)}"),
        "stays": (1.0, f"{answered}{receive('BYE')}{respond('200 OK')}"),
    }
    left, dice = 1.0, ""
    for name, (chance, _) in ways.items():
        dice += f'<nop next="{name}" chance="{min(1.0, chance / left):.3f}"/>'
        left -= chance
    acts = "".join(f'<label id="{name}"/>{act}<nop next="end"/>' for name, (_, act) in ways.items())
    return f'{REMEMBER}{respond("100 Trying")}{dice}{acts}<label id="end"/>'
