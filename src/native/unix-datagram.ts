// Datagrams to a Unix socket, which Node has no call for: systemd hears of its services by one, and its journal takes entries
// by another. A name that begins with @ stands in Linux's abstract space.
import { check, libC } from './libc.ts'
import { allocateMemory, type Memory } from './memory.ts'

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 2 | 0x80000
const SOCK_NONBLOCK = 0x800
/** sizeof sun_path. */
const LONGEST_NAME = 108

export interface DatagramOptions {
  /** What is done, for Errors. */
  readonly doing: string
  /** Octets of the longest datagram. */
  readonly longest: number
  /** Left out, `send` waits for who reads. */
  readonly isPatient?: boolean
}

/** Connected; to be closed. */
export class UnixDatagramSocket {
  readonly #fd: number
  readonly #room: Memory

  /** Throws where nobody listens there. */
  constructor(name: string, { doing, longest, isPatient = true }: DatagramOptions) {
    const { scratch, ...c } = libC()
    const octets = new TextEncoder().encode(name)
    if (octets.length === 0 || octets.length >= LONGEST_NAME) throw new RangeError(`${name} is no name of a socket`)
    const kind = SOCK_DGRAM_CLOEXEC | (isPatient ? 0 : SOCK_NONBLOCK)
    this.#fd = check(c.socket(AF_UNIX, kind, 0), 'socket', doing)
    this.#room = allocateMemory(longest)
    const isAbstract = name.startsWith('@')
    new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset).setUint16(0, AF_UNIX, true)
    scratch.bytes.set(octets, 2)
    scratch.bytes[2 + octets.length] = 0
    if (isAbstract) scratch.bytes[2] = 0
    try {
      check(c.connect(this.#fd, scratch.address, 2 + octets.length + (isAbstract ? 0 : 1)), 'connect', doing)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Octets that were taken, or minus errno. */
  send(datagram: Uint8Array): number {
    const { bytes, address } = this.#room
    if (datagram.length > bytes.length) throw new RangeError(`a datagram of ${datagram.length} octets is too long`)
    bytes.set(datagram)
    return libC().write(this.#fd, address, datagram.length)
  }

  close(): void {
    libC().close(this.#fd)
  }
}
