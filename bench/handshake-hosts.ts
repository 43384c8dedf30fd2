// Both roles of IKEv2 in one process, for the benchmark of handshakes: one responder, and an initiator of its own for each
// handshake, as a host with many peers meets them. Datagrams are handed over in memory, or by whoever gives `carry`.
import { loadCredentials } from '../src/agent/load-credentials.ts'
import { type Address, parseAddress } from '../src/base/address.ts'
import { TCP } from '../src/base/flow.ts'
import { systemRandom } from '../src/base/random.ts'
import { monotonicSeconds, unixSeconds } from '../src/base/time.ts'
import { KeyingEndpoint, type OutsideWorld } from '../src/keying/endpoint.ts'
import { defaultKeyingSettings, type KeyingSettings } from '../src/keying/keying-settings.ts'
import type { KeyingInput, KeyingOutput, Path } from '../src/keying/machine.ts'
import { compile } from '../src/policy/compile.ts'
import { readPolicyText } from '../src/policy/policy-text.ts'

export const RESPONDER = parseAddress('10.200.0.1')!
const RULE = 'all'

export interface HandshakeWords {
  /** Names of IKE offers, preferred first. */
  readonly ike: readonly string[]
  readonly esp: string
  /** As in a policy file. */
  readonly authentication: object
  /** Where its files lie. */
  readonly folder: string
}

export type WorldBut = Omit<OutsideWorld, 'now' | 'date'>

/** What both hosts know: they have the same policy, for everything with everybody, and the same credentials. */
export function sharedWorld(
  { ike, esp, authentication, folder }: HandshakeWords,
  changes: Partial<KeyingSettings> = {},
): WorldBut {
  const name = 'bench.json'
  const filters = [{ source: 'any', destination: 'any', mirrored: true }]
  const rule = { name: RULE, filters, action: 'negotiate', security: [esp], authentication: [authentication] }
  const read = readPolicyText(JSON.stringify({ name: 'bench', ike: { security: ike }, rules: [rule] }), name)
  if (!read.ok) throw new Error(JSON.stringify(read.error))
  const { policy } = read.value
  const loaded = loadCredentials(policy, { folder, name, at: unixSeconds() })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error))
  return {
    random: systemRandom,
    policy: compile(policy, { me: 'any' }),
    credentials: loaded.value.credentials,
    settings: { ...defaultKeyingSettings, ...changes },
  }
}

/** No cookies: strongSwan is measured without them too. */
export const withoutCookies: Partial<KeyingSettings> = {
  halfOpen: { cookiesFrom: 1e6, most: 1e6, perAddress: 1e6 },
}

export function present(world: WorldBut): OutsideWorld {
  return { ...world, now: monotonicSeconds(), date: unixSeconds() }
}

/** The n-th initiator's. */
export function initiatorAddress(number: number): Address {
  return { family: 4, words: [0x0ac90000 + 1 + number] }
}

/** What makes the host at `own` begin. */
export function wish(own: Address): KeyingInput {
  const flow = { source: own, destination: RESPONDER, protocol: TCP, sourcePort: 49152, destinationPort: 445 }
  return { kind: 'needs-keys', rule: RULE, flow }
}

/** One handshake from the first octet to the keys of the first child on both sides. */
export function shakeHands(responder: KeyingEndpoint, number: number, world: WorldBut): void {
  const own = initiatorAddress(number)
  const initiator = new KeyingEndpoint()
  const installed = { initiator: 0, responder: 0 }
  const waiting: { readonly to: 'initiator' | 'responder'; readonly path: Path; readonly bytes: Uint8Array }[] = []
  const take = (outputs: readonly KeyingOutput[], by: 'initiator' | 'responder') => {
    for (const output of outputs) {
      if (output.kind === 'install') installed[by]++
      if (output.kind !== 'send') continue
      const { local, remote } = output.path
      const to = by === 'initiator' ? 'responder' : 'initiator'
      waiting.push({ to, path: { local: remote, remote: local }, bytes: output.bytes })
    }
  }
  take(initiator.handle(wish(own), present(world)), 'initiator')
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { to, path, bytes } = next
    const host = to === 'initiator' ? initiator : responder
    take(host.handle({ kind: 'datagram', path, bytes }, present(world)), to)
  }
  if (installed.initiator !== 1 || installed.responder !== 1) throw new Error('a handshake came to nothing')
}
