// What a service tells systemd (sd_notify(3)): one datagram to a Unix socket.
import { check } from './libc.ts'
import { UnixDatagramSocket } from './unix-datagram.ts'

/** A notice is a few lines. */
const LONGEST = 4096

/** Throws where nobody listens there. */
export function sendServiceNotice(socket: string, text: string): void {
  const doing = 'telling the service manager'
  const to = new UnixDatagramSocket(socket, { doing, longest: LONGEST })
  try {
    check(to.send(new TextEncoder().encode(text)), 'write', doing)
  } finally {
    to.close()
  }
}
