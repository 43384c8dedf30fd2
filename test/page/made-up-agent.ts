// An agent that is made up, to look at the monitor's page in all its states without one: its status is a function of the scene
// and the time, so that counters, rates and ages belong together, and pictures of it are the same each time.
import type { AgentStatus, AssociationStatus, GuardTraffic, SessionStatus } from '../../src/monitor/agent-status.ts'
import { noCounts } from '../../src/monitor/counts.ts'
import type { PolicyView } from '../../src/monitor/policy-view.ts'
import type { BothWays } from '../../src/monitor/sealed-traffic.ts'
import type { SettingPreview } from '../../src/monitor/setting-change.ts'
import type { ToldEvent } from '../../src/monitor/told-event.ts'
import type { WireFlow } from '../../src/monitor/wire-status.ts'

export const scenes = [
  ...['calm', 'exempt', 'clear', 'failing', 'leak', 'unguarded', 'one', 'forty', 'many', 'flood', 'hostile'],
] as const
export type Scene = (typeof scenes)[number]

export const BEGAN = 1_800_000_000
const OWN = '10.54.0.1'

interface Peer {
  readonly address: string
  readonly name: string | null
  readonly index: number
}

const names = ['dc2', 'dc3', 'files', 'sql-1', 'sql-2', 'exchange', 'print', 'backup', 'wsus', 'build']

function peersOf(scene: Scene): readonly Peer[] {
  const many: Readonly<Partial<Record<Scene, number>>> = { one: 1, forty: 40, many: 1000, flood: 1000 }
  return Array.from({ length: many[scene] ?? 8 }, (_, index) => ({
    index,
    address: index % 9 === 7 ? `2001:db8:54::${(index + 2).toString(16)}` : `10.54.${index >> 8}.${(index & 255) + 2}`,
    name: scene === 'hostile' ? hostileName(index) : `${names[index] ?? `host${index}`}.corp.test`,
  }))
}

function hostileName(index: number): string {
  const hostile = [
    '\u202egpj.exe',
    'a\u0000b\u001b[31mred',
    '<img src=x onerror=alert(1)>',
    `${'long-'.repeat(60)}name`,
  ]
  return `${hostile[index % hostile.length]}${index}`
}

/** Octets that a flow had carried by then; its rate waves. */
function carried(rate: number, period: number, seconds: number): number {
  const wave = (period / (2 * Math.PI)) * (1 - Math.cos((2 * Math.PI * seconds) / period))
  return Math.floor(rate * (seconds + 0.6 * wave))
}

function trafficOf({ index }: Peer, seconds: number): BothWays {
  const rate = [4_200_000, 310_000, 88_000, 21_000_000, 1_500, 640_000][index % 6]!
  const [out, into] = [
    carried(rate, 47 + (index % 40), seconds),
    carried(rate / (2 + (index % 3)), 61 + (index % 30), seconds),
  ]
  return {
    inbound: { bytes: into, packets: Math.floor(into / 700) },
    outbound: { bytes: out, packets: Math.floor(out / 900) },
  }
}

function isSealed(scene: Scene, { index }: Peer): boolean {
  if (scene === 'clear') return index !== 2
  if (scene === 'failing' || scene === 'leak') return index !== 4
  if (scene === 'many' || scene === 'flood') return index % 97 !== 5 && index % 211 !== 9
  if (scene === 'forty') return index % 13 !== 4
  return true
}

const LIFE = 3600

function associationOf(peer: Peer, seconds: number): AssociationStatus {
  const age = (seconds + peer.index * 131) % LIFE
  const spi = (prefix: string) => `0x${prefix}${(peer.index * 7919 + 4096).toString(16).padStart(7, '0')}`
  return {
    ...{
      spi: spi('a'),
      peerSpi: spi('b'),
      own: peer.address.includes(':') ? '2001:db8:54::1' : OWN,
      peer: peer.address,
    },
    rule: peer.index % 5 === 3 ? 'Databases in a tunnel' : 'Everything between the domain controllers',
    mode: peer.index % 5 === 3 ? 'tunnel' : 'transport',
    selectors: [{ protocol: null, sourcePort: null, destinationPort: null }],
    security: peer.index % 4 === 1 ? 'esp-aes128gcm16' : 'esp-aes256gcm16',
    algorithms: peer.index % 4 === 1 ? 'esp aes-gcm 128' : 'esp aes-gcm 256',
    encapsulation: peer.index % 3 === 0 ? 'raw' : 'udp',
    ...{ isConfidential: true, isSending: true, ageSeconds: age },
    ...{ rekeyInSeconds: Math.max(0, LIFE * 0.8 - age), endsInSeconds: LIFE - age },
    ...trafficOf(peer, seconds),
    faults: { replayed: peer.index === 1 ? 3 : 0, notAuthentic: 0, badPadding: 0, outsideSelectors: 0 },
  }
}

function sessionOf(peer: Peer, associations: readonly AssociationStatus[]): SessionStatus {
  return {
    ...{
      id: `${peer.index.toString(16).padStart(8, '0')}aabbccdd`,
      version: 2,
      role: 'initiator',
      state: 'established',
    },
    ...{ own: OWN, peer: peer.address, peerName: peer.name, offer: 'aes256gcm16-prfsha384-ecp384-mlkem768' },
    ...{ ageSeconds: 900, rekeyInSeconds: 25_000 },
    associations: associations.filter(one => one.peer === peer.address).map(({ spi }) => spi),
  }
}

const exemptions = [
  { name: 'ike', title: 'IKE', rate: 40, otherwise: null },
  {
    ...{ name: 'kerberos', title: 'Kerberos', rate: 2600 },
    otherwise: {
      value: 1,
      becomes: 'secured',
      words: 'At 1 this would be sealed by the rule “Everything between the domain controllers”.',
    },
  },
  {
    ...{ name: 'rsvp', title: 'RSVP', rate: 0 },
    otherwise: {
      value: 1,
      becomes: 'secured',
      words: 'At 1 this would be sealed by the rule “Everything between the domain controllers”.',
    },
  },
  { name: 'multicast', title: 'Multicast', rate: 310, otherwise: null },
  { name: 'broadcast', title: 'Broadcast', rate: 90, otherwise: null },
] as const

/** Whether exempt traffic other than IKE passes at all: else everything is sealed. */
const passesExempt: ReadonlySet<Scene> = new Set(['exempt', 'many', 'flood', 'forty', 'hostile'])

function guardTraffic(scene: Scene, seconds: number, value: number): readonly GuardTraffic[] {
  const exempt = exemptions
    .filter(({ name }) => isExempt(name, value))
    .flatMap(({ name, title, rate }): readonly GuardTraffic[] => {
      if (rate === 0 || (name !== 'ike' && !passesExempt.has(scene))) return []
      const bytes = carried(rate, 33, seconds)
      return (['out', 'in'] as const).map(direction => ({
        ...{ direction, kind: 'exempt', why: title, packets: Math.floor(bytes / 150), bytes },
      }))
    })
  const clear = carried(5200, 21, seconds)
  const inClear: readonly GuardTraffic[] =
    scene === 'clear'
      ? [{ direction: 'out', kind: 'in-clear', why: 'Printers', packets: Math.floor(clear / 300), bytes: clear }]
      : []
  const stopped = scene === 'failing' ? Math.floor(seconds / 7) : 2
  return [
    ...exempt,
    ...inClear,
    {
      direction: 'out',
      kind: 'stopped',
      why: 'Everything between the domain controllers',
      packets: stopped,
      bytes: stopped * 84,
    },
  ]
}

function isExempt(name: string, value: number): boolean {
  return value === 0 || (name !== 'kerberos' && name !== 'rsvp')
}

function wireFlow(verdict: WireFlow['verdict'], peer: string, flow: string, because: string, at: number): WireFlow {
  return { verdict, peer, flow, because, direction: 'out', packets: 12, bytes: 1840, firstAt: at - 20, lastAt: at }
}

export function statusOf(scene: Scene, at: number, value: number): AgentStatus {
  const seconds = at - BEGAN + 4000
  const peers = peersOf(scene)
  const associations = peers.filter(peer => isSealed(scene, peer)).map(peer => associationOf(peer, seconds))
  const sum = (way: 'inbound' | 'outbound', unit: 'packets' | 'bytes') =>
    associations.reduce((all, one) => all + one[way][unit], 0)
  const ways = (part: number): BothWays => ({
    inbound: {
      packets: Math.floor(sum('inbound', 'packets') * part),
      bytes: Math.floor(sum('inbound', 'bytes') * part),
    },
    outbound: {
      packets: Math.floor(sum('outbound', 'packets') * part),
      bytes: Math.floor(sum('outbound', 'bytes') * part),
    },
  })
  const leaked = scene === 'leak' ? Math.max(0, Math.floor((seconds - 3900) / 3)) : 0
  const kerberos = passesExempt.has(scene) && isExempt('kerberos', value)
  return {
    ...{ version: 1, at, state: 'up', pid: 7, since: BEGAN - 86_000 },
    policy: {
      ...{
        source: 'policies/domain-controllers.yaml',
        name: 'Domain controllers',
        profile: 'windows-2000-sp1',
        rules: 4,
      },
      ...{ loadedAt: BEGAN - 86_000, warnings: [] },
      refused:
        scene === 'failing'
          ? { at: BEGAN - 60, problems: ['rules[1].security[0]: “esp-aes257” is not known. Did you mean esp-aes256?'] }
          : null,
    },
    setting: {
      ...{ name: 'NoDefaultExempt', value, from: 'registry' },
      where: 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC\\NoDefaultExempt',
      exempt: exemptions
        .filter(({ name }) => isExempt(name, value))
        .map(({ name, title, otherwise }) => ({ name, title, otherwise })),
    },
    addresses: [OWN, '2001:db8:54::1'],
    dataPlane: { device: 'sealwire0', engine: 'ipsec-mb', isAnswering: true },
    guard: {
      ...{ name: 'nftables, table inet sealwire', isThere: scene !== 'unguarded', text: 'as it was put in place' },
      traffic: guardTraffic(scene, seconds, value),
    },
    sessions: peers.map(peer => sessionOf(peer, associations)).filter(one => one.associations.length > 0),
    associations,
    inClear:
      scene === 'clear' || peers.length === 1000
        ? [{ rule: 'Printers', own: OWN, peer: peers[2]!.address, forSeconds: 840 }]
        : [],
    drops: [{ reason: 'replayed', packets: 3, meaning: 'its sequence number was seen before, or is too old' }],
    counts: {
      ...noCounts(),
      sessionsEstablished: peers.length,
      childrenEstablished: peers.length,
      childrenRekeyed: 21,
    },
    sealed: {
      ...{ confidential: ways(1), authenticated: ways(0), tunnel: ways(0.2) },
      faults: { replayed: 3, notAuthentic: 0, badPadding: 0, outsideSelectors: 0 },
    },
    rules: [
      { rule: 'Everything between the domain controllers', sealed: ways(0.8) },
      { rule: 'Databases in a tunnel', sealed: ways(0.2) },
    ],
    wire: {
      ...{ links: ['eth0', 'eth1'], since: BEGAN - 86_000, unread: 0 },
      verdicts: [
        { verdict: 'keying', direction: 'out', packets: 880, bytes: 210_000 },
        ...(kerberos ? [{ verdict: 'exempt', direction: 'out', packets: 5120, bytes: 912_000 } as const] : []),
        ...(leaked > 0 ? [{ verdict: 'leaked', direction: 'out', packets: leaked, bytes: leaked * 153 } as const] : []),
      ],
      flows: [
        ...(leaked > 0
          ? [
              wireFlow(
                ...(['leaked', peers[4]!.address, `tcp ${OWN}:49712 → ${peers[4]!.address}:445`] as const),
                ...(['the rule “Everything between the domain controllers” secures it', at - (seconds % 3)] as const),
              ),
            ]
          : []),
        wireFlow(
          ...(['permitted', '203.0.113.80', `tcp ${OWN}:51544 → 203.0.113.80:443`] as const),
          ...(['no filter matches it, and what no filter matches passes in clear', at] as const),
        ),
        ...(kerberos
          ? [
              wireFlow(
                'exempt',
                peers[0]!.address,
                `udp ${OWN}:49820 → ${peers[0]!.address}:88`,
                'Kerberos is exempt',
                at,
              ),
            ]
          : []),
      ],
    },
    warnings: warningsOf(scene, leaked),
    recent: [],
  }
}

function warningsOf(scene: Scene, leaked: number): readonly string[] {
  switch (scene) {
    case 'unguarded':
      return [
        'The guard is not as it was put in place: somebody took it away. It is put back every few seconds; look who does that.',
        'Two rules of the policy have the same filter: the second is never reached.',
      ]
    case 'leak':
      return leaked === 0
        ? []
        : ['Packets leave this host in clear that the policy secures: sealwire status has the flows.']
    case 'failing':
      return ['The newest form of policies/domain-controllers.yaml was refused; the one from before is in force.']
    default:
      return []
  }
}

/** What happened in a second. */
export function eventsOf(scene: Scene, at: number): readonly ToldEvent[] {
  const peers = peersOf(scene)
  const seconds = at - BEGAN + 900
  const unsealed = peers.filter(peer => !isSealed(scene, peer))
  const told = (more: Partial<ToldEvent>, offset = 0): ToldEvent => ({
    at: at + offset,
    level: 'debug',
    kind: 'message',
    text: '',
    ...more,
  })
  const events: ToldEvent[] = []
  if (seconds % 45 === 0) events.push(...exchange(peers[(seconds / 45) % Math.min(8, peers.length)]!, at, true))
  if ((scene === 'failing' || scene === 'leak') && seconds % 20 === 7) events.push(...exchange(peers[4]!, at, false))
  if (seconds % 15 === 0)
    events.push(
      told({
        level: 'info',
        kind: 'packets-dropped',
        text: 'one packet dropped: replayed, the last one udp 10.54.0.3:4500 → 10.54.0.1:4500',
      }),
    )
  if (peers.length > 30 && seconds % 5 === 2) events.push(...exchange(unsealed[seconds % unsealed.length]!, at, false))
  if (scene === 'unguarded' && seconds % 9 === 0)
    events.push(
      told({
        level: 'error',
        kind: 'guard-mended',
        text: 'The guard was not as it was put in place: somebody took it away. It was put back.',
      }),
    )
  if (scene === 'hostile' && seconds % 5 === 0)
    events.push(
      told({
        level: 'warning',
        kind: 'session-failed',
        text: `A peer calls itself ${peers[seconds % 4]!.name}\nnext line`,
        fields: { session: `bad${seconds % 3}`, peer: peers[seconds % 8]!.address },
      }),
    )
  return events
}

/** The flood: so many at once, of as many sessions as strangers may begin. */
export function floodOf(at: number, events: number): readonly ToldEvent[] {
  return Array.from({ length: events }, (_, index) => ({
    at: at + index / (events * 10),
    level: index % 5 === 0 ? 'info' : 'debug',
    kind: 'message',
    text: `received IKE_SA_INIT request 0 [SA KE Ni] of a stranger, ${index} of ${events}`,
    fields: {
      session: `s${(at * 7 + index) % 4000}`,
      peer: `10.54.${index % 4}.${index % 250}`,
      way: 'received',
      isSealed: false,
      again: false,
    },
  }))
}

function exchange(peer: Peer, at: number, isFine: boolean): readonly ToldEvent[] {
  const session = `${(peer.index * 65_537 + Math.floor(at)).toString(16).padStart(8, '0')}99aabb01`
  const fields = { session, peer: peer.address }
  const message = (offset: number, way: 'sent' | 'received', text: string, isSealed = true): ToldEvent => ({
    ...{ at: at + offset, level: 'debug', kind: 'message', text, fields: { ...fields, way, isSealed, again: false } },
  })
  const begun = [
    message(
      0,
      'sent',
      'IKE_SA_INIT request 0 [SA KE Ni N(NAT_DETECTION_SOURCE_IP) N(NAT_DETECTION_DESTINATION_IP)]',
      false,
    ),
    message(0.02, 'received', 'IKE_SA_INIT response 0 [SA KE Nr CERTREQ]', false),
    message(0.05, 'sent', 'IKE_AUTH request 1 [IDi CERT CERTREQ AUTH SA TSi TSr]'),
  ]
  if (isFine)
    return [
      ...begun,
      message(0.09, 'received', 'IKE_AUTH response 1 [IDr CERT AUTH SA TSi TSr]'),
      {
        at: at + 0.1,
        level: 'info',
        kind: 'session-established',
        text: `IKEv2 with ${peer.address} (${peer.name}): aes256gcm16-prfsha384-ecp384-mlkem768`,
        fields,
      },
      {
        at: at + 0.1,
        level: 'info',
        kind: 'child-established',
        text: `Keys with ${peer.address} for “Everything between the domain controllers”: esp-aes256gcm16, transport`,
        fields,
      },
    ]
  return [
    ...begun,
    message(0.08, 'received', 'IKE_AUTH response 1 [N(AUTHENTICATION_FAILED)]'),
    {
      ...{ at: at + 0.1, level: 'warning', kind: 'session-failed', fields },
      text: `${peer.address} does not accept our certificate: it answers AUTHENTICATION_FAILED. Its certificate authority is another than ours; nothing is sent in clear.`,
    },
  ]
}

export const madeUpPolicy: PolicyView = {
  ...{
    name: 'Domain controllers',
    profile: 'windows-2000-sp1',
    source: 'policies/domain-controllers.yaml',
    moreRules: 0,
  },
  rules: [
    {
      ...{
        name: 'Everything between the domain controllers',
        action: 'negotiate',
        filters: ['any me ↔ 10.54.0.0/22', 'any me ↔ 2001:db8:54::/64'],
      },
      ...{
        moreFilters: 0,
        mode: 'transport',
        security: ['esp-aes256gcm16', 'esp-aes128gcm16'],
        keying: ['ikev2', 'ikev1'],
      },
      ...{
        authentication: ['certificate of dc1.corp.test, of the authority Corp test CA'],
        encapsulation: 'UDP where there is NAT',
      },
      ...{ fallBackToClear: false, acceptUnsecuredInbound: false },
    },
    {
      ...{
        name: 'Databases in a tunnel',
        action: 'negotiate',
        filters: ['tcp me → 10.54.0.5 port 1433'],
        moreFilters: 0,
        mode: 'tunnel',
      },
      ...{ security: ['esp-aes256gcm16'], keying: ['ikev2'], authentication: ['pre-shared key'], encapsulation: null },
      ...{ fallBackToClear: false, acceptUnsecuredInbound: true },
    },
    {
      ...{
        name: 'Printers',
        action: 'negotiate',
        filters: ['tcp me → 10.54.0.4 port 9100'],
        moreFilters: 0,
        mode: 'transport',
      },
      ...{ security: ['esp-aes128gcm16'], keying: ['ikev2'], authentication: ['Kerberos'], encapsulation: null },
      ...{ fallBackToClear: true, acceptUnsecuredInbound: false },
    },
    {
      ...{
        name: 'Nothing to the old network',
        action: 'block',
        filters: ['any me ↔ 192.168.7.0/24'],
        moreFilters: 3,
        mode: null,
      },
      ...{ security: [], keying: [], authentication: [], encapsulation: null },
      ...{ fallBackToClear: false, acceptUnsecuredInbound: false },
    },
  ],
}

export function previewOf(value: number, asked: number): SettingPreview {
  const [now, then] = asked > value ? (['exempt', 'secured'] as const) : (['secured', 'exempt'] as const)
  const words = 'Between this host and 10.54.0.0/22, by the rule “Everything between the domain controllers”.'
  return {
    ...{ name: 'NoDefaultExempt', value, from: 'registry', asked, isChangeable: true, whyNot: null },
    where: 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC\\NoDefaultExempt',
    values: [
      { value: 0, meaning: 'IKE, Kerberos, RSVP, multicast and broadcast are exempt' },
      { value: 1, meaning: 'IKE, multicast and broadcast are exempt' },
    ],
    changes: asked === value ? [] : ['Kerberos', 'RSVP'].map(title => ({ title, now, then, words })),
    warnings:
      asked > value
        ? [
            'Rules that authenticate with Kerberos need its exemption: a domain controller may then not be reached to get the ticket that reaching it needs (KB 254949).',
          ]
        : [],
  }
}
