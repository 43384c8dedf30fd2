// What a service tells systemd (sd_notify(3)): one datagram to a Unix socket, which Node has no call for. A name that
// begins with @ stands in Linux's abstract space.
import { check, libC } from './libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000
/** sizeof sun_path. */
const LONGEST_NAME = 108

/** Throws where nobody listens there. */
export function sendServiceNotice(socket: string, text: string): void {
  const name = new TextEncoder().encode(socket)
  const message = new TextEncoder().encode(text)
  const { scratch, ...c } = libC()
  if (name.length === 0 || name.length >= LONGEST_NAME) throw new RangeError(`${socket} is no name of a socket`)
  if (message.length > scratch.bytes.length) throw new RangeError('a notice is a few lines')
  const doing = 'telling the service manager'
  const fd = check(c.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0), 'socket', doing)
  try {
    const view = new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset, scratch.bytes.length)
    view.setUint16(0, AF_UNIX, true)
    scratch.bytes.set(name, 2)
    const isAbstract = socket.startsWith('@')
    scratch.bytes[2 + name.length] = 0
    if (isAbstract) scratch.bytes[2] = 0
    check(c.connect(fd, scratch.address, 2 + name.length + (isAbstract ? 0 : 1)), 'connect', doing)
    scratch.bytes.set(message)
    check(c.write(fd, scratch.address, message.length), 'write', doing)
  } finally {
    c.close(fd)
  }
}
