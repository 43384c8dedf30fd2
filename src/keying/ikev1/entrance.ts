// Whose message it is, by its cookies; and who begins a session with this host, and who may not. All of it before a key is
// exchanged or a word believed: a flood of first messages costs a look at each, and memory for only so many.
import { formatAddress } from '../../base/address.ts'
import type { IkeHeader } from '../../wire/ike/header.ts'
import { HEADER_LENGTH } from '../../wire/ike/header.ts'
import { bodiesOfMessageV1, readMessageV1 } from '../../wire/ike/v1-message.ts'
import type { notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { COMMIT_FLAG, ENCRYPTED_FLAG, exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { nameOfInit } from '../init-name.ts'
import type { KeyingOutput, Path, SessionId, World } from '../machine.ts'
import { report } from '../machine.ts'
import { RateLimit } from '../rate-limit.ts'
import { noSupport } from './announcements.ts'
import { markOf } from './flight.ts'
import { answerSa } from './main-mode.ts'
import type { Driven } from './opened.ts'
import { clearNotify, cookieOctets } from './sending.ts'
import type { Session } from './session.ts'
import type { SessionBook } from './session-book.ts'
import { told } from './told.ts'

export interface Entry {
  readonly outputs: readonly KeyingOutput[]
  /** One that has to go for it. */
  readonly gone?: SessionId
  readonly driven?: Driven
  /** The message is known already: it is that session's. */
  readonly again?: Session
}

/** Refusals of strangers that are answered and told, a second and at once: addresses that nobody has proved. */
const REFUSED = [10, 50] as const

const weak = {
  'aggressive mode':
    'the peer asks for aggressive mode, which shows who it is and, where keys are pre-shared, a hash at which everybody who asks can guess the secret at leisure; it is refused',
  base: 'the peer asks for the base exchange, which hides nobody; it is refused',
  'authentication only': 'the peer asks for an exchange without keys; it is refused',
} as const

export class Entrance {
  readonly #book: SessionBook
  readonly #refused = new RateLimit(...REFUSED)
  #initName: string | undefined

  constructor(book: SessionBook) {
    this.#book = book
  }

  /** Each host knows a session by its own cookie; the other one has to fit. */
  sessionOf({ initiatorSpi, responderSpi }: IkeHeader): Session | undefined {
    const initiator = this.#book.get(nameOf(initiatorSpi))
    if (initiator?.role === 'initiator') {
      const { responder } = initiator.cookies
      const isChosen = responder.some(octet => octet !== 0)
      const fits = isChosen ? responder.toHex() === nameOf(responderSpi) : true
      return fits ? initiator : undefined
    }
    const responder = this.#book.get(nameOf(responderSpi))
    return responder?.role === 'responder' && responder.cookies.initiator.toHex() === nameOf(initiatorSpi)
      ? responder
      : undefined
  }

  /** A message of no session that is known. */
  stranger(header: IkeHeader, octets: Uint8Array, path: Path, world: World): Entry {
    const { initiatorSpi, responderSpi, messageId, flags } = header
    if (responderSpi !== 0n || initiatorSpi === 0n || messageId !== 0)
      return ignored(path, 'a message of no session here')
    const exchange = exchangeTypesV1.nameOf(header.exchange)
    if (exchange in weak)
      return this.#refuse(header, path, 'INVALID-EXCHANGE-TYPE', weak[exchange as keyof typeof weak], world)
    if (exchange !== 'main mode' || (flags & (ENCRYPTED_FLAG | COMMIT_FLAG)) !== 0) {
      return ignored(path, `IKEv1: ${exchange} begins no session`)
    }
    const name = nameOfInit(path, octets)
    const known = this.#book.ofInit(name)
    if (known !== undefined) return { outputs: [], again: known }
    const read = readMessageV1(octets)
    if (!read.ok || read.value.kind !== 'clear')
      return ignored(path, read.ok ? 'sealed' : `malformed: ${read.error.what}`)
    const { payloads } = read.value
    const message = {
      header: read.value.header,
      payloads,
      bodies: bodiesOfMessageV1(octets),
      content: octets.subarray(HEADER_LENGTH),
      path,
      mark: markOf(octets),
    }
    const gone = this.#book.crowdedOut(path.remote.address, world.settings)
    const driven = answerSa(message, world)
    const heard = told('received', { id: driven.session?.id ?? '' }, message.header, payloads, path, false, world)
    if (driven.session === undefined) {
      // Whom we refuse we answer, and tell of, only so often.
      return { outputs: [...heard, ...(this.#refused.allows(world.now) ? driven.outputs : [])] }
    }
    this.#initName = name
    return { outputs: heard, driven, ...(gone === undefined ? {} : { gone }) }
  }

  /** The session that the last first message began. */
  remember({ id, role }: Session): void {
    if (role === 'responder' && this.#initName !== undefined) this.#book.rememberInit(this.#initName, id)
    this.#initName = undefined
  }

  #refuse(header: IkeHeader, path: Path, name: keyof typeof notifyTypesV1.of, what: string, world: World): Entry {
    if (!this.#refused.allows(world.now)) return { outputs: [] }
    const cookies = { initiator: cookieOctets(header.initiatorSpi), responder: new Uint8Array(8) }
    const bare = { id: '', role: 'responder', cookies, path, rule: '', support: noSupport, begunAt: world.now } as const
    const peer = path.remote.address
    const failed = report({ kind: 'session-failed', peer, what: `${formatAddress(peer)}: ${what}` })
    return { outputs: [...clearNotify(bare, name, world), failed] }
  }
}

function nameOf(cookie: bigint): SessionId {
  return cookie.toString(16).padStart(16, '0')
}

function ignored(path: Path, what: string): Entry {
  return { outputs: [report({ kind: 'ignored', path, what, peer: path.remote.address })] }
}
