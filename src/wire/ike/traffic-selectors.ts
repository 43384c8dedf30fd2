// Traffic selectors: which packets a Child SA is for (RFC 7296 §3.13). Ranges of addresses are read; selectors of other
// types, such as security labels (RFC 9478), keep their octets.
import type { Address } from '../../base/address.ts'
import { type Codec, counted, reserved, struct, u8, u16 } from '../../base/codec.ts'
import { selectorTypes } from './numbers.ts'

export type TrafficSelector =
  | {
      readonly kind: 'addresses'
      /** IP protocol; 0 is any. */
      readonly protocol: number
      /** 0 to 65535 is any port, 65535 to 0 is "no port to be seen", OPAQUE (RFC 7296 §3.13.1). */
      readonly startPort: number
      readonly endPort: number
      /** Both of one family. */
      readonly start: Address
      readonly end: Address
    }
  | {
      readonly kind: 'other'
      readonly type: number
      /** The octet behind the type: a protocol, or reserved. */
      readonly second: number
      readonly data: Uint8Array
    }

export const ipv4Address: Codec<Address> = addressOf(4)
export const ipv6Address: Codec<Address> = addressOf(6)

function addressOf(family: 4 | 6): Codec<Address> {
  const count = family === 4 ? 1 : 4
  return {
    read: from => ({ family, words: Array.from({ length: count }, () => from.u32()) }),
    write(to, address) {
      if (address.family !== family)
        throw new RangeError(`an address of IPv${address.family} in a field for IPv${family}`)
      for (const word of address.words) to.u32(word)
    },
  }
}

const IPV4_RANGE = selectorTypes.of['ipv4-range']
const IPV6_RANGE = selectorTypes.of['ipv6-range']
/** Type, second octet and length, which the length counts. */
const SELECTOR_HEADER = 4

const portsAndAddresses = (address: Codec<Address>) =>
  struct({ startPort: u16, endPort: u16, start: address, end: address })
const ipv4Range = portsAndAddresses(ipv4Address)
const ipv6Range = portsAndAddresses(ipv6Address)

export const trafficSelector: Codec<TrafficSelector> = {
  read(from) {
    const start = from.at
    const type = from.u8()
    const second = from.u8()
    const length = from.u16()
    if (length < SELECTOR_HEADER) from.fail(`a traffic selector of ${length} octets has no header`, start)
    const content = from.part(length - SELECTOR_HEADER)
    if (type !== IPV4_RANGE && type !== IPV6_RANGE) {
      return { kind: 'other', type, second, data: content.bytes(content.left) }
    }
    const range = (type === IPV4_RANGE ? ipv4Range : ipv6Range).read(content)
    content.finish()
    return { kind: 'addresses', protocol: second, ...range }
  },
  write(to, selector) {
    const start = to.at
    const isRange = selector.kind === 'addresses'
    const isIpv4 = isRange && selector.start.family === 4
    if (!isRange && (selector.type === IPV4_RANGE || selector.type === IPV6_RANGE)) {
      throw new RangeError('a range of addresses is written as such')
    }
    to.u8(isRange ? (isIpv4 ? IPV4_RANGE : IPV6_RANGE) : selector.type)
    to.u8(isRange ? selector.protocol : selector.second)
    to.u16(0)
    if (!isRange) to.bytes(selector.data)
    else (isIpv4 ? ipv4Range : ipv6Range).write(to, selector)
    const length = to.at - start
    to.patch(start + 2, patched => patched.u16(length))
  },
}

export const trafficSelectors: Codec<readonly TrafficSelector[]> = counted(u8, trafficSelector, reserved(3))
