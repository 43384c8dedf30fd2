// Checksums of what a link sends, by the kernel instead of the device (ethtool(8): `tx off`). A veth has no device behind it:
// it hands packets on with checksums that nobody has computed, and so a capture shows them, unlike any that a wire carries.
import { check, libC } from './libc.ts'
import { openSocket } from './socket-options.ts'

const AF_INET = 2
const SOCK_DGRAM = 2
const SIOCETHTOOL = 0x8946
const ETHTOOL_STXCSUM = 0x17
/** struct ifreq: the name, then a pointer; struct ethtool_value: the command, then its value. */
const NAME_BYTES = 16
const VALUE_AT = 64

/** Of the calling thread's namespace. Needs CAP_NET_ADMIN; throws where the link cannot do without. */
export function computeChecksums(link: string): void {
  const doing = `having checksums of ${link} computed`
  const name = new TextEncoder().encode(link)
  if (name.length === 0 || name.length >= NAME_BYTES) throw new RangeError(`${doing}: a name has 1 to 15 octets`)
  const { scratch, ioctl, close } = libC()
  const { bytes, address } = scratch
  const fd = openSocket(AF_INET, SOCK_DGRAM, 0, doing)
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    bytes.fill(0, 0, VALUE_AT + 8)
    bytes.set(name)
    view.setBigUint64(NAME_BYTES, BigInt(address + VALUE_AT), true)
    view.setUint32(VALUE_AT, ETHTOOL_STXCSUM, true)
    check(ioctl(fd, SIOCETHTOOL, address), 'ioctl SIOCETHTOOL', doing)
  } finally {
    close(fd)
  }
}
