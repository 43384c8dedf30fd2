// A peer that has proved itself and sends whatever it likes: every message that is in order by its form ends as a step or
// a refusal, and nothing throws.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../base/random.ts'
import { ruleFaults } from '../../wire/ike/exchange-rules.ts'
import { isResponse } from '../../wire/ike/header.ts'
import type { MessageHeader } from '../../wire/ike/message.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import type { TrafficSelector } from '../../wire/ike/traffic-selectors.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import type { ExchangeName } from './step.ts'
import { type Host, RULE, TwoHosts, WAITING } from './test-two-hosts.ts'
import { transitionFor } from './transitions.ts'

const RUNS = process.env['SEALWIRE_LONG_TESTS'] === '1' ? 400 : 12

/** Every honest message of these stories is changed in many ways before the honest one arrives. */
const stories: readonly ((hosts: TwoHosts) => void)[] = [
  ({ one }) => one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } }),
  ({ one, two }) => {
    for (const host of [one, two]) host.wants({ kind: 'rekey-child', name: host.children[0]!.name })
  },
  ({ one, two }) => {
    for (const host of [one, two]) host.wants({ kind: 'rekey-session' })
  },
  ({ one }) => one.wants({ kind: 'delete-children', names: [one.children[0]!.name], why: 'a test' }),
  ({ two }) => two.wants({ kind: 'delete-session', why: 'a test' }),
]

function changed(one: Payload, random: Random): Payload {
  const below = (count: number) => Math.floor(random.fraction() * count)
  const octets = (count: number) => {
    const bytes = new Uint8Array(count)
    random.fill(bytes)
    return bytes
  }
  switch (one.kind) {
    case 'security-association': {
      const proposals = one.proposals.map(proposal => ({
        ...proposal,
        protocol: below(3) === 0 ? below(5) : proposal.protocol,
        spi: below(3) === 0 ? octets(below(10)) : proposal.spi,
        transforms: proposal.transforms.flatMap(each => {
          if (below(6) === 0) return []
          return below(6) === 0 ? [each, { ...each, id: below(40), type: below(14) }] : [each]
        }),
      }))
      return payload('security-association', { proposals })
    }
    case 'nonce':
      return payload('nonce', { nonce: octets(16 + below(240)) })
    case 'key-exchange': {
      const method = below(2) === 0 ? below(40) : one.method
      return payload('key-exchange', { method, publicValue: below(2) === 0 ? octets(below(80)) : one.publicValue })
    }
    case 'initiator-selectors':
    case 'responder-selectors': {
      const selectors = Array.from({ length: below(6) }, (): TrafficSelector => {
        if (below(5) === 0) return { kind: 'other', type: 10, second: below(255), data: octets(below(20)) }
        const family = below(3) === 0 ? 6 : 4
        const address = () => {
          const words = family === 4 ? [0x0a360000 + below(4)] : [below(3), 0, 0, below(4)]
          return { family, words } as const
        }
        const [startPort, endPort] = [below(2) * 65535, below(2) * 65535]
        return { kind: 'addresses', protocol: below(20), startPort, endPort, start: address(), end: address() }
      })
      return payload(one.kind, { selectors })
    }
    case 'delete': {
      const spiSize = below(2) * 4
      return payload('delete', { protocol: 1 + below(4), spiSize, spis: spiSize === 0 ? [] : [octets(4), ...one.spis] })
    }
    case 'notify': {
      const type = below(2) === 0 ? 1 + below(50) : 16_384 + below(64)
      const spi = below(2) === 0 ? octets(below(6)) : one.spi
      return payload('notify', { protocol: below(4), type, spi, data: octets(below(30)) })
    }
    default:
      return one
  }
}

function anyOf(payloads: readonly Payload[], random: Random): readonly Payload[] {
  const below = (count: number) => Math.floor(random.fraction() * count)
  const notify = { protocol: 0, type: 0, spi: new Uint8Array(0), data: new Uint8Array(0) }
  const more: readonly Payload[] = below(4) === 0 ? [changed(payload('notify', notify), random)] : []
  const bare: readonly Payload[] = below(8) === 0 ? [] : payloads
  return [...more, ...bare.flatMap(one => (below(8) === 0 ? [] : below(2) === 0 ? [changed(one, random)] : [one]))]
}

function hear(host: Host, header: MessageHeader, payloads: readonly Payload[]): 'in order' | 'not in order' {
  const sealed = { kind: 'encrypted', critical: false, firstInside: 0, data: new Uint8Array(0) } as const
  if (ruleFaults({ header, payloads: [sealed] }, payloads).length > 0) return 'not in order'
  const name = exchangeTypes.nameOf(header.exchange) as ExchangeName
  for (const session of host.sessions) {
    const row = transitionFor(session, name, isResponse(header) ? 'response' : 'request', payloads)
    const step = row?.run(session, { header, payloads, octets: new Uint8Array(0), path: session.path }, host.world)
    if (step === undefined || 'kind' in step) continue
    const to: readonly string[] = row?.to ?? []
    assert.ok(to.includes(step.session?.state.kind ?? 'gone'), row?.story ?? name)
  }
  return 'in order'
}

/** The story again up to a message that is still on its way; handlers use key exchanges up, so that each change has its own. */
function upTo(story: number, delivered: number, keyExchange: string): TwoHosts | undefined {
  const ike = { security: [`aes128gcm16-prfsha256-${keyExchange}`] }
  const hosts = new TwoHosts({ changes: { freshKeys: true, keyExchange }, policy: { ike } })
  if (story > 0) hosts.withChild()
  stories[story]!(hosts)
  for (let count = 0; count < delivered; count++) hosts.deliver(next(hosts).from)
  return hosts.one.wire.length + hosts.two.wire.length === 0 ? undefined : hosts
}

function next({ one, two }: TwoHosts): { readonly from: Host; readonly to: Host } {
  return one.wire.length > 0 ? { from: one, to: two } : { from: two, to: one }
}

for (const [name, keyExchange] of [
  ['with one key exchange', 'curve25519'],
  ['with several', 'curve25519+mlkem512'],
] as const) {
  test(`changed messages of children and sessions ${name} throw nothing and lead nowhere that the table does not say`, () => {
    const random = seededRandom(1)
    let heard = 0
    for (const story of stories.keys()) {
      for (let delivered = 0; upTo(story, delivered, keyExchange) !== undefined; delivered++) {
        for (let run = 0; run < RUNS; run++) {
          const { from, to } = next(upTo(story, delivered, keyExchange)!)
          const sent = from.eventsOf('message').findLast(({ way }) => way === 'sent')!
          if (hear(to, sent.header, anyOf(sent.payloads, random)) === 'in order') heard++
        }
      }
    }
    assert.ok(heard > 20, `${heard} were in order`)
  })
}
