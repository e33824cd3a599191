"""A mail server that hands every mail on to an LMTP server: the way of a mail from SMTP to a mailbox.

Takes the LMTP server's port and its own, and ends when its standard input closes.
"""

import asyncio
import smtplib
import sys
import threading

from aiosmtpd.controller import Controller


class HandOn:
    """Hands a mail on before it is taken, so that nothing that was taken is lost."""

    def __init__(self, port):
        self.port = port
        self.local = threading.local()

    async def handle_DATA(self, server, session, envelope):
        return await asyncio.to_thread(self.hand_on, envelope)

    def hand_on(self, envelope):
        for attempt in range(2):
            try:
                lmtp = self.connection(fresh=attempt > 0)
                people = [f'<{to}>' for to in envelope.rcpt_tos]
                refused = lmtp.sendmail(envelope.mail_from, people, envelope.original_content)
                return '250 OK' if not refused else '451 refused'
            except (smtplib.SMTPException, OSError) as error:
                problem = error
        return f'451 {type(problem).__name__}'

    def connection(self, fresh):
        kept = getattr(self.local, 'lmtp', None)
        if kept is None or fresh:
            kept = smtplib.LMTP('127.0.0.1', self.port)
            self.local.lmtp = kept
        return kept


controller = Controller(HandOn(int(sys.argv[1])), hostname='127.0.0.1', port=int(sys.argv[2]))
controller.start()
sys.stdin.read()
controller.stop()
