// Hosts that have only one version of IKE with each other. One that speaks IKEv1 alone answers the first message of IKEv2 by a notification of its own version, in clear, under the
// SPI that it takes for a cookie (RFC 2408 §5.2). Anybody on the way can write it: it is a hint, and better answers count still.
import { formatAddress } from '../../base/address.ts'
import type { IkeHeader } from '../../wire/ike/header.ts'
import { readHeader } from '../../wire/ike/message.ts'
import { readMessageV1 } from '../../wire/ike/v1-message.ts'
import { notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { rulesForPeer } from '../candidates.ts'
import { firstRequest } from '../first-look.ts'
import { type KeyingOutput, type OutsideWorld, type Path, report, type World } from '../machine.ts'
import { RateLimit } from '../rate-limit.ts'
import { noSupport } from './announcements.ts'
import { findAll } from './opened.ts'
import { clearNotify, cookieOctets } from './sending.ts'

/** The SPI of the session that it is about, where the message says that. */
export function saysOtherVersion(header: IkeHeader, octets: Uint8Array): bigint | undefined {
  if (header.exchange !== exchangeTypesV1.of.informational) return undefined
  const read = readMessageV1(octets)
  if (!read.ok || read.value.kind !== 'clear') return undefined
  const version = notifyTypesV1.of['INVALID-MAJOR-VERSION']
  return findAll(read.value.payloads, 'notify').some(({ type }) => type === version) ? header.initiatorSpi : undefined
}

/** Answers a second and at once: they go to addresses that nobody has proved. */
const ANSWERED = [5, 20] as const

/** This host, where its rules have IKEv1 alone for whoever begins by IKEv2. */
export class OtherVersion {
  readonly #limit = new RateLimit(...ANSWERED)

  /** Undefined where the message is IKEv2's to answer. */
  answer(path: Path, bytes: Uint8Array, world: OutsideWorld): readonly KeyingOutput[] | undefined {
    const octets = firstRequest(path, bytes)
    if (octets === undefined || !world.policy.policy.rules.some(isOfVersion1)) return undefined
    if (rulesForPeer(world.policy, path, 'ikev2').length > 0) return undefined
    const [rule] = rulesForPeer(world.policy, path, 'ikev1')
    const header = readHeader(octets)
    if (rule === undefined || !header.ok) return undefined
    if (!this.#limit.allows(world.now)) return []
    const cookies = { initiator: cookieOctets(header.value.initiatorSpi), responder: new Uint8Array(8) }
    const bare = {
      id: '',
      role: 'responder',
      cookies,
      path,
      rule: rule.name,
      support: noSupport,
      begunAt: world.now,
    } as const
    const peer = path.remote.address
    const what = `${formatAddress(peer)} begins by IKEv2, and the rule ${rule.name} has IKEv1 for it`
    return [
      ...clearNotify(bare, 'INVALID-MAJOR-VERSION', world as World),
      report({ kind: 'session-failed', peer, what }),
    ]
  }
}

function isOfVersion1({ keying }: { readonly keying: readonly string[] }): boolean {
  return keying.includes('ikev1')
}
