// The statistics of ipsecmon (Windows 2000) and `netsh ipsec dynamic show stats` (Windows Server 2003) by their own labels, as
// far as this host has the numbers: what is not counted here is left out, not shown as 0.
import type { AgentStatus } from './agent-status.ts'
import { sum } from './sealed-traffic.ts'

export interface Statistics {
  readonly title: string
  readonly rows: readonly (readonly [label: string, value: number])[]
}

export function statisticsOf({
  associations,
  sessions,
  sealed,
  counts,
  drops,
  inClear,
}: AgentStatus): readonly Statistics[] {
  const { confidential, authenticated, tunnel, faults } = sealed
  const all = sum(confidential, authenticated)
  const dropped = (reason: string) => drops.find(one => one.reason === reason)?.packets ?? 0
  const negotiating = sessions.filter(({ state }) => state !== 'established')
  const keyAdditions = counts.childrenEstablished + counts.childrenRekeyed
  return [
    {
      title: 'IPsec statistics',
      rows: [
        ['Active Associations', associations.length],
        ['Active Tunnels', associations.filter(({ mode }) => mode === 'tunnel').length],
        ['Key Additions', keyAdditions],
        ['Key Deletions', counts.childrenClosed],
        ['ReKeys', counts.childrenRekeyed],
        ['Bad SPI Packets', dropped('no-association')],
        ['Packets Not Decrypted', faults.badPadding + dropped('bad-inner-packet')],
        ['Packets Not Authenticated', faults.notAuthentic],
        ['Packets With Replay Detection', faults.replayed],
        ['Confidential Bytes Sent', confidential.outbound.bytes],
        ['Confidential Bytes Received', confidential.inbound.bytes],
        // All that is sealed is authenticated, what is encrypted as well.
        ['Authenticated Bytes Sent', all.outbound.bytes],
        ['Authenticated Bytes Received', all.inbound.bytes],
        ['Transport Bytes Sent', all.outbound.bytes - tunnel.outbound.bytes],
        ['Transport Bytes Received', all.inbound.bytes - tunnel.inbound.bytes],
        ['Bytes Sent In Tunnels', tunnel.outbound.bytes],
        ['Bytes Received In Tunnels', tunnel.inbound.bytes],
      ],
    },
    {
      title: 'IKE statistics',
      rows: [
        ['Main Modes', counts.sessionsEstablished],
        ['Quick Modes', keyAdditions],
        ['Soft Associations', counts.fallbacks],
        ['Soft Associations Now', inClear.length],
        ['Active Negotiations', negotiating.length],
        ['Active Acquire', negotiating.filter(({ role }) => role === 'initiator').length],
        ['Active Receive', negotiating.filter(({ role }) => role === 'responder').length],
        ['Negotiation Failures', counts.sessionsFailed + counts.childrenFailed],
        ['Invalid Packets Received', counts.datagramsIgnored],
        ['IKE SAs', sessions.length],
      ],
    },
  ]
}
