// For tests of the monitor: a status with one sealed association, and changes to it.
import type { AgentStatus, AssociationStatus } from './agent-status.ts'
import { noCounts } from './counts.ts'
import { noFaults, nothingSealed } from './sealed-traffic.ts'

export function testAssociation(changes: Partial<AssociationStatus> = {}): AssociationStatus {
  return {
    ...{ spi: '0x0000a001', peerSpi: '0x0000b001', own: '10.0.0.1', peer: '10.0.0.2', rule: 'all' },
    ...{ mode: 'transport', security: 'esp-aes256gcm16', algorithms: 'esp aes-gcm 256', encapsulation: 'udp' },
    ...{ isConfidential: true, isSending: true, ageSeconds: 100, rekeyInSeconds: 2600, endsInSeconds: 3500 },
    selectors: [{ protocol: null, sourcePort: null, destinationPort: null }],
    inbound: { packets: 10, bytes: 1000 },
    outbound: { packets: 20, bytes: 4000 },
    faults: noFaults,
    ...changes,
  }
}

export function testStatus(changes: Partial<AgentStatus> = {}): AgentStatus {
  return {
    ...{ version: 1, at: 1_800_000_000, state: 'up', pid: 7, since: 1_799_990_000 },
    policy: {
      ...{ source: 'policy.yaml', name: 'Domain controllers', profile: 'windows-2000-sp1', rules: 1 },
      ...{ loadedAt: 1_799_990_000, warnings: [], refused: null },
    },
    setting: {
      ...{ name: 'NoDefaultExempt', value: 0, from: 'default', where: null },
      exempt: [
        {
          ...{ name: 'kerberos', title: 'Kerberos' },
          otherwise: { value: 1, becomes: 'secured', words: 'at 1 this would be sealed by rule “all”' },
        },
        { name: 'ike', title: 'IKE', otherwise: null },
      ],
    },
    addresses: ['10.0.0.1'],
    dataPlane: { device: 'sealwire0', engine: 'node', isAnswering: true },
    guard: {
      ...{ name: 'nftables, table inet sealwire', isThere: true, text: '2 packets dropped' },
      traffic: [
        { direction: 'out', kind: 'exempt', why: 'Kerberos', packets: 5, bytes: 500 },
        { direction: 'out', kind: 'stopped', why: 'all', packets: 2, bytes: 168 },
      ],
    },
    sessions: [
      {
        ...{ id: '00112233aabbccdd', version: 2, role: 'initiator', state: 'established', own: '10.0.0.1' },
        ...{ peer: '10.0.0.2', peerName: 'dc2.corp.test', offer: 'aes256gcm16-prfsha384-ecp384' },
        ...{ ageSeconds: 100, rekeyInSeconds: 25000, associations: ['0x0000a001'] },
      },
    ],
    associations: [testAssociation()],
    ...{ inClear: [], drops: [{ reason: 'replayed', packets: 3, meaning: 'its sequence number was seen before' }] },
    counts: { ...noCounts(), sessionsEstablished: 1, childrenEstablished: 1 },
    sealed: nothingSealed,
    rules: [{ rule: 'all', sealed: { inbound: { packets: 10, bytes: 1000 }, outbound: { packets: 20, bytes: 4000 } } }],
    ...{ wire: null, warnings: [], recent: [] },
    ...changes,
  }
}
