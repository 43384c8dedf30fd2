// For tests: a Unix datagram socket that hears what systemd and its journal would.
import { check, libC } from './libc.ts'
import { allocateMemory } from './memory.ts'

const [AF_UNIX, SOCK_DGRAM_NONBLOCK] = [1, 2 | 0x800]

export interface ListeningDatagrams {
  /** Undefined where nothing came. */
  readonly take: () => Uint8Array | undefined
  readonly close: () => void
}

export function listenForDatagrams(name: string): ListeningDatagrams {
  const { scratch, ...c } = libC()
  const fd = check(c.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0), 'socket', 'a test')
  const octets = new TextEncoder().encode(name.startsWith('@') ? name.replace('@', '\0') : `${name}\0`)
  new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset).setUint16(0, AF_UNIX, true)
  scratch.bytes.set(octets, 2)
  check(c.bind(fd, scratch.address, 2 + octets.length), 'bind', 'a test')
  const room = allocateMemory(0x10000)
  return {
    take: () => {
      const length = c.read(fd, room.address, room.bytes.length)
      return length < 0 ? undefined : room.bytes.slice(0, length)
    },
    close: () => c.close(fd),
  }
}
