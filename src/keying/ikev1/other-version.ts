// Hosts that have only one version of IKE with each other. One that speaks IKEv1 alone answers the first message of IKEv2 by a
// notification of its own version, in clear, under the SPI that it takes for a cookie (RFC 2408 §5.2), or by one of IKEv2 under
// a header of its own version. Anybody on the way can write it: it is a hint, and better answers count still.
import { formatAddress } from '../../base/address.ts'
import { type IkeHeader, isResponse } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, readHeader, readMessage } from '../../wire/ike/message.ts'
import { notifyTypeOf } from '../../wire/ike/notify.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import { readMessageV1 } from '../../wire/ike/v1-message.ts'
import { notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { rulesForPeer } from '../candidates.ts'
import { firstRequest, VERSION_AT } from '../first-look.ts'
import { type KeyingOutput, type OutsideWorld, type Path, report, type World } from '../machine.ts'
import { RateLimit } from '../rate-limit.ts'
import { noSupport } from './announcements.ts'
import { findAll } from './opened.ts'
import { clearNotify, cookieOctets } from './sending.ts'

/** The SPI of the session that it is about, where the message says that. */
export function saysOtherVersion(header: IkeHeader, octets: Uint8Array): bigint | undefined {
  const isSaid =
    header.exchange === exchangeTypes.of.IKE_SA_INIT ? isSaidByIkev2(header, octets) : isSaidByIkev1(header, octets)
  return isSaid ? header.initiatorSpi : undefined
}

function isSaidByIkev1({ exchange }: IkeHeader, octets: Uint8Array): boolean {
  if (exchange !== exchangeTypesV1.of.informational) return false
  const read = readMessageV1(octets)
  if (!read.ok || read.value.kind !== 'clear') return false
  const version = notifyTypesV1.of['INVALID-MAJOR-VERSION']
  return findAll(read.value.payloads, 'notify').some(({ type }) => type === version)
}

/** RFC 7296 §2.5: an answer in IKEv2's form whose header has the version that the peer does speak. */
function isSaidByIkev2(header: IkeHeader, octets: Uint8Array): boolean {
  if (!isResponse(header)) return false
  const asIkev2 = octets.slice()
  asIkev2[VERSION_AT] = IKE_VERSION_2.major << 4
  const read = readMessage(asIkev2)
  const version = notifyTypeOf('INVALID_MAJOR_VERSION')
  return read.ok && read.value.payloads.some(one => one.kind === 'notify' && one.type === version)
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
