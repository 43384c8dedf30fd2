// What the messages of quick mode are made of beside the agreement, and what is said where there is none.
import { respondToKeyExchange, type SharedSecret } from '../../crypto/run-key-exchange.ts'
import { notificationV1, plainNotificationV1, readNotifyV1 } from '../../wire/ike/v1-notify.ts'
import type { notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { protocolIdsV1 } from '../../wire/ike/v1-numbers.ts'
import { type NotifyV1, type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { lifetimeAttributes, lifetimesOf, type ProposalV1 } from '../../wire/ike/v1-security-association.ts'
import { ipsecAttributes } from '../../wire/ike/v1-transform-numbers.ts'
import { readSpi, spiBytes } from '../association-pair.ts'
import type { ChildWish } from '../child-rule.ts'
import type { Child1Choice } from '../choose-child-v1.ts'
import { agreedLifetimes } from '../choose-proposal-v1.ts'
import { identityOfAddress } from '../identity.ts'
import { type KeyingOutput, report, type World } from '../machine.ts'
import { isInUdp } from '../nat-findings.ts'
import { type Driven, find, findNotify, type News } from './opened.ts'
import { LINGER, tell, withExchange } from './phase-two.ts'
import { about, type ChildTerms, type Established, type QuickSent, type Session } from './session.ts'
import { windowsExchange } from './windows-errors.ts'

type Standing = Session<Established>

const LIFE = { type: ipsecAttributes.of['life type'], duration: ipsecAttributes.of['life duration'] }

/**
 * The addresses in front of a NAT, the initiator's first: checksums inside a packet were made with them (RFC 3947 §5.2). Those
 * of the peer are not needed here: the TUN data plane makes such checksums anew (translated-checksum.ts), the kernel's does not
 * look at them, and what a peer claims of addresses is nobody's proof.
 */
export function originalAddresses(
  { path, state, support }: Standing,
  mode: ChildTerms['mode'],
  isAnswer = false,
): readonly PayloadV1[] {
  if (mode === 'tunnel' || !isInUdp(state.nat) || support.nat === 'none') return []
  const kind = support.nat === 'rfc' ? 'nat-original-address' : 'draft-nat-original-address'
  const [own, peer] = [path.local.address, path.remote.address]
  return (isAnswer ? [peer, own] : [own, peer]).map(address => {
    const { type, data } = identityOfAddress(address)
    return payloadV1(kind, { type, address: data })
  })
}

/** Nothing comes of it: the packet that waits is told. */
export function wishFailed(session: Session, { rule, flow }: ChildWish, what: string): readonly KeyingOutput[] {
  const failed = report({ ...about(session), kind: 'child-failed', rule, what })
  return flow === undefined ? [failed] : [{ kind: 'refuse', rule, flow }, failed]
}

/** Ours is the shorter one: an initiator that counts on, would lose its packets (RFC 2407 §4.6.3.1). */
export function shorterLifetime({ choice, spis }: ChildTerms): readonly PayloadV1[] {
  if (!choice.isShortened) return []
  const { protocol } = choice.layers.at(-1)!.suite
  const about = { protocol: protocolIdsV1.of[protocol === 'esp' ? 'ESP' : 'AH'], spi: spiBytes(spis[protocol]) }
  return [notificationV1('RESPONDER-LIFETIME', { attributes: lifetimeAttributes(choice.lifetimes, LIFE) }, about)]
}

export function answerExchange({ method }: Child1Choice, payloads: readonly PayloadV1[], { random }: World) {
  const came = find(payloads, 'key-exchange')
  if (method === undefined) {
    return came === undefined ? { payloads: [], shared: undefined } : 'a public value came without a group for it'
  }
  if (came === undefined) return `a group was agreed on and no public value came for it`
  const made = respondToKeyExchange(method, came.publicValue, random)
  if (!made.ok) return `the key exchange of the peer: ${made.error.what}`
  return { payloads: [payloadV1('key-exchange', { publicValue: made.value.public })], shared: made.value.secret }
}

/** To the peer by a notification under keys of main mode, to people in words. */
export function refuse(
  session: Standing,
  name: keyof typeof notifyTypesV1.of,
  proposals: readonly ProposalV1[] | undefined,
  what: string,
  world: World,
): Driven {
  const first = proposals?.[0]
  const spi = first?.spi.length === 4 ? first.spi : new Uint8Array(0)
  const { session: next, outputs } = tell(
    session,
    [plainNotificationV1(name, { protocol: first?.protocol ?? protocolIdsV1.of.ESP, spi })],
    world,
  )
  return { session: next, outputs: [...outputs, report({ ...about(session), kind: 'child-failed', what })] }
}

export function sharedWith(
  { begun: { exchange } }: QuickSent,
  payloads: readonly PayloadV1[],
): { readonly secret: SharedSecret | undefined } | string {
  const came = find(payloads, 'key-exchange')
  if (exchange === undefined)
    return came === undefined ? { secret: undefined } : 'the peer sends a public value that nobody asked for'
  if (came === undefined) return 'the peer agrees on fresh keys and sends no public value'
  const shared = exchange.finish(came.publicValue)
  return shared.ok ? { secret: shared.value } : `the key exchange of the peer: ${shared.error.what}`
}

export function withResponderLifetime(terms: ChildTerms, payloads: readonly PayloadV1[]): ChildTerms {
  const notify = findNotify(payloads, 'RESPONDER-LIFETIME')
  const read = notify && readNotifyV1(notify)
  if (read?.ok !== true || read.value.kind !== 'RESPONDER-LIFETIME') return terms
  const theirs = lifetimesOf(read.value.attributes, LIFE)
  if (theirs === undefined) return terms
  const { lifetimes } = agreedLifetimes(terms.choice.lifetimes, [theirs])
  return { ...terms, choice: { ...terms.choice, lifetimes } }
}

/** The peer has made what we cannot use: it hears so at once. */
export function undone(
  session: Standing,
  messageId: number,
  { begun }: QuickSent,
  payloads: readonly PayloadV1[],
  what: string,
  world: World,
): Driven {
  begun.exchange?.close()
  const proposals = find(payloads, 'security-association')?.proposals ?? []
  const deletions = proposals
    .filter(
      ({ protocol, spi }) =>
        spi.length === 4 && [protocolIdsV1.of.ESP, protocolIdsV1.of.AH].some(one => one === protocol),
    )
    .slice(0, 2)
    .map(({ protocol }) => {
      const spi = spiBytes(begun.spis[protocol === protocolIdsV1.of.AH ? 'ah' : 'esp'])
      return payloadV1('delete', { doi: 1, protocol, spiSize: 4, spis: [spi] })
    })
  const over = {
    ...session,
    state: withExchange(session.state, messageId, { kind: 'over', until: world.now + LINGER }, world.now),
  }
  const told = deletions.length === 0 ? { session: over, outputs: [] } : tell(over, deletions, world)
  return { session: told.session, outputs: [...told.outputs, ...wishFailed(session, begun.wish, what)] }
}

/** The same of a child that stands, in whichever message under keys it comes. */
export function childLifetime(notify: NotifyV1): readonly News[] {
  const read = readNotifyV1(notify)
  if (!read.ok || read.value.kind !== 'RESPONDER-LIFETIME' || notify.spi.length !== 4) return []
  const seconds = lifetimesOf(read.value.attributes, LIFE)?.seconds
  return seconds === undefined ? [] : [{ kind: 'child-lifetime', spi: readSpi(notify.spi), seconds }]
}

/** [MS-IKEE] §2.2.8, in words; it asks for nothing that our own policy does not settle. */
export function exchangeInfo(session: Session, payloads: readonly PayloadV1[]): readonly KeyingOutput[] {
  const notify = findNotify(payloads, 'MS-EXCHANGE-INFO')
  const read = notify && readNotifyV1(notify)
  if (read?.ok !== true || read.value.kind !== 'MS-EXCHANGE-INFO') return []
  return [
    report({
      ...about(session),
      kind: 'warning',
      what: `the peer, a Windows, tells of what it asks for: ${windowsExchange(read.value.flags)}`,
    }),
  ]
}
