// IKEv2 handshakes, each with its first child: both roles in one process here, next to two strongSwans that do the same in
// the same rounds. What counts is processor time of both roles together, since the machine has other things to do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KeyingEndpoint } from '../src/keying/endpoint.ts'
import { type HostCertificate, LabAuthority } from '../test/interop/ike/certificates.ts'
import { agreeByMlKem, agreeByX25519, proveByEcdsa } from './bare-operations.ts'
import { median, type Row, type Table } from './bench.ts'
import { shakeHands, sharedWorld, type WorldBut, withoutCookies } from './handshake-hosts.ts'
import { HandshakeSockets } from './handshake-sockets.ts'
import { StrongSwanPair, type StrongSwanWords, whyNoPair } from './strongswan-handshakes.ts'
import { whyNoVethPair } from './veth-pair.ts'

const ROUNDS = 7
const COUNT = 200
const SECRET = 'a secret of the benchmark'
const STRONGSWAN = 'strongSwan 5.9'
const IDENTITY = 'host.test'

/** Processor seconds and seconds on the clock, for one handshake. */
interface Cost {
  readonly processor: number
  readonly clock: number
}

interface Contest {
  readonly title: string
  readonly world: WorldBut
  readonly strongSwan?: StrongSwanWords
  readonly bare: () => void
}

export async function benchHandshakes(): Promise<readonly Table[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-bench-'))
  const authority = new LabAuthority('ecdsa-256')
  const closings = [() => authority.close(), () => rmSync(folder, { recursive: true })]
  try {
    const host = authority.issue('host', [`DNS:${IDENTITY}`], 'ecdsa-256')
    for (const [name, text] of [
      ['ca.pem', authority.certificate],
      ['own.pem', host.certificate],
      ['own.key', host.key],
    ] as const) {
      writeFileSync(join(folder, name), text)
    }
    const why = whyNoPair()
    if (why !== '') console.error(`handshakes: strongSwan is left out: ${why}`)
    const sockets = whyNoVethPair() === '' ? new HandshakeSockets() : undefined
    closings.push(() => sockets?.close())
    const strongSwan = why === '' ? await StrongSwanPair.start() : undefined
    try {
      const tables: Table[] = []
      for (const contest of contests(folder, authority, host)) {
        tables.push(await measure(contest, sockets, contest.strongSwan === undefined ? undefined : strongSwan))
      }
      return tables
    } finally {
      await strongSwan?.close()
    }
  } finally {
    for (const close of closings.toReversed()) close()
  }
}

function contests(folder: string, authority: LabAuthority, host: HostCertificate): readonly Contest[] {
  const certificate = { certificate: { ca: 'ca.pem', own: 'own.pem', key: 'own.key', identity: IDENTITY } }
  const world = (ike: string, esp: string, authentication: object) =>
    sharedWorld({ ike: [ike], esp, authentication, folder }, withoutCookies)
  const small = ['aes128gcm16-prfsha256-curve25519', 'esp-aes128gcm16'] as const
  const theirs = { ike: 'aes128gcm16-prfsha256-x25519', esp: 'aes128gcm16' }
  const proof = {
    ...{ auth: 'ecdsa-sha256', id: IDENTITY },
    ...{ certificates: [host.certificate], authorities: [authority.certificate] },
  }
  return [
    {
      title: 'IKEv2 handshakes: X25519, pre-shared key',
      world: world(...small, { preSharedKey: SECRET }),
      strongSwan: { ...theirs, authentication: { auth: 'psk' }, secret: SECRET },
      bare: agreeByX25519,
    },
    {
      title: 'IKEv2 handshakes: X25519, ECDSA P-256 certificates',
      world: world(...small, certificate),
      strongSwan: { ...theirs, authentication: proof, key: host.key },
      bare: () => {
        agreeByX25519()
        proveByEcdsa()
      },
    },
    {
      title: 'IKEv2 handshakes: X25519 and ML-KEM-768, ECDSA P-256 certificates',
      world: world('aes256gcm16-prfsha384-curve25519+mlkem768', 'esp-aes256gcm16', certificate),
      bare: () => {
        agreeByX25519()
        agreeByMlKem()
        proveByEcdsa()
      },
    },
  ]
}

async function measure(
  { title, world, strongSwan: words, bare }: Contest,
  sockets: HandshakeSockets | undefined,
  strongSwan: StrongSwanPair | undefined,
): Promise<Table> {
  let responder = new KeyingEndpoint()
  const alternatives = new Map<string, () => Promise<Cost>>()
  if (strongSwan !== undefined && words !== undefined) {
    await strongSwan.use(words)
    for (const [name, extent] of [
      [STRONGSWAN, 'whole'],
      [`${STRONGSWAN}, sessions without a child`, 'childless'],
    ] as const) {
      alternatives.set(name, async () => {
        const { processorSeconds, seconds } = await strongSwan.run(COUNT, extent)
        return { processor: processorSeconds / COUNT, clock: seconds / COUNT }
      })
    }
  }
  alternatives.set('sealwire, datagrams in memory', () => {
    responder = new KeyingEndpoint()
    return each(COUNT, number => shakeHands(responder, number, world))
  })
  if (sockets !== undefined)
    alternatives.set('sealwire, UDP sockets', () => all(COUNT, () => sockets.run(COUNT, world)))
  alternatives.set('bare operations on keys, by node:crypto', () => each(COUNT, bare))
  // Warm, as a host is that has run for a while.
  for (let number = 0; number < 5 * COUNT; number++) shakeHands(responder, number, world)
  const costs = new Map<string, Cost[]>([...alternatives.keys()].map(name => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of alternatives) costs.get(name)!.push(await run())
  }
  const costOf = (name: string) => median(costs.get(name)!.map(({ processor }) => processor))
  const isCompared = costs.has(STRONGSWAN)
  const reference = isCompared ? STRONGSWAN : 'sealwire, datagrams in memory'
  const rows: Row[] = [...costs].map(([name, found]) => ({
    what: name,
    value: `${(1 / costOf(name)).toFixed(0)} (${(1e6 * costOf(name)).toFixed(0)} µs; on the clock ${(1e6 * median(found.map(({ clock }) => clock))).toFixed(0)} µs)`,
    ratio: (costOf(reference) / costOf(name)).toFixed(2),
  }))
  return {
    title,
    unit: 'a second of processor time',
    against: isCompared ? 'strongSwan' : 'sealwire in memory',
    rows,
    remarks: [
      `Both roles together, from the first octet to the keys of the first child at both ends. Medians of ${ROUNDS} rounds in turn of ${COUNT} handshakes each. All peers have one certificate, so that both programs know its signature from before.`,
      ...(isCompared
        ? [
            "strongSwan's count is of two daemons in two network namespaces with 16 threads each, and has in it what it does with the keys: ESP in user space by kernel-libipsec, look-ups of routes by netlink, vici. Its sessions without a child (RFC 6023) show what it costs without what is installed, and make fewer keys than ours.",
          ]
        : []),
    ],
  }
}

async function each(count: number, run: (number: number) => void): Promise<Cost> {
  return all(count, async () => {
    for (let number = 0; number < count; number++) run(number)
  })
}

/** With what the engine does in other threads: compiling and collecting. */
async function all(count: number, run: () => Promise<void>): Promise<Cost> {
  const [before, start] = [process.cpuUsage(), performance.now()]
  await run()
  const { user, system } = process.cpuUsage(before)
  return { processor: (user + system) / 1e6 / count, clock: (performance.now() - start) / 1000 / count }
}
