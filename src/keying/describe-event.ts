// One line that a person can read for everything that keying tells. Keys are never shown; of messages it is described what
// they hold, as wire/ike/describe.ts does.
import { formatAddress } from '../base/address.ts'
import type { Spi } from '../ipsec/association.ts'
import { describeMessage } from '../wire/ike/describe.ts'
import { describeMessageV1 } from '../wire/ike/v1-describe.ts'
import { ENCRYPTED_FLAG } from '../wire/ike/v1-numbers.ts'
import type { KeyingEvent, UdpEndpoint } from './machine.ts'

export function describeEvent(event: KeyingEvent): string {
  switch (event.kind) {
    case 'message': {
      const again = event.again === 0 ? '' : ` (sent again, time ${event.again + 1})`
      return `${event.isSealed ? 'sealed' : 'in clear'}: ${describeMessage(event)}${again}`
    }
    case 'message-v1': {
      const { header, payloads } = event
      const clear = { ...header, flags: header.flags & ~ENCRYPTED_FLAG }
      return `${event.isSealed ? 'sealed' : 'in clear'}: ${describeMessageV1({ kind: 'clear', header: clear, payloads })}`
    }
    case 'session-established': {
      const { role, ownName, peerName, offer, warnings } = event
      const who = `IKE SA established as ${role}: ${ownName} with ${peerName}, ${offer}`
      return [who, ...warnings].join('; ')
    }
    case 'session-rekeyed':
      return `IKE SA ${idOf(event.session)} is renewed: ${idOf(event.by)}, ${event.offer}`
    case 'session-closed':
      return `IKE SA ${idOf(event.session)} is closed: ${event.why}`
    case 'session-failed':
      return `no IKE SA: ${event.what}`
    case 'child-established': {
      const { name, peerSpi, rule, security, mode, replaces } = event
      const spis = `in ${spiOf(name)}, out ${spiOf(peerSpi)}`
      return replaces === undefined
        ? `keys for packets of rule “${rule}”: ${security}, ${mode} mode, SPIs ${spis}`
        : `keys for packets are renewed: SPIs ${spis}, in place of ${spiOf(replaces)}`
    }
    case 'child-closed':
      return `keys of SPI ${spiOf(event.name)} are gone: ${event.why}`
    case 'child-failed':
      return `no keys for packets${event.rule === undefined ? '' : ` of rule “${event.rule}”`}: ${event.what}`
    case 'ignored':
      return `a datagram from ${endpointOf(event.path.remote)} leads nowhere: ${event.what}`
    case 'warning':
      return event.what
    case 'keys':
    case 'keys-v1':
      return `the keys of IKE SA ${idOf(event.session)} were told`
  }
}

/** Names sessions for people: the first half of the own SPI is enough. */
export function idOf(session: string | undefined): string {
  return session?.slice(0, 8) ?? 'of nobody'
}

export function spiOf(spi: Spi): string {
  return `0x${spi.toString(16).padStart(8, '0')}`
}

function endpointOf({ address, port }: UdpEndpoint): string {
  return address.family === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`
}
