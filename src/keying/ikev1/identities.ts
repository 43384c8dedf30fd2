// Identification payloads: of hosts in main mode, and in quick mode of the traffic that is meant, one for each side (RFC 2407
// §4.6.2, RFC 2409 §5.5). IKEv1 cannot narrow: the answer has the same two, or there is no agreement.
import { type Address, compareAddresses, formatAddress, sameAddress } from '../../base/address.ts'
import { hasPorts } from '../../base/flow.ts'
import { failure, type Result, success } from '../../base/result.ts'
import { identificationTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { type PayloadV1, type PayloadV1Of, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { addressOfIdentity, type Identity, identityOfAddress } from '../identity.ts'
import type { Path } from '../machine.ts'
import type { RangeSelector } from '../selectors.ts'
import { findAll } from './opened.ts'

const types = identificationTypesV1.of
type Identification = PayloadV1Of<'identification'>

const UDP = 17

/** Who we are. Protocol and port are zero, as RFC 3947 §4 has it behind a NAT and nobody minds elsewhere. */
export function identityPayload({ type, data }: Identity): Identification {
  return payloadV1('identification', { type, protocol: 0, port: 0, data })
}

/** Networks, ranges and lists are for quick mode. */
const hosts: readonly number[] = [types.ipv4, types.ipv6, types.fqdn, types.email, types.dn, types.gn, types['key-id']]

/** Only IKE's own port can be meant (RFC 2407 §4.6.2). */
export function whyNoHost({ type, protocol, port }: Identification): string | undefined {
  if (!hosts.includes(type))
    return `its identity is of the type ${identificationTypesV1.nameOf(type)}, which no host is`
  const isIke = (protocol === 0 && port === 0) || (protocol === UDP && [0, 500, 4500].includes(port))
  return isIke ? undefined : `its identity is for protocol ${protocol} and port ${port}, which no host has`
}

/** What is asked for, as an identification; a range of ports has none. */
export function selectorPayload(one: RangeSelector): Identification {
  const { start, end, protocol, startPort } = one
  const port = startPort === one.endPort ? startPort : 0
  const [first, last] = [octetsOf(start), octetsOf(end)]
  const isV4 = start.family === 4
  const about = { protocol, port }
  if (sameAddress(start, end))
    return payloadV1('identification', { type: isV4 ? types.ipv4 : types.ipv6, ...about, data: first })
  const mask = maskOf(first, last)
  const data = new Uint8Array(2 * first.length)
  data.set(first)
  data.set(mask ?? last, first.length)
  const [subnet, range] = isV4
    ? [types['ipv4-subnet'], types['ipv4-range']]
    : [types['ipv6-subnet'], types['ipv6-range']]
  return payloadV1('identification', { type: mask === undefined ? range : subnet, ...about, data })
}

function octetsOf(address: Address): Uint8Array {
  return identityOfAddress(address).data
}

/** Of a range that is a prefix. */
function maskOf(first: Uint8Array, last: Uint8Array): Uint8Array | undefined {
  const mask = first.map((octet, at) => ~(octet ^ last[at]!) & 0xff)
  const isWhole = first.every((octet, at) => (octet & ~mask[at]! & 0xff) === 0)
  return isWhole && isMask(mask) && last.every((octet, at) => (octet | mask[at]!) === 0xff) ? mask : undefined
}

function isMask(mask: Uint8Array): boolean {
  const bits = Array.from(mask, octet => octet.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits)
}

/** What an identification of quick mode means. Undefined where no filter can say it. */
export function selectorOf({ type, protocol, port, data }: Identification): RangeSelector | undefined {
  const ends = endsOf(type, data)
  if (ends === undefined || compareAddresses(ends[0], ends[1]) > 0) return undefined
  if (port !== 0 && !hasPorts(protocol)) return undefined
  const ports = port === 0 ? { startPort: 0, endPort: 65535 } : { startPort: port, endPort: port }
  return { kind: 'addresses', protocol, ...ports, start: ends[0], end: ends[1] }
}

function endsOf(type: number, data: Uint8Array): readonly [Address, Address] | undefined {
  const half = data.length / 2
  const [first, second] = [data.subarray(0, half), data.subarray(half)]
  switch (type) {
    case types.ipv4:
    case types.ipv6: {
      const one = addressOf(data)
      return one && [one, one]
    }
    case types['ipv4-range']:
    case types['ipv6-range']:
      return pairOf(first, second)
    case types['ipv4-subnet']:
    case types['ipv6-subnet']:
      if (!isMask(second)) return undefined
      return pairOf(
        first.map((octet, at) => octet & second[at]!),
        first.map((octet, at) => (octet & second[at]!) | (~second[at]! & 0xff)),
      )
    default:
      return undefined
  }
}

function pairOf(first: Uint8Array, last: Uint8Array): readonly [Address, Address] | undefined {
  const [one, other] = [addressOf(first), addressOf(last)]
  return one === undefined || other === undefined ? undefined : [one, other]
}

function addressOf(data: Uint8Array): Address | undefined {
  return addressOfIdentity({ type: data.length === 4 ? types.ipv4 : types.ipv6, data })
}

/** The whole of one host, where no identification came (RFC 2409 §5.5). */
export function hostSelector(address: Address): RangeSelector {
  return { kind: 'addresses', protocol: 0, startPort: 0, endPort: 65535, start: address, end: address }
}

export interface NamedPair {
  /** Of the side that asked, and of the one that answers. */
  readonly initiator: RangeSelector
  readonly responder: RangeSelector
}

/** The pair of a quick mode's message; `path` is seen by this host, which is the responder or not. */
export function namedPair(payloads: readonly PayloadV1[], path: Path, isInitiator: boolean): Result<NamedPair, string> {
  const named = findAll(payloads, 'identification')
  const [own, peer] = [hostSelector(path.local.address), hostSelector(path.remote.address)]
  if (named.length === 0) {
    return success(isInitiator ? { initiator: own, responder: peer } : { initiator: peer, responder: own })
  }
  const [initiator, responder] = named.map(selectorOf)
  if (named.length !== 2) return failure(`${named.length} identities where two, or none, are wanted`)
  if (initiator === undefined || responder === undefined) return failure('identities that are no addresses')
  if (initiator.protocol !== responder.protocol) return failure('identities of different protocols')
  return success({ initiator, responder })
}

export function isSameSelector(a: RangeSelector, b: RangeSelector): boolean {
  const isSamePorts = a.startPort === b.startPort && a.endPort === b.endPort
  return a.protocol === b.protocol && isSamePorts && sameAddress(a.start, b.start) && sameAddress(a.end, b.end)
}

/** For people. */
export function formatSelector({ protocol, startPort, endPort, start, end }: RangeSelector): string {
  const where = sameAddress(start, end) ? formatAddress(start) : `${formatAddress(start)} to ${formatAddress(end)}`
  const isAny = startPort === 0 && endPort === 65535
  const port = isAny ? '' : startPort === endPort ? ` port ${startPort}` : ` ports ${startPort} to ${endPort}`
  return `${where}${protocol === 0 ? '' : ` protocol ${protocol}`}${port}`
}
